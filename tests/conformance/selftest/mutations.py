"""Ways to break the good server, each with the rules that must fail then."""

import re

from breaking import (
    Mutation,
    answer,
    drop,
    entry,
    files,
    form,
    header,
    headers,
    html,
    is_file,
    is_get,
    is_metadata,
    is_page,
    meta,
    page,
    root,
    status,
    swap,
    text,
    when,
)
from pagemaker import HTML, JSON, OFFERS, TEXT, choose_form

ROUTING = [
    Mutation("root is missing", when(is_page, lambda h: h.path == "/simple/", status(404)), "ROUTE-01"),
    Mutation("project pages are missing", when(is_page, lambda h: h.path != "/simple/", status(404)), "ROUTE-02"),
    Mutation(
        "unknown projects are empty pages",
        when(lambda h: "no-such" in h.path, swap(200, {"Content-Type": TEXT}, b"<!DOCTYPE html>")),
        "ROUTE-03 ROUTE-04 ROUTE-16",
    ),
    Mutation(
        "a page without its slash",
        when(lambda h: h.path == "/simple", swap(200, {"Content-Type": TEXT}, b"<!DOCTYPE html>")),
        "ROUTE-05 ROUTE-06",
    ),
    Mutation(
        "the slash goes elsewhere",
        when(lambda h: not h.path.endswith("/"), header("Location", "/elsewhere/")),
        "ROUTE-06 ROUTE-07",
    ),
    Mutation("redirects lose the query", when(lambda h: "?" in h.path, header("Location", "/simple/x/")), "ROUTE-07"),
    Mutation("some spellings are errors", when(lambda h: "_" in h.path and is_page(h), status(500)), "ROUTE-08"),
    Mutation("spellings lead to the root", when(lambda h: h.path.lower() != h.path, header("Location", "/simple/")), "ROUTE-09"),
    Mutation(
        "redirects name another host",
        answer(lambda s, h, b, r: (s, {**h, **({"Location": "http://inside:80" + h["Location"]} if "Location" in h else {})}, b)),
        "ROUTE-10",
    ),
    Mutation(
        "any name is a project", when(lambda h: "%" in h.path, swap(200, {"Content-Type": TEXT}, b"<!DOCTYPE html>")), "ROUTE-11"
    ),
    Mutation("405 without Allow", answer(lambda s, h, b, r: (s, drop(h, "Allow"), b)), "ROUTE-12"),
    Mutation("PATCH is accepted", when(lambda h: h.command == "PATCH", status(200)), "ROUTE-13"),
    Mutation("the list links other spellings", html(r'<a href="epoch/">', '<a href="Epoch_/">'), "ROUTE-14"),
    Mutation("no second index", when(is_page, status(503)), "ROUTE-15"),
]


LATEST = "application/vnd.pypi.simple.latest+json"


def by_order(accept):
    """The first type of the header that is offered: what careless servers do."""
    kinds = [member.split(";")[0].strip() for member in (accept or "*/*").split(",")]
    return next((kind for kind in kinds if kind in OFFERS), TEXT)


NEGOTIATION = [
    Mutation("no Content-Type", headers(lambda h: drop(h, "Content-Type")), "NEG-01 NEG-02"),
    Mutation(
        "capital letters in the type",
        headers(lambda h: {**h, "Content-Type": h.get("Content-Type", "").replace("vnd.pypi", "vnd.PyPI")}),
        "NEG-02",
    ),
    Mutation(
        "plain application/json",
        headers(
            lambda h: {**h, "Content-Type": h["Content-Type"].replace(JSON, "application/json")} if "Content-Type" in h else h
        ),
        "NEG-02 NEG-03",
    ),
    Mutation(
        "half of the time JSON",
        form(lambda f, h: TEXT if f == JSON and h.path != "/simple/" else f),
        "NEG-03 NEG-08 NEG-10 NEG-11 NEG-12 NEG-13 NEG-15 NEG-17 NEG-23 NEG-24 NEG-25",
    ),
    Mutation("HTML under one type", form(lambda f, h: TEXT if f == HTML else f), "NEG-04"),
    Mutation("HTML under the new type", form(lambda f, h: HTML if f == TEXT else f), "NEG-05 NEG-07 NEG-14 NEG-18 NEG-19"),
    Mutation("no Accept is JSON", form(lambda f, h: JSON if h.headers.get("Accept") is None else f), "NEG-06"),
    Mutation("any type is JSON", form(lambda f, h: JSON if h.headers.get("Accept", "*/*") == "*/*" else f), "NEG-07"),
    Mutation(
        "latest keeps its name",
        when(lambda h: "latest" in h.headers.get("Accept", "") + h.path, header("Content-Type", LATEST)),
        "NEG-08 NEG-09 FORMAT-03",
    ),
    Mutation("order decides", form(lambda f, h: by_order(h.headers.get("Accept"))), "NEG-16 NEG-19 NEG-20 NEG-21 NEG-22"),
    Mutation(
        "quality 0 is nothing",
        form(lambda f, h: JSON if JSON in h.headers.get("Accept", "") else f),
        "NEG-19 NEG-20 NEG-21 NEG-22",
    ),
    Mutation("a default for everything", form(lambda f, h: f or TEXT), "NEG-26"),
    Mutation(
        "300 Multiple Choices",
        when(is_page, lambda h: choose_form(h.headers.get("Accept")) is None, status(300)),
        "NEG-27 NEG-26",
    ),
    Mutation("no Vary", headers(lambda h: drop(h, "Vary")), "NEG-29 COMP-08"),
    Mutation("odd Accepts break it", when(lambda h: h.headers.get("Accept") in ("text/html;q=x", "text"), status(500)), "NEG-30"),
    Mutation(
        "v2 is promised and v1 sent",
        when(
            lambda h: "v2" in h.headers.get("Accept", ""),
            swap(200, {"Content-Type": "application/vnd.pypi.simple.v2+json"}, b"{}"),
        ),
        "NEG-28",
    ),
    Mutation("JSON that is HTML", text(lambda t, f: "<html>" if f == JSON else t), "NEG-31"),
    Mutation("format is not above Accept", form(lambda f, h: HTML if "text%2Fhtml" in h.path else f), "FORMAT-01 FORMAT-02"),
    Mutation("odd formats break it", when(lambda h: "format=image" in h.path, status(500)), "FORMAT-05"),
    Mutation("unknown parameters are refused", when(lambda h: "sic=1" in h.path, status(400)), "FORMAT-06"),
]

HTML_FORM = [
    Mutation("a list without its doctype", html("<!DOCTYPE html>\n", ""), "HTML-01 HTML-02 HTML-03"),
    Mutation("unclosed attribute", html(r'<a href="([^"]*)"', r'<a href="\1" class="x" class="y"'), "HTML-01 HTML-02"),
    Mutation("an anchor twice", html(r"(<a [^\n]*)\n", r"\1\n\1\n"), "HTML-04 HTML-08"),
    Mutation("anchors are numbered", html(r">([^<]+)</a>", r">x\1</a>"), "HTML-05 HTML-10 SAME-01 SAME-02"),
    Mutation("links of projects lead nowhere", html(r'href="([a-z-]+)/"', r'href="no/\1/"'), "HTML-06"),
    Mutation("links without a slash", html(r'href="([a-z-]+)/"', r'href="\1"'), "HTML-07"),
    Mutation("a link to the front page", html("<body>", '<body><a name="top"></a>'), "HTML-09"),
    Mutation("files under their digest", html(r'href="([^"#]*)/[^"#/]*#', r'href="\1/blob#'), "HTML-10"),
    Mutation("no hashes", html(r"#sha256=[0-9a-f]+", ""), "HTML-11 HTML-14"),
    Mutation("hashes in capitals", html(r"#sha256=([0-9a-f]+)", lambda m: "#sha256=" + m[1].upper()), "HTML-12"),
    Mutation("a hash name in capitals", html("#sha256=", "#SHA256="), "HTML-12 HTML-13 HTML-14"),
    Mutation("hashes that are cut", html(r"#sha256=([0-9a-f]{60})[0-9a-f]{4}", r"#sha256=\1"), "HTML-12"),
    Mutation("a strange hash", html(r"#sha256=[0-9a-f]+", "#crc32=01020304"), "HTML-13"),
    Mutation("md5", html(r"#sha256=[0-9a-f]{32}([0-9a-f]{32})", r"#md5=\1"), "HTML-14"),
    Mutation("another digest in HTML", html(r"#sha256=[0-9a-f]{4}", "#sha256=0000"), "SAME-04"),
    Mutation("bare angle brackets", html("&gt;=3.6", ">=3.6"), "HTML-15"),
    Mutation("a strange requires-python", html("&gt;=3.6,&lt;4", "three"), "HTML-16 SAME-05"),
    Mutation("a loose ampersand", html(r'href="(?=\.\.)', 'title="a&b=c" href="'), "HTML-17"),
    Mutation("a strange gpg-sig", html(r'href="(?=\.\.)', 'data-gpg-sig="yes" href="'), "HTML-18"),
    Mutation("gpg-sig on some links", html(r'href="(?=[^"]*plain-1.0-)', 'data-gpg-sig="false" href="'), "HTML-19"),
    Mutation("signatures that are not there", html(r'href="(?=\.\.)', 'data-gpg-sig="true" href="'), "FILE-26"),
    Mutation("the old metadata attribute", html("data-core-metadata", "data-dist-info-metadata"), "HTML-20"),
    Mutation(
        "metadata attributes that differ",
        html("data-core-metadata", 'data-dist-info-metadata="true" data-core-metadata'),
        "HTML-21",
    ),
    Mutation("metadata is false", html(r'data-core-metadata="[^"]*"', 'data-core-metadata="false"'), "HTML-22"),
    Mutation("metadata without a hash", html(r'data-core-metadata="[^"]*"', 'data-core-metadata="true"'), "HTML-23"),
    Mutation("a bare yank", html(r'data-yanked=""', "data-yanked"), "HTML-24"),
    Mutation("provenance of plain http", html(r'data-provenance="[^"]*"', 'data-provenance="http://host/p"'), "HTML-25 SAME-09"),
    Mutation("a relative provenance", html(r'data-provenance="[^"]*"', 'data-provenance="/p"'), "HTML-25"),
    Mutation("no version", html(r"<meta name=\"pypi:repository-version[^>]*>", ""), "HTML-26"),
    Mutation("a version of three numbers", html('content="1.4"', 'content="1.4.0"'), "HTML-27"),
    Mutation("another major version", html('content="1.4"', 'content="2.0"'), "HTML-27"),
    Mutation("the version in the body", html(r"(<meta name=\"pypi:repository[^>]*>)((?:.|\n)*)<body>", r"\2<body>\1"), "HTML-28"),
    Mutation("new features in HTML", html('content="1.4"', 'content="1.5"'), "HTML-29 JSON-31"),
    Mutation("a strange status", html('status" content="[a-z]+"', 'status" content="frozen"'), "HTML-30 SAME-10"),
    Mutation(
        "letters without an encoding",
        [
            html("<body>", "<body>\u00e9"),
            headers(lambda h: {**h, "Content-Type": TEXT} if h.get("Content-Type", "").startswith(TEXT) else h),
        ],
        "HTML-31",
    ),
    Mutation("a file is missing in HTML", html(r"<a [^\n]*plain-1.1[^\n]*\n", ""), "SAME-02"),
    Mutation("a project is missing in HTML", html(r"<a [^\n]*epoch[^\n]*\n", ""), "SAME-01"),
    Mutation("URLs of two kinds", html(r'href="\.\./\.\./files/', 'href="/mirror/files/'), "SAME-03 HTML-32"),
    Mutation("a yank in HTML only", html(r'href="(?=[^"]*plain-1)', 'data-yanked="" href="'), "SAME-06"),
    Mutation("reasons differ", html(r'data-yanked="[^"]+"', 'data-yanked="other"'), "SAME-07"),
    Mutation("metadata in JSON only", html(r'data-core-metadata="[^"]*"', ""), "SAME-08"),
    Mutation("a relative base", html("<head>", '<head><base href="/other/deeper/x/">'), "HTML-06 SAME-03"),
]

JSON_FORM = [
    Mutation("a name twice", text(lambda t, f: t.replace('"size":', '"size": 1, "size":') if f == JSON else t), "JSON-01"),
    Mutation("an array", text(lambda t, f: f"[{t}]" if f == JSON else t), "JSON-01"),
    Mutation("NaN", entry(lambda e: {**e, "_x": float("nan")}), "JSON-01"),
    Mutation("a numeric version", [page(meta("api-version", 1.4)), root(meta("api-version", 1.4))], "JSON-02"),
    Mutation("another major number", [page(meta("api-version", "2.0"))], "JSON-02"),
    Mutation("no meta", page(lambda p: drop(p, "meta")), "JSON-02 JSON-06"),
    Mutation("projects are names", root(lambda p: {**p, "projects": [one["name"] for one in p["projects"]]}), "JSON-03"),
    Mutation("an invalid name", root(lambda p: {**p, "projects": [*p["projects"], {"name": "-x-"}]}), "JSON-04"),
    Mutation("a project twice", root(lambda p: {**p, "projects": [*p["projects"], {"name": "Plain"}]}), "JSON-05"),
    Mutation("no versions", page(lambda p: drop(p, "versions")), "JSON-06"),
    Mutation("a display name", page(lambda p: {**p, "name": p["name"].title()}), "JSON-07"),
    Mutation("no file names", entry(lambda e: drop(e, "filename")), "JSON-08"),
    Mutation("no hashes key", entry(lambda e: drop(e, "hashes")), "JSON-09 JSON-11 JSON-12"),
    Mutation("hashes are null", entry(lambda e: {**e, "hashes": None}), "JSON-09 JSON-27"),
    Mutation("hash names in capitals", entry(lambda e: {**e, "hashes": {"SHA256": e["hashes"]["sha256"]}}), "JSON-10 JSON-12"),
    Mutation("md5 only", entry(lambda e: {**e, "hashes": {"md5": "0" * 32}}), "JSON-11 JSON-12"),
    Mutation("a hash that nobody knows", entry(lambda e: {**e, "hashes": {**e["hashes"], "blake2b_256": "00"}}), "JSON-13"),
    Mutation("another hash first", entry(lambda e: {**e, "hashes": {"blake2b": "00" * 64, **e["hashes"]}}), "JSON-14"),
    Mutation("requires-python is a list", entry(lambda e: {**e, "requires-python": [">=3"]}), "JSON-15"),
    Mutation("requires-python is words", entry(lambda e: {**e, "requires-python": "three or more"}), "JSON-15 META-10"),
    Mutation("core-metadata is text", entry(lambda e: {**e, "core-metadata": "true"}), "JSON-16"),
    Mutation(
        "the old metadata key", entry(lambda e: {**drop(e, "core-metadata"), "dist-info-metadata": True}), "JSON-17 JSON-18"
    ),
    Mutation("gpg-sig is text", entry(lambda e: {**e, "gpg-sig": "false"}), "JSON-19"),
    Mutation("an empty reason", entry(lambda e: {**e, "yanked": ""}), "JSON-20 YANK-04"),
    Mutation("yanked is null", entry(lambda e: {**e, "yanked": None}), "JSON-20 JSON-27"),
    Mutation("size is null", entry(lambda e: {**e, "size": None}), "JSON-21 JSON-27"),
    Mutation("size is text", entry(lambda e: {**e, "size": str(e["size"])}), "JSON-21"),
    Mutation("no size", entry(lambda e: drop(e, "size")), "JSON-21"),
    Mutation("size is wrong", entry(lambda e: {**e, "size": e["size"] + 1}), "FILE-06 FILE-07"),
    Mutation("upload-time with an offset", entry(lambda e: {**e, "upload-time": "2026-01-02T03:04:05+00:00"}), "JSON-22"),
    Mutation("upload-time is a number", entry(lambda e: {**e, "upload-time": 1}), "JSON-22"),
    Mutation("two digits of a second", entry(lambda e: {**e, "upload-time": "2026-01-02T03:04:05.12Z"}), "JSON-23"),
    Mutation("upload-time in the future", entry(lambda e: {**e, "upload-time": "2999-01-02T03:04:05Z"}), "JSON-24"),
    Mutation("upload-time that is no date", entry(lambda e: {**e, "upload-time": "2026-02-31T03:04:05Z"}), "JSON-24"),
    Mutation("no upload-time", entry(lambda e: drop(e, "upload-time")), "JSON-25"),
    Mutation("provenance of plain http in JSON", entry(lambda e: {**e, "provenance": "http://host/p"}), "JSON-26"),
    Mutation("project-status is null", page(lambda p: {**p, "project-status": None}), "JSON-27 JSON-28"),
    Mutation("status is called state", page(lambda p: {**p, "project-status": {"status": "frozen"}}), "JSON-28 SAME-10"),
    Mutation("status in meta", page(meta("project-status", "active")), "JSON-29"),
    Mutation("namespaces in 1.4", page(lambda p: {**p, "namespaces": None}), "JSON-30"),
    Mutation("pages of another version", page(meta("api-version", "1.0")), "JSON-32"),
    Mutation("a file twice", page(lambda p: {**p, "files": p["files"] * 2}), "JSON-33"),
    Mutation("files of others", entry(lambda e: {**e, "filename": "other-1.0-py3-none-any.whl"}), "JSON-34"),
    Mutation("versions twice", page(lambda p: {**p, "versions": p["versions"] * 2}), "JSON-35"),
    Mutation("a version is missing", page(lambda p: {**p, "versions": ["77"]}), "JSON-36"),
    Mutation("versions as written", page(lambda p: {**p, "versions": ["v" + one for one in p["versions"]]}), "JSON-37"),
    Mutation("URLs of no web", entry(lambda e: {**e, "url": "file:///" + e["filename"]}), "JSON-38"),
    Mutation("metadata is denied", entry(lambda e: {**e, "core-metadata": False}), "META-06"),
    Mutation("quarantined files are listed", page(lambda p: {**p, "project-status": {"status": "quarantined"}}), "STATUS-01"),
]

FILES = [
    Mutation("files are gone", when(is_file, status(404)), "FILE-01 FILE-02 FILE-15 YANK-01 STATUS-02"),
    Mutation("other bytes", files(lambda b: b[:-1] + b"!"), "FILE-03"),
    Mutation("URLs end with a digest", entry(lambda e: {**e, "url": e["url"].rpartition("/")[0]}), "FILE-04"),
    Mutation("URLs have a query", entry(lambda e: {**e, "url": e["url"] + "?sig=1"}), "FILE-05"),
    Mutation(
        "no length",
        when(is_file, is_get, answer(lambda s, h, b, r: (s, {**h, "Content-Length": None, "Connection": "close"}, b))),
        "FILE-08",
    ),
    Mutation(
        "wheels in gzip",
        when(is_file, lambda h: "gzip" in h.headers.get("Accept-Encoding", ""), header("Content-Encoding", "gzip")),
        "FILE-09 RANGE-17",
    ),
    Mutation("wheels without a type", when(is_file, header("Content-Type", None)), "FILE-10"),
    Mutation("files are negotiated", when(is_file, lambda h: "json" in h.headers.get("Accept", ""), status(406)), "FILE-11"),
    Mutation("every name is a file", when(lambda h: "/sic-" in h.path and is_file(h), status(200)), "FILE-12"),
    Mutation(
        "saved under another name", when(is_file, header("Content-Disposition", 'attachment; filename="download"')), "FILE-13"
    ),
    Mutation(
        "HEAD is redirected", when(is_file, lambda h: h.command == "HEAD", swap(302, {"Location": "/elsewhere"}, b"")), "FILE-15"
    ),
    Mutation(
        "files move for ever",
        when(
            is_file,
            is_get,
            lambda h: "?" not in h.path,
            lambda h: not h.path.endswith(".metadata"),
            answer(lambda s, h, b, r: (301, {"Location": r.path + "?moved"}, b"")),
        ),
        "FILE-16",
    ),
    Mutation("plus is a space", when(lambda h: "%2B" in h.path, status(404)), "FILE-17 FILE-18"),
    Mutation("plus is not understood", when(lambda h: "local.1" in h.path and "+" in h.path, status(404)), "FILE-17 FILE-18"),
    Mutation("no escaped exclamation mark", when(lambda h: "%21" in h.path, status(404)), "FILE-19"),
    Mutation("no escaped letters", when(lambda h: re.search("%[67]", h.path), status(404)), "FILE-20"),
    Mutation(
        "weak tags of files",
        when(is_file, answer(lambda s, h, b, r: (s, {**h, "ETag": "W/" + h["ETag"]} if "ETag" in h else h, b))),
        "FILE-21",
    ),
    Mutation("files are sent again", when(is_file, lambda h: h.headers.get("If-None-Match"), status(200)), "FILE-22 RANGE-15"),
    Mutation("If-Match is ignored", when(is_file, lambda h: h.headers.get("If-Match"), status(200)), "FILE-23"),
    Mutation("files are kept and not kept", when(is_file, header("Cache-Control", "max-age=99999, no-store")), "FILE-24"),
    Mutation("files vary", when(is_file, header("Vary", "Accept")), "FILE-25"),
    Mutation("metadata is missing", when(is_metadata, status(404)), "META-02 YANK-02"),
    Mutation("metadata is patched", [("metadata", lambda b: b + b"Requires-Dist: x\n")], "META-03 META-04"),
    Mutation("metadata without a name", [("metadata", lambda b: b.replace(b"\nName:", b"\nNome:"))], "META-13"),
    Mutation("metadata without hashes", entry(lambda e: {**e, "core-metadata": True}), "META-05"),
    Mutation("some wheels have none", entry(lambda e: drop(e, "core-metadata") if "1.1" in e["filename"] else e), "META-01"),
    Mutation("metadata in gzip", when(is_metadata, header("Content-Encoding", "gzip")), "META-11"),
    Mutation(
        "metadata without a length",
        when(is_metadata, answer(lambda s, h, b, r: (s, {**h, "Content-Length": None, "Connection": "close"}, b))),
        "META-12",
    ),
    Mutation(
        "metadata files are listed",
        page(
            lambda p: {
                **p,
                "files": (
                    [*p["files"], {**p["files"][0], "filename": p["files"][0]["filename"] + ".metadata"}] if p["files"] else []
                ),
            }
        ),
        "META-14",
    ),
    Mutation("requires-python is left out", entry(lambda e: drop(e, "requires-python")), "META-16"),
    Mutation("versions of yanked files go", page(lambda p: {**p, "versions": []}), "YANK-03"),
]
