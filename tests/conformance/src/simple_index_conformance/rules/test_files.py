"""Files and their URLs."""

import hashlib
import re
import urllib.parse

import pytest

from simple_index_conformance.verdict import not_offered, not_tested
from simple_index_conformance.wire import HTML, JSON, REDIRECTS

KEPT_SECONDS = 3600
"""A cache that keeps a file for less is of no use."""


def fetched(index, downloads):
    """Files that could be downloaded, with their answers."""
    return [(file, index.fetch(file.url)) for file in downloads if index.fetch(file.url).status == 200]


def test_file_01_listed_files_are_there(check, index, http, files):
    """MUST [simple-repository-api, Project Detail] The URL of a file links to its location for download."""
    for file in files:
        check.status(http.follow(file.url, "*/*", method="HEAD"), 200)


def test_file_02_downloads_work(check, index, downloads):
    """MUST [simple-repository-api, Project Detail] `url` is the URL that the file can be fetched from."""
    for file in downloads:
        check.status(index.fetch(file.url), 200)


def test_file_03_bytes_match_their_hashes(check, index, downloads):
    """MUST [simple-repository-api, Project Detail] A digest announced for a file is that of its bytes."""
    check.idle = "no hash is announced"
    for file, response in fetched(index, downloads):
        for name, digest in file.hashes.items():
            if name in hashlib.algorithms_available and not name.startswith("shake"):
                seen = hashlib.new(name, response.body).hexdigest()
                check.equal(seen, digest.lower(), f"{file.page} {file.filename} {name}", "digest of the bytes")


def test_file_04_the_url_ends_with_the_name(check, files):
    """MUST [simple-repository-api, Project Detail; clients: pip] The last path segment of the URL is the file's name."""
    for file in files:
        segment = urllib.parse.unquote(urllib.parse.urlsplit(file.url).path.rpartition("/")[2])
        check.equal(segment, file.filename, f"{file.page} {file.url}", "last segment")


def test_file_05_the_url_has_no_query(check, files):
    """MUST [simple-repository-api, Serve Distribution Metadata; clients: pip] The URL has no query, because `.metadata` is appended to it."""
    for file in files:
        check.equal(urllib.parse.urlsplit(file.url).query, "", f"{file.page} {file.filename}", "query")


def test_file_06_size_is_exact(check, http, files):
    """MUST [simple-repository-api, Project Detail; PEP 700] `size` is the size of the file in bytes."""
    check.idle = "no size is announced, or no answer has a Content-Length"
    for file in files:
        length = http.follow(file.url, "*/*", method="HEAD").header("content-length")
        if file.size is not None and length is not None:
            check.equal(int(length), file.size, f"{file.page} {file.filename}", "Content-Length")


def test_file_07_size_is_that_of_the_bytes(check, index, downloads):
    """MUST [simple-repository-api, Project Detail; PEP 700] `size` is the number of bytes that a download gives."""
    check.idle = "no size is announced"
    for file, response in fetched(index, downloads):
        if file.size is not None:
            check.equal(len(response.body), file.size, f"{file.page} {file.filename}", "bytes")


def test_file_08_the_length_is_told(check, index, downloads):
    """SHOULD [RFC 9110, 8.6; clients: pip, poetry] An answer with a file has Content-Length; range readers need it."""
    for _, response in fetched(index, downloads):
        check.equal(response.header("content-length"), str(len(response.body)), response.asked(), "Content-Length")


@pytest.mark.parametrize("coding", ["gzip", "gzip, deflate", "gzip, deflate, zstd, br", "identity", "*", None])
def test_file_09_files_are_never_encoded(check, http, index, downloads, coding):
    """MUST [clients: pip] Files come without a content coding, whatever is accepted: pip hashes the bytes as they arrive."""
    for file, plain in fetched(index, downloads)[:4]:
        response = http.request("GET", plain.url, {"Accept-Encoding": coding})
        check.that(response.coding == "identity", response, "no Content-Encoding", response)
        check.that(response.body == plain.body, response, "the bytes of the file", response)


def test_file_10_files_have_a_type(check, index, downloads):
    """SHOULD [RFC 9110, 8.3] An answer with content has a Content-Type; that of a file is not the type of a page."""
    for _, response in fetched(index, downloads):
        good = response.media_type and not response.is_html and not response.is_json
        check.that(good, response, "a Content-Type that is not that of a page", response)


@pytest.mark.parametrize("accept", [None, "*/*", JSON, f"{HTML}, text/html;q=0.1", "application/octet-stream"])
def test_file_11_files_are_not_negotiated(check, http, blob, index, accept):
    """MUST [simple-repository-api, JSON Serialization] All endpoints other than the files themselves use content negotiation."""
    response = http.follow(blob.url, accept)
    check.status(response, 200)
    check.that(response.body == index.fetch(blob.url).body, response, "the bytes of the file", response)


def test_file_12_a_name_that_is_not_there_is_not_found(check, http, files):
    """MUST [RFC 9110, 15.5.5] A file that does not exist is not found."""
    for file in files[:3]:
        folder, _, name = file.url.rpartition("/")
        for url in (f"{folder}/sic-{name}", f"{file.url}.sic"):
            response = http.follow(url, "*/*")
            check.that(400 <= response.status < 500, response, "404", response)


def test_file_13_content_disposition_agrees(check, index, downloads):
    """SHOULD [RFC 6266, 4.3] A file name in Content-Disposition, if there is one, is the file's own."""
    check.idle = "no answer has Content-Disposition"
    for file, response in fetched(index, downloads):
        value = response.header("content-disposition") or ""
        if "filename" in value:
            check.that(file.filename in urllib.parse.unquote(value), response, file.filename, value)


def test_file_14_secure_pages_link_secure_files(check, index, files):
    """SHOULD [RFC 9110, 17; clients: pip] A page of https does not link files by http."""
    check.idle = "the index is not https"
    for file in files:
        if file.page.startswith("https:"):
            check.that(file.url.startswith("https:"), f"{file.page} {file.filename}", "a URL of https", file.url)


def test_file_15_head_answers_itself(check, http, files):
    """SHOULD [clients: pip --use-feature=fast-deps, uv] HEAD of a file answers 200 itself; range readers do not follow a redirect."""
    for file in files[:10]:
        check.status(http.head(file.url), 200)


def test_file_16_temporary_redirects_are_not_kept(check, http, files):
    """SHOULD [RFC 9111, 4.2.2; clients: pip] A redirect of a file is temporary or explicitly not stored: pip keeps 301 and 308 for ever."""
    check.idle = "files are not redirected"
    for file in files[:10]:
        response = http.get(file.url)
        if response.status in REDIRECTS:
            good = response.status not in (301, 308) or "no-store" in response.directives()
            check.that(good, response, "302, 303 or 307, or no-store", response)


def spellings(url, letter, escape):
    """A URL with a letter of its last segment as it is and escaped, in both cases of the digits."""
    folder, _, name = url.rpartition("/")
    plain = urllib.parse.unquote(name)
    return [f"{folder}/{plain.replace(letter, made)}" for made in (letter, escape, escape.lower())]


def special(files, letter):
    """The first file with a letter in its name."""
    found = next((file for file in files if letter in file.filename), None)
    return found or not_tested(f"no file has `{letter}` in its name")


def test_file_17_plus_is_plus(check, http, files):
    """MUST [RFC 3986, 2.4 and 3.3; clients: pip, uv] In a path `+` and `%2B` are the same letter; pip sends one and uv the other."""
    file = special(files, "+")
    for url in spellings(file.url, "+", "%2B"):
        response = http.follow(url, "*/*")
        if check.status(response, 200) and file.hashes.get("sha256"):
            check.equal(hashlib.sha256(response.body).hexdigest(), file.hashes["sha256"], url, "sha256")


def test_file_18_metadata_of_a_plus_file(check, http, files):
    """MUST [RFC 3986, 2.4; clients: pip, uv] Also `.metadata` of a file with `+` is found under both spellings."""
    file = special([file for file in files if file.has_metadata], "+")
    for url in spellings(file.url, "+", "%2B"):
        check.status(http.follow(url + ".metadata", "*/*"), 200)


def test_file_19_an_exclamation_mark_is_one(check, http, files):
    """MUST [RFC 3986, 2.4] In a path `!` of an epoch and `%21` are the same letter."""
    for url in spellings(special(files, "!").url, "!", "%21"):
        check.status(http.follow(url, "*/*"), 200)


def test_file_20_unreserved_letters_may_be_escaped(check, http, blob, index):
    """MUST [RFC 3986, 2.3; RFC 9110, 4.2.3] URLs that differ in escaped unreserved letters are the same URL."""
    folder, _, name = blob.url.rpartition("/")
    response = http.follow(f"{folder}/%{ord(name[0]):02X}{name[1:]}", "*/*")
    check.status(response, 200)


def test_file_21_a_strong_validator(check, index, downloads):
    """SHOULD [RFC 9110, 8.8.3; clients: pip] A file has a strong ETag, by which a broken download is resumed."""
    for _, response in fetched(index, downloads):
        check.that(re.fullmatch(r'"[^"]*"', response.header("etag") or ""), response, "a strong ETag", response)


def test_file_22_a_known_file_is_not_sent_again(check, http, index, downloads):
    """MUST [RFC 9110, 13.1.2] If-None-Match with the file's ETag answers 304 without content."""
    check.idle = "files have no ETag"
    for _, plain in fetched(index, downloads)[:4]:
        if plain.header("etag"):
            response = http.get(plain.url, if_none_match=plain.header("etag"))
            check.status(response, 304)
            check.equal(response.body, b"", response.asked(), "body")


def test_file_23_if_match_protects(check, http, index, downloads):
    """MUST [RFC 9110, 13.1.1] If-Match with another ETag answers 412."""
    check.idle = "files have no ETag"
    for _, plain in fetched(index, downloads)[:2]:
        if plain.header("etag"):
            check.status(http.get(plain.url, if_match='"sic-other"'), 412)
            check.status(http.get(plain.url, if_match=plain.header("etag")), 200)


def test_file_24_files_may_be_kept(check, index, downloads):
    """MAY [RFC 9111, 5.2.2; clients: pip, uv] A file never changes, so caches may be told to keep it long."""
    for _, response in fetched(index, downloads):
        age = response.directives().get("max-age") or "0"
        if int(age) < KEPT_SECONDS and "immutable" not in response.directives():
            not_offered("files that caches keep")
        check.that("no-store" not in response.directives(), response, "no `no-store` beside it", response)


def test_file_25_files_do_not_vary(check, index, downloads):
    """SHOULD [RFC 9110, 12.5.5] The answer with a file does not depend on Accept or Accept-Encoding and does not say so."""
    for _, response in fetched(index, downloads):
        check.that(not response.tokens("vary") & {"*", "accept"}, response, "no Accept in Vary", response)


def test_file_26_signatures_are_there_where_announced(check, http, anchors):
    """MUST [simple-repository-api, Project Detail] A GPG signature lives beside its file with `.asc` appended."""
    check.idle = "no signature is announced"
    for _, page, anchor in anchors:
        if anchor.get("data-gpg-sig") == "true":
            check.status(http.follow(urllib.parse.urldefrag(page.url(anchor))[0] + ".asc", "*/*", method="HEAD"), 200)
