"""Ranges of files and HEAD."""

import re

import pytest

from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import ANY_PAGE

GOOD = {
    "0-0": (0, 1),
    "0-99": (0, 100),
    "10-19": (10, 20),
    "0-": (0, None),
    "500-": (500, None),
    "-1": (-1, None),
    "-100": (-100, None),
    "last-": (-1, None),
    "last-last": (-1, None),
    "-all": (0, None),
    "-toolong": (0, None),
    "5-toolong": (5, None),
    "0-all": (0, None),
}
"""Ranges that can be satisfied, and the slice of the file that each means."""

UNSATISFIABLE = ("all-", "all-toolong", "toolong-", "-0")

IGNORED = ("bytes=5-2", "bytes=", "bytes=a-b", "lines=0-1", "bytes 0-1", "bytes=--1")
"""Headers that are no valid byte range: the whole file is sent (or 416 or 400 for the malformed)."""


def spelled(pattern, size):
    """A range with the file's numbers in it."""
    return pattern.replace("toolong", str(size + 1000)).replace("last", str(size - 1)).replace("all", str(size))


@pytest.fixture(scope="module", params=["file", "metadata"])
def whole(request, index, http, blob, downloads):
    """The whole answer of a file and of a metadata file."""
    if request.param == "file":
        return index.fetch(blob.url)
    file = next((file for file in downloads if file.has_metadata), None)
    return index.fetch(file.url + ".metadata") if file else not_offered("metadata files")


@pytest.fixture(scope="module")
def ranged(http, whole):
    """The whole answer of something that can be asked for by ranges."""
    if http.get(whole.url, range="bytes=0-0").status != 206:
        not_offered("ranges")
    return whole


def test_range_01_ranges_are_offered(check, http, whole):
    """MAY [RFC 9110, 14.2; clients: pip --use-feature=fast-deps, uv, poetry] A server may support ranges; installers read metadata and resume by them."""
    response = http.get(whole.url, range="bytes=0-0")
    if response.status == 200:
        not_offered("ranges")
    check.status(response, 206)


def test_range_02_the_support_is_told(check, ranged):
    """SHOULD [RFC 9110, 14.3; clients: uv, pip] A server that supports ranges says `Accept-Ranges: bytes`."""
    check.equal(ranged.tokens("accept-ranges"), {"bytes"}, ranged.asked(), "Accept-Ranges")


@pytest.mark.parametrize("pattern", GOOD)
def test_range_03_the_bytes_asked_for(check, http, ranged, pattern):
    """MUST [RFC 9110, 14.1.2 and 15.3.7] A 206 has the bytes of the range, cut to the file's length, and Content-Range tells which."""
    size, (first, end) = len(ranged.body), GOOD[pattern]
    if not (pattern.startswith("-") or "l" in pattern) and max(first, (end or 0) - 1) >= size:
        not_offered("a file long enough")
    if pattern == "-100" and size < 100:
        first = 0
    response = http.get(ranged.url, range=f"bytes={spelled(pattern, size)}")
    wanted = ranged.body[first:end]
    start = first if first >= 0 else size + first
    if pattern in ("-toolong", "-all", "0-", "0-all") and response.status == 200:
        check.that(response.body == ranged.body, response, "the whole file", response)
        return
    if check.status(response, 206):
        told = f"bytes {start}-{start + len(wanted) - 1}/{size}"
        check.equal(response.header("content-range"), told, response.asked(), "Content-Range")
        check.that(response.body == wanted, response, f"bytes {start} to {start + len(wanted) - 1}", response)


def test_range_04_the_length_is_that_of_the_part(check, http, ranged):
    """MUST [RFC 9110, 8.6; clients: pip, poetry] Content-Length of a 206 is the number of bytes sent."""
    for pattern in ("0-9", "-5"):
        response = http.get(ranged.url, range=f"bytes={pattern}")
        check.equal(response.header("content-length"), str(len(response.body)), response.asked(), "Content-Length")


@pytest.mark.parametrize("pattern", UNSATISFIABLE)
def test_range_05_beyond_the_end_is_416(check, http, ranged, pattern):
    """SHOULD [RFC 9110, 14.2 and 15.5.17] A range that starts behind the end cannot be satisfied: 416."""
    check.status(http.get(ranged.url, range=f"bytes={spelled(pattern, len(ranged.body))}"), 416)


def test_range_06_416_tells_the_length(check, http, ranged):
    """SHOULD [RFC 9110, 15.5.17] A 416 has `Content-Range: bytes */length`."""
    check.idle = "no 416"
    response = http.get(ranged.url, range=f"bytes={len(ranged.body)}-")
    if response.status == 416:
        check.equal(response.header("content-range"), f"bytes */{len(ranged.body)}", response.asked(), "Content-Range")


@pytest.mark.parametrize("value", IGNORED)
def test_range_07_an_invalid_range_is_ignored(check, http, ranged, value):
    """MUST [RFC 9110, 14.2] A Range with an unknown unit or that is not valid is ignored, or refused as malformed; never is it 206."""
    response = http.get(ranged.url, range=value)
    if check.that(response.status in (200, 400, 416), response, "200 with the whole file", response) and response.status == 200:
        check.that(response.body == ranged.body, response, "the whole file", response)


def test_range_08_several_ranges(check, http, ranged):
    """MUST [RFC 9110, 14.2 and 15.3.7.2] Several ranges are answered as multipart/byteranges, as one range, or with the whole file."""
    response = http.get(ranged.url, range="bytes=0-1,5-6")
    if response.status == 206:
        good = response.media_type.lower() == "multipart/byteranges" or response.header("content-range")
        check.that(good, response, "multipart/byteranges", response)
    elif check.status(response, 200):
        check.that(response.body == ranged.body, response, "the whole file", response)


def test_range_09_many_ranges_are_no_attack(check, http, ranged):
    """SHOULD [RFC 9110, 14.2 and 17.15] Very many or overlapping ranges are ignored, joined or refused, not all sent."""
    response = http.get(ranged.url, range="bytes=" + ",".join(["0-"] * 50))
    check.that(
        len(response.body) <= 3 * len(ranged.body) + 10_000,
        response,
        "not fifty copies of the file",
        f"{len(response.body)} bytes",
    )


def test_range_10_if_range_with_the_etag(check, http, ranged):
    """MUST [RFC 9110, 13.1.5; clients: pip] If-Range with the current strong ETag gets the range."""
    tag = ranged.header("etag") or "W/"
    if tag.startswith("W/"):
        not_offered("a strong ETag")
    check.status(http.get(ranged.url, range="bytes=1-2", if_range=tag), 206)


@pytest.mark.parametrize("tag", ['"sic-other"', 'W/"sic-other"'])
def test_range_11_if_range_with_another_etag(check, http, ranged, tag):
    """MUST [RFC 9110, 13.1.5; clients: pip] If-Range with another ETag gets the whole file, so that no two versions are glued together."""
    response = http.get(ranged.url, range="bytes=1-2", if_range=tag)
    if check.status(response, 200):
        check.that(response.body == ranged.body, response, "the whole file", response)


def test_range_12_if_range_compares_strongly(check, http, ranged):
    """MUST [RFC 9110, 13.1.5] If-Range uses the strong comparison: a weak ETag never matches."""
    tag = ranged.header("etag")
    if not tag:
        not_offered("ETags of files")
    check.status(http.get(ranged.url, range="bytes=1-2", if_range=tag if tag.startswith("W/") else "W/" + tag), 200)


def test_range_13_if_range_with_an_old_date(check, http, ranged):
    """MUST [RFC 9110, 13.1.5] If-Range with a date that is not the Last-Modified gets the whole file."""
    check.status(http.get(ranged.url, range="bytes=1-2", if_range="Mon, 01 Jan 1990 00:00:00 GMT"), 200)


def test_range_14_206_has_the_validators(check, http, ranged):
    """MUST [RFC 9110, 15.3.7] A 206 has Date, Cache-Control, ETag, Expires, Content-Location and Vary if the 200 would have had them."""
    response = http.get(ranged.url, range="bytes=0-0")
    for name in ("cache-control", "content-location", "etag", "expires", "vary"):
        if ranged.header(name) is not None:
            check.equal(response.header(name), ranged.header(name), response.asked(), name)
    check.that(response.header("date"), response, "Date", response)


def test_range_15_a_known_file_comes_before_its_range(check, http, ranged):
    """MUST [RFC 9110, 13.2.2] If-None-Match is judged before Range: a known file is 304."""
    if not ranged.header("etag"):
        not_offered("ETags of files")
    check.status(http.get(ranged.url, range="bytes=0-0", if_none_match=ranged.header("etag")), 304)


def test_range_16_head_knows_no_range(check, http, ranged):
    """MUST [RFC 9110, 14.2] Range is defined for GET only: a server ignores it with HEAD."""
    check.status(http.head(ranged.url, range="bytes=0-0"), 200)


def test_range_17_a_part_is_not_encoded(check, http, ranged):
    """MUST [clients: pip, uv] Ranges are of the file's bytes, whatever codings are accepted."""
    response = http.get(ranged.url, range="bytes=0-9", accept_encoding="gzip, zstd")
    check.that(response.body == ranged.body[:10] and response.coding == "identity", response, "the first ten bytes", response)


def test_range_18_the_end_of_a_wheel(check, http, ranged):
    """MUST [RFC 9110, 14.1.2; clients: uv, poetry] A suffix range gives the last bytes, where a wheel has its table of contents."""
    for length in (22, 10_000, 16_384):
        response = http.get(ranged.url, range=f"bytes=-{length}")
        check.that(response.body == ranged.body[-length:], response, f"the last {length} bytes", response)


SHARED = ("content-type", "content-length", "content-encoding", "etag", "cache-control", "vary", "accept-ranges", "last-modified")


def same_head(check, http, url, accept):
    """HEAD of a URL has the status and the headers of GET, and no body."""
    got, head = http.get(url, accept), http.head(url, accept)
    check.equal(head.status, got.status, head.asked(), "status")
    for name in SHARED:
        if not (name == "content-length" and head.header(name) is None):
            check.equal(head.header(name), got.header(name), head.asked(), f"{name} as in GET")


def test_head_01_pages(check, http, pages):
    """SHOULD [RFC 9110, 9.3.2] HEAD of a page has the status and the header fields that GET would have."""
    for url in pages.values():
        for accept in (ANY_PAGE, "text/html"):
            same_head(check, http, url, accept)


def test_head_02_files(check, http, whole):
    """SHOULD [RFC 9110, 9.3.2] HEAD of a file has the status and the header fields that GET would have."""
    same_head(check, http, whole.url, "*/*")


def test_head_03_what_is_not_there(check, http, index):
    """SHOULD [RFC 9110, 9.3.2] HEAD of what does not exist has the status of GET."""
    for url in (index.project_url("sic-no-such-project"), index.base + "sic/no/such/path"):
        check.equal(http.head(url).status, http.get(url).status, url, "status of HEAD")


def test_head_04_pages_have_no_body(check, http, pages):
    """MUST [RFC 9110, 9.3.2] No content follows the header section of the answer to HEAD: pages."""
    for url in pages.values():
        check.equal(http.content_bytes("HEAD", url, ANY_PAGE), b"", f"HEAD {url}", "bytes after the header section")


def test_head_05_files_have_no_body(check, http, whole):
    """MUST [RFC 9110, 9.3.2] No content follows the header section of the answer to HEAD: files."""
    check.equal(http.content_bytes("HEAD", whole.url), b"", f"HEAD {whole.url}", "bytes after the header section")


def test_head_06_errors_have_no_body(check, http, index):
    """MUST [RFC 9110, 9.3.2] No content follows the header section of the answer to HEAD: errors."""
    url = index.project_url("sic-no-such-project")
    check.equal(http.content_bytes("HEAD", url), b"", f"HEAD {url}", "bytes after the header section")


def test_head_07_the_length_of_files_is_told(check, http, files):
    """SHOULD [RFC 9110, 9.3.2; clients: pip --use-feature=fast-deps, uv] HEAD of a file tells its Content-Length."""
    for file in files[:10]:
        response = http.follow(file.url, "*/*", method="HEAD")
        check.that(re.fullmatch(r"\d+", response.header("content-length") or ""), response, "Content-Length", response)
