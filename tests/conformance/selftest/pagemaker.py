"""Bodies of a small index's pages, and the choice among their forms."""

import html
import json
import re

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
TEXT = "text/html"
LATEST = {"application/vnd.pypi.simple.latest+json": JSON, "application/vnd.pypi.simple.latest+html": HTML}
OFFERS = (JSON, HTML, TEXT)


def quality(parameters):
    """The q of a member of Accept or Accept-Encoding, 1 without one, 0 for nonsense."""
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            found = re.fullmatch(r"[01](?:\.\d{0,3})?", value.strip())
            return min(float(value), 1.0) if found else 0.0
    return 1.0


def ranges(header):
    """Members of Accept: (type, quality)."""
    found = []
    for member in header.split(","):
        kind, *parameters = member.split(";")
        if kind.strip():
            found.append((LATEST.get(kind.strip().lower(), kind.strip().lower()), quality(parameters)))
    return found


def choose_form(accept):
    """The form for an Accept header, None for 406."""
    if accept is None or not ranges(accept) or {kind for kind, _ in ranges(accept)} == {"*/*"}:
        return TEXT
    best, chosen = 0.0, None
    for offer in OFFERS:
        matches = []
        for kind, value in ranges(accept):
            if kind == offer:
                matches.append((2, value))
            elif kind == offer.partition("/")[0] + "/*":
                matches.append((1, value))
            elif kind == "*/*":
                matches.append((0, value))
        value = max(matches)[1] if matches else 0.0
        if value > best:
            best, chosen = value, offer
    return chosen


def accepts_coding(header, coding):
    """Whether Accept-Encoding names a coding with a quality above 0."""
    for member in (header or "").split(","):
        name, *parameters = member.split(";")
        if name.strip().lower() == coding:
            return quality(parameters) > 0
    return False


def root_json(names, serial):
    """The JSON project list."""
    return {"meta": {"api-version": "1.4", "_last-serial": serial}, "projects": [{"name": name} for name in names]}


def project_json(project, entries, serial):
    """The JSON page of a project."""
    page = {
        "meta": {"api-version": "1.4", "_last-serial": serial},
        "name": project.name,
        "versions": project.versions(),
        "files": entries,
    }
    if project.status:
        page["project-status"] = {"status": project.status, "reason": "a reason"}
    return page


def file_json(file, base):
    """A file of a JSON page."""
    entry = {
        "filename": file.filename,
        "url": file.url(base),
        "hashes": {"sha256": file.sha256},
        "size": len(file.content),
        "upload-time": "2026-01-02T03:04:05.000006Z",
        "yanked": file.yanked if file.yanked is not None else False,
    }
    if file.requires_python:
        entry["requires-python"] = file.requires_python
    if file.metadata is not None:
        entry["core-metadata"] = {"sha256": file.metadata_sha256}
    if file.provenance:
        entry["provenance"] = file.provenance_url(base)
    return entry


def document(head, anchors, serial):
    """A whole HTML page."""
    lines = [
        "<!DOCTYPE html>",
        "<html>",
        "<head>",
        '<meta name="pypi:repository-version" content="1.4">',
        *head,
        "<title>Index</title>",
        "</head>",
        "<body>",
        *anchors,
        "</body>",
        "</html>",
        f"<!--SERIAL {serial}-->",
        "",
    ]
    return "\n".join(lines)


def root_html(names, serial):
    """The HTML project list."""
    return document([], [f'<a href="{name}/">{name}</a><br>' for name in names], serial)


def project_html(project, entries, serial):
    """The HTML page of a project, from the JSON entries."""
    head = []
    if project.status:
        head.append(f'<meta name="pypi:project-status" content="{project.status}">')
    anchors = []
    for entry in entries:
        attributes = [("href", f"{entry['url']}#sha256={entry['hashes']['sha256']}")]
        if "requires-python" in entry:
            attributes.append(("data-requires-python", entry["requires-python"]))
        if "core-metadata" in entry:
            attributes.append(("data-core-metadata", "sha256=" + entry["core-metadata"]["sha256"]))
        if entry["yanked"]:
            attributes.append(("data-yanked", entry["yanked"] if isinstance(entry["yanked"], str) else ""))
        if "provenance" in entry:
            attributes.append(("data-provenance", entry["provenance"]))
        written = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes)
        anchors.append(f"<a {written}>{html.escape(entry['filename'])}</a><br>")
    return document(head, anchors, serial)


def legacy_json(project, base, version=None):
    """The legacy JSON answer of a project or of one release."""
    finals = [one for one in project.versions() if not re.search("[a-z]", one)]
    shown = version or (finals or project.versions())[-1]
    info = dict.fromkeys(
        [
            "author",
            "author_email",
            "classifiers",
            "description",
            "description_content_type",
            "home_page",
            "keywords",
            "license",
            "project_urls",
            "requires_dist",
            "requires_python",
            "summary",
            "yanked_reason",
        ]
    )
    info.update(name=project.name, version=shown, yanked=False)
    releases = {
        one: [legacy_file(file, base) for file in project.files.values() if file.version == one] for one in project.versions()
    }
    found = {"info": info, "last_serial": project.serial, "releases": releases, "urls": releases[shown], "vulnerabilities": []}
    if version:
        del found["releases"]
    return json.dumps(found).encode()


def legacy_file(file, base):
    """A file of a legacy JSON answer."""
    return {
        "digests": {"sha256": file.sha256},
        "filename": file.filename,
        "packagetype": "bdist_wheel",
        "python_version": "py3",
        "requires_python": file.requires_python,
        "size": len(file.content),
        "upload_time": "2026-01-02T03:04:05",
        "upload_time_iso_8601": "2026-01-02T03:04:05.000006Z",
        "url": base + file.path(),
        "yanked": bool(file.yanked),
        "yanked_reason": None,
    }
