"""What is read: the requests of each row of the table, and how their answers are checked before anything is measured."""

import contextlib
import dataclasses
import hashlib
import pathlib
import random

import synthetic
import wire

MOST_PAGES = 500
"""Pages and files that a row goes through, chosen at random."""

GZIP = {"Accept-Encoding": "gzip"}
FORMS = {"HTML": wire.HTML, "JSON": wire.JSON}
RANGE = (100, 611)
"""First and last byte of the ranges."""


@dataclasses.dataclass(frozen=True)
class Case:
    """Requests (path and headers), connections at once, and what is wrong with an answer (`None`: nothing).

    `size_bytes` is the size of an answer that is so large that few of them end within a run.
    """

    requests: list
    connections: int
    check: object
    size_bytes: int | None = None


class Wrong(Exception):
    """A server answered something else than it should."""


def cases(server, projects: dict) -> dict:
    """Every row for one server, by its name. `projects` is the truth, see `wheels.projects`."""
    shown = [name for name in projects if 5 <= len(projects[name]) <= 50]
    pages = random.Random(3).sample(shown, min(MOST_PAGES, len(shown)))
    with contextlib.closing(wire.connect(server.port)) as connection:
        found = {
            **_pages(projects, pages),
            "304": _not_modified(connection, pages),
            **_large_pages(projects),
            **_files(connection, projects, pages),
        }
    return found


def check(server, case: Case) -> int:
    """Ask each request once; mean bytes of a body on the wire. The first answer that is wrong is an error."""
    sent = 0
    with contextlib.closing(wire.connect(server.port)) as connection:
        for path, headers in case.requests:
            answer = wire.get(connection, path, headers)
            problem = case.check(path, answer)
            if problem:
                raise Wrong(f"{server.name} answered {answer.status} to {path} ({headers}): {problem}")
            sent += answer.sent_bytes
    return round(sent / len(case.requests))


def _status(answer, wanted=200):
    return None if answer.status == wanted else f"the status is not {wanted}"


def _project_url(name) -> str:
    return f"/simple/{name}/"


def _page_check(projects):
    def compare(path, answer):
        if answer.status != 200:
            return "the status is not 200"
        listed = {name: digest for name, (_, digest) in wire.files_of(answer, path).items()}
        wanted = {wheel.name: wheel.sha256 for wheel in projects[path.split("/")[2]]}
        return None if listed == wanted else f"{len(listed)} files are listed, not the {len(wanted)} that were loaded"

    return compare


def _pages(projects, pages) -> dict:
    found = {}
    for form, accept in FORMS.items():
        for suffix, more in (("", {}), (", gzip", GZIP)):
            requests = [(_project_url(name), {"Accept": accept, **more}) for name in pages]
            found[f"page, {form}{suffix}"] = Case(requests, 16, _page_check(projects))
    return found


def _not_modified(connection, pages) -> Case:
    requests = []
    for name in pages:
        headers = {"Accept": wire.JSON, **GZIP}
        tag = wire.get(connection, _project_url(name), headers).headers.get("etag", '""')
        requests.append((_project_url(name), {**headers, "If-None-Match": tag}))
    return Case(requests, 16, lambda _, answer: _status(answer, 304))


def _large_pages(projects) -> dict:
    def lists_all(_, answer):
        names = wire.projects_of(answer) if answer.status == 200 else []
        return None if sorted(names) == list(projects) else f"{len(names)} projects are listed, not {len(projects)}"

    found = {}
    for form, accept in FORMS.items():
        headers = {"Accept": accept, **GZIP}
        big = [(_project_url(synthetic.BIG), headers)]
        found[f"largest page, {form}, gzip"] = Case(big, 4, _page_check(projects))
        found[f"root, {form}, gzip"] = Case([("/simple/", headers)], 4, lists_all)
    return found


def _files(connection, projects, pages) -> dict:
    urls = {}
    for name in [*pages, synthetic.BLOB]:
        page = _project_url(name)
        listed = wire.files_of(wire.get(connection, page, {"Accept": wire.JSON}), page)
        urls.update({url: wheel for wheel in projects[name] for url in [listed[wheel.name][0]]})
    blobs = [url for url, wheel in urls.items() if wheel.project == synthetic.BLOB]
    small = random.Random(5).sample(sorted(set(urls) - set(blobs)), min(MOST_PAGES, len(urls) - len(blobs)))
    first, last = RANGE

    def whole(path, answer):
        same = hashlib.sha256(answer.body).hexdigest() == urls[path].sha256
        return _status(answer) or (None if same else "the SHA-256 is another")

    def part(path, answer):
        wanted = pathlib.Path(urls[path].path).read_bytes()[first : last + 1]
        return _status(answer, 206) or (None if answer.body == wanted else "the bytes of the range are others")

    def metadata(path, answer):
        same = answer.body == urls[path.removesuffix(".metadata")].metadata
        return _status(answer) or (None if same else "the metadata is not that of the wheel")

    return {
        ".metadata": Case([(f"{url}.metadata", {}) for url in small], 16, metadata),
        "small wheel": Case([(url, {}) for url in small], 16, whole),
        "range": Case([(url, {"Range": f"bytes={first}-{last}"}) for url in small], 16, part),
        "64 MB download": Case([(url, {}) for url in blobs], 2, whole, urls[blobs[0]].size_bytes),
    }
