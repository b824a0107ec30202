"""More ways to break the good server: caching, codings, ranges, uploads and the APIs beside the pages."""

import gzip
import itertools
import json

from breaking import Mutation, answer, drop, files, header, headers, is_file, is_page, is_part, page, status, swap, when


def tag(make):
    """Change the ETag of every page."""
    return headers(lambda h: {**h, "ETag": make(h["ETag"])} if "ETag" in h else h)


def conditional(handler):
    """The request has If-None-Match."""
    return handler.headers.get("If-None-Match") is not None


def without(*names):
    """Drop headers of answers with the status 304."""
    return answer(lambda s, h, b, r: (s, drop(h, *names) if s == 304 else h, b))


COUNT = itertools.count()


CACHING = [
    Mutation("no tags", headers(lambda h: drop(h, "ETag")), "CACHE-01"),
    Mutation("tags without quotes", tag(lambda t: t.strip('"')), "CACHE-02"),
    Mutation("one tag for every form", tag(lambda t: '"same"'), "CACHE-03 CACHE-04 COMP-09"),
    Mutation("one weak tag for every form", tag(lambda t: 'W/"same"'), "CACHE-03"),
    Mutation(
        "pages are sent again", when(is_page, conditional, status(200)), "CACHE-05 CACHE-08 CACHE-09 CACHE-10 CACHE-11 COMP-10"
    ),
    Mutation("304 forgets its headers", without("Vary", "Cache-Control"), "CACHE-07"),
    Mutation("304 for every condition", when(is_page, conditional, status(304)), "CACHE-12 CACHE-13 CACHE-21"),
    Mutation("no Cache-Control", headers(lambda h: drop(h, "Cache-Control")), "CACHE-14"),
    Mutation("no-store", headers(lambda h: {**h, "Cache-Control": "no-store"}), "CACHE-15"),
    Mutation("no-cache with an age", headers(lambda h: {**h, "Cache-Control": "no-cache, max-age=600"}), "CACHE-16"),
    Mutation(
        "Last-Modified alone",
        headers(lambda h: {**drop(h, "Cache-Control"), "Last-Modified": "Fri, 20 Nov 2026 11:00:00 GMT"}),
        "CACHE-17 CACHE-20",
    ),
    Mutation("304 has a body", {"body of 304": True}, "CACHE-06"),
    Mutation("no Date", {"no date": True}, "CACHE-18"),
    Mutation("pages that never stay", [("text", lambda t, f: t + " " * (next(COUNT) % 7))], "CACHE-19"),
    Mutation("odd conditions break it", when(lambda h: h.headers.get("If-None-Match") == "unquoted", status(500)), "CACHE-22"),
    Mutation("tags that stay", tag(lambda t: '"same"'), "CACHE-23", uploads=True),
]

CODINGS = [
    Mutation("no gzip", [("coding", lambda c, h: "identity")], "COMP-01"),
    Mutation("gzip for all", [("coding", lambda c, h: "gzip")], "COMP-04 COMP-05 COMP-07"),
    Mutation(
        "gzip of something else",
        answer(lambda s, h, b, r: (s, h, gzip.compress(b"other") if h.get("Content-Encoding") else b)),
        "COMP-03",
    ),
    Mutation(
        "gzip by its letters",
        [("coding", lambda c, h: "gzip" if "gzip" in h.headers.get("Accept-Encoding", "") else "identity")],
        "COMP-04 COMP-12",
    ),
    Mutation(
        "no quality of codings",
        [("coding", lambda c, h: c if ";" not in h.headers.get("Accept-Encoding", "") else "identity")],
        "COMP-06",
    ),
    Mutation(
        "a length of the plain page",
        answer(lambda s, h, b, r: (s, {**h, "Content-Length": str(len(b) - 1)} if h.get("Content-Encoding") else h, b)),
        "COMP-03",
    ),
    Mutation("HEAD knows no coding", when(lambda h: h.command == "HEAD", header("Content-Encoding", None)), "COMP-11"),
]


def ranged(change):
    """Change what a range means: change(part, size), part is (start, end), None or `beyond`."""
    return [("range", change)]


def shift(part, size):
    """One byte too far."""
    return (part[0] + 1, part[1]) if isinstance(part, tuple) and part[1] - part[0] > 1 else part


def on_part(change):
    """Change answers with the status 206."""
    return answer(lambda s, h, b, r: change(s, h, b) if s == 206 else (s, h, b))


RANGES = [
    Mutation("ranges are not told", when(is_file, header("Accept-Ranges", "none")), "RANGE-02"),
    Mutation("ranges start too late", ranged(shift), "RANGE-03 RANGE-17 RANGE-18"),
    Mutation(
        "suffixes are prefixes",
        ranged(lambda p, size: (0, p[1] - p[0]) if isinstance(p, tuple) and p[1] == size and p[0] else p),
        "RANGE-03 RANGE-18",
    ),
    Mutation(
        "the end is left out",
        ranged(lambda p, size: (p[0], p[1] - 1) if isinstance(p, tuple) and p[1] - p[0] > 1 else p),
        "RANGE-03",
    ),
    Mutation("no Content-Range", on_part(lambda s, h, b: (s, drop(h, "Content-Range"), b)), "RANGE-03"),
    Mutation(
        "parts without a length",
        on_part(lambda s, h, b: (s, {**h, "Content-Length": None, "Connection": "close"}, b)),
        "RANGE-04",
    ),
    Mutation("beyond the end is all", ranged(lambda p, size: None if p == "beyond" else p), "RANGE-05"),
    Mutation("416 without a length", answer(lambda s, h, b, r: (s, drop(h, "Content-Range"), b)), "RANGE-06"),
    Mutation("invalid ranges are ranges", ranged(lambda p, size: p or (0, 1)), "RANGE-07"),
    Mutation("an error for several ranges", when(lambda h: "," in h.headers.get("Range", ""), status(500)), "RANGE-08"),
    Mutation(
        "fifty copies",
        when(lambda h: h.headers.get("Range", "").count(",") > 5, answer(lambda s, h, b, r: (s, h, b * 50))),
        "RANGE-09",
    ),
    Mutation("If-Range never matches", when(lambda h: h.headers.get("If-Range"), status(200)), "RANGE-10"),
    Mutation("If-Range is ignored", {"ignores If-Range": True}, "RANGE-11 RANGE-12 RANGE-13"),
    Mutation("parts without validators", on_part(lambda s, h, b: (s, drop(h, "ETag", "Cache-Control"), b)), "RANGE-14"),
    Mutation("HEAD in parts", when(lambda h: h.command == "HEAD", is_part, status(206)), "RANGE-16"),
    Mutation("no ranges of metadata", when(is_part, status(500)), "RANGE-01"),
    Mutation(
        "HEAD of pages says other things", when(lambda h: h.command == "HEAD", is_page, header("ETag", '"head"')), "HEAD-01"
    ),
    Mutation(
        "HEAD of files says other things", when(lambda h: h.command == "HEAD", is_file, header("Content-Length", "0")), "HEAD-02"
    ),
    Mutation("HEAD is always there", when(lambda h: h.command == "HEAD", status(200)), "HEAD-03"),
    Mutation("HEAD has a body", {"body of HEAD": True}, "HEAD-04 HEAD-05 HEAD-06"),
    Mutation("HEAD tells no length", when(lambda h: h.command == "HEAD", is_file, header("Content-Length", "")), "HEAD-07"),
]


def refusing(test, number):
    """A closed index that refuses by another status than 401 where the test holds."""
    return [answer(lambda s, h, b, r: (number if s == 401 and test(r) else s, h, b)), {"closed": True}]


def refuse(change):
    """Change what happens to an upload: change((status, text) or None, project, file)."""
    return [("refusal", change)]


def only(text, instead=None):
    """Do something else where the refusal holds a text."""
    return refuse(lambda refusal, name, file: instead if refusal and text in refusal[1] else refusal)


UPLOADS = [
    Mutation(
        "uploads fail",
        refuse(lambda r, n, f: r or (503, "not now")),
        "UPLOAD-01 UPLOAD-02 UPLOAD-04 UPLOAD-12 UPLOAD-13 UPLOAD-14 UPLOAD-15 UPLOAD-17",
        uploads=True,
    ),
    Mutation(
        "uploads are 201",
        when(lambda h: h.command == "POST", answer(lambda s, h, b, r: (201 if s == 200 else s, h, b))),
        "UPLOAD-02 UPLOAD-08",
        uploads=True,
    ),
    Mutation("uploads are redirected", {"redirects": True}, "UPLOAD-03", uploads=True),
    Mutation("files change", files(lambda b: b + b"\n"), "UPLOAD-06", uploads=True),
    Mutation("the same is a conflict", {"conflicts": True}, "UPLOAD-08 UPLOAD-27", uploads=True),
    Mutation("files are overwritten", {"overwrites": True}, "UPLOAD-09 UPLOAD-10 UPLOAD-26", uploads=True),
    Mutation(
        "conflicts are not explained",
        when(lambda h: h.command == "POST", answer(lambda s, h, b, r: (s, h, b.replace(b"already exists", b"no")))),
        "UPLOAD-10",
        uploads=True,
    ),
    Mutation("digests are not compared", {"no digests": True}, "UPLOAD-11", uploads=True),
    Mutation("archived projects take files", only("takes no files"), "STATUS-04 STATUS-05", uploads=True, seeded=True),
    Mutation(
        "deprecated projects take none",
        refuse(lambda r, n, f: (403, "no") if n == "deprecated-one" else r),
        "STATUS-06",
        uploads=True,
        seeded=True,
    ),
    Mutation("any attestation will do", [*only("bad attestations"), {"attests": True}], "UPLOAD-34", uploads=True),
    Mutation("direct references are taken", only("a direct reference"), "UPLOAD-35", uploads=True),
    Mutation("refused files are listed", {"lists refused": True}, "UPLOAD-33", uploads=True),
    Mutation("bad archives break it", only("not an archive", (500, "oops")), "UPLOAD-20", uploads=True),
    Mutation("anything is a wheel", only("not an archive"), "UPLOAD-20", uploads=True),
    Mutation("anything is a name", only("bad file name", (500, "oops")), "UPLOAD-22", uploads=True),
    Mutation("the form decides", only("something else"), "UPLOAD-19 UPLOAD-21", uploads=True),
    Mutation("the form's metadata is listed", {"form decides": True}, "UPLOAD-18", uploads=True),
    Mutation("bad forms break it", only("not a form", (500, "oops")), "UPLOAD-23 UPLOAD-24", uploads=True),
    Mutation(
        "refusals say nothing",
        when(lambda h: h.command == "POST", answer(lambda s, h, b, r: (s, h, b"" if s >= 400 else b))),
        "UPLOAD-25",
        uploads=True,
    ),
    Mutation("lists are late", {"names": lambda names: [name for name in names if "-up" not in name]}, "UPLOAD-05", uploads=True),
    Mutation("pages have twenty files", page(lambda p: {**p, "files": p["files"][:20]}), "UPLOAD-29", uploads=True),
    Mutation(
        "every spelling is a version", page(lambda p: {**p, "versions": [*p["versions"], "1.0.0"]}), "UPLOAD-31", uploads=True
    ),
    Mutation(
        "the upload URL cannot be opened",
        when(lambda h: h.path.startswith("/upload") and h.command == "GET", status(500)),
        "UPLOAD-32",
        uploads=True,
    ),
    Mutation(
        "pages are late",
        {"page": lambda p: {**p, "files": [file for file in p["files"] if "_up" not in file["filename"]]}},
        "UPLOAD-04",
        uploads=True,
    ),
    Mutation(
        "wrong digests are listed", {"entry": lambda e: {**e, "hashes": {"sha256": "0" * 64}}}, "UPLOAD-07 FILE-03", uploads=True
    ),
    Mutation(
        "names are not normalized",
        {"page": lambda p: {**p, "files": [] if "odd" in p["name"] else p["files"]}},
        "UPLOAD-28",
        uploads=True,
    ),
    Mutation("dynamic metadata is announced", {"metadata of sdists": True}, "META-07 META-08", uploads=True),
    Mutation(
        "old metadata is patched",
        {"metadata": lambda b: b.replace(b"Metadata-Version: 1.", b"Metadata-Version: 2.")},
        "META-09",
        uploads=True,
    ),
    Mutation("requires-python for all", {"entry": lambda e: {**e, "requires-python": ">=3"}}, "META-15 UPLOAD-16", uploads=True),
    Mutation(
        "new projects are archived",
        {"page": lambda p: {**p, "project-status": {"status": "archived"}}},
        "STATUS-03",
        uploads=True,
    ),
    Mutation("anybody uploads", {"open": True}, "AUTH-06 AUTH-07 AUTH-09", uploads=True),
    Mutation("401 without a scheme", answer(lambda s, h, b, r: (s, drop(h, "WWW-Authenticate"), b)), "AUTH-08", uploads=True),
    Mutation(
        "uploads without credentials are 403", answer(lambda s, h, b, r: (403 if s == 401 else s, h, b)), "AUTH-07", uploads=True
    ),
    Mutation("closed by 403", refusing(lambda h: True, 403), "AUTH-01 AUTH-02 AUTH-03 AUTH-05", closed=True),
    Mutation("closed files are 404", refusing(is_file, 404), "AUTH-03", closed=True),
    Mutation(
        "closed without a scheme",
        [answer(lambda s, h, b, r: (s, drop(h, "WWW-Authenticate"), b)), {"closed": True}],
        "AUTH-04",
        closed=True,
    ),
]

BESIDE = [
    Mutation("serials are words", when(is_page, header("X-PyPI-Last-Serial", "many")), "SERIAL-01"),
    Mutation("serials differ", when(is_page, header("X-PyPI-Last-Serial", "99999")), "SERIAL-02 SERIAL-03"),
    Mutation("serials stand still", when(is_page, header("X-PyPI-Last-Serial", "1")), "SERIAL-04", uploads=True),
    Mutation(
        "one serial for all",
        when(is_page, answer(lambda s, h, b, r: (s, {**h, "X-PyPI-Last-Serial": str(r.state.serial)}, b))),
        "SERIAL-05",
        uploads=True,
    ),
    Mutation("provenance is missing", when(lambda h: h.path.startswith("/provenance"), status(404)), "PROV-01"),
    Mutation(
        "provenance is empty",
        when(
            lambda h: h.path.startswith("/provenance"),
            swap(200, {"Content-Type": "text/plain", "Cache-Control": "immutable"}, b"{}"),
        ),
        "PROV-02 PROV-03 PROV-06 PROV-07 PROV-08",
    ),
    Mutation(
        "provenance of nobody",
        when(
            lambda h: h.path.startswith("/provenance"),
            answer(lambda s, h, b, r: (s, h, b.replace(b'"kind"', b'"sort"').replace(b'"envelope"', b'"letter"'))),
        ),
        "PROV-04 PROV-05",
    ),
    Mutation(
        "no vulnerabilities",
        [("legacy", lambda b: json.dumps(drop(json.loads(b), "vulnerabilities")).encode())],
        "LEGACY-01 LEGACY-07",
    ),
    Mutation(
        "no info",
        [("legacy", lambda b: b.replace(b'"summary"', b'"words"').replace(b'"digests"', b'"sums"'))],
        "LEGACY-02 LEGACY-03",
    ),
    Mutation(
        "releases of one release",
        when(
            lambda h: h.path.count("/") == 4,
            answer(lambda s, h, b, r: (s, h, b.replace(b'"info"', b'"releases": {}, "info"', 1))),
        ),
        "LEGACY-04",
    ),
    Mutation(
        "the latest is a pre-release", [("legacy", lambda b: b.replace(b'"version": "1.', b'"version": "9.0rc'))], "LEGACY-09"
    ),
    Mutation("other digests", [("legacy", lambda b: b.replace(b'"sha256": "', b'"sha256": "x'))], "LEGACY-05"),
    Mutation("URLs that lead nowhere", [("legacy", lambda b: b.replace(b"/files/", b"/nowhere/"))], "LEGACY-06"),
    Mutation(
        "unknown projects are empty",
        when(lambda h: h.path.startswith("/pypi/sic"), swap(200, {"Content-Type": "application/json"}, b"{}")),
        "LEGACY-08",
    ),
]
