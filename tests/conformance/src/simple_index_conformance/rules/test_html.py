"""The HTML form."""

import collections
import hashlib
import re
import urllib.parse

import html5lib
import pytest

from simple_index_conformance.names import is_specifier_set, normalize
from simple_index_conformance.verdict import not_offered

LARGEST_STRICT = 2_000_000
"""Pages above this many bytes are not given to the strict parser, which needs a second for each."""

STATUSES = ("active", "archived", "quarantined", "deprecated")


def strict_errors(response):
    """What a strict HTML5 parser finds: sentences with line and column."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"))
    parser.parse(response.body, transport_encoding=charset_of(response))
    return [f"{code} {data} at line {line}, column {column}" for (line, column), code, data in parser.errors]


def charset_of(response):
    """Charset parameter of Content-Type, None without."""
    found = re.search(r"charset=\"?([\w.-]+)", response.header("content-type") or "", re.IGNORECASE)
    return found[1] if found else None


@pytest.fixture(scope="module")
def root(index):
    """The HTML project list."""
    if index.root_html is None:
        not_offered("an HTML project list")
    return index.root_html


def test_html_01_the_root_is_valid(check, root):
    """MUST [simple-repository-api, HTML Serialization] The project list is a valid HTML5 document."""
    check.idle = "the project list is too large for the strict parser"
    if len(root.response.body) <= LARGEST_STRICT:
        check.equal(strict_errors(root.response)[:5], [], root.response.asked(), "errors of a strict parser:")


def test_html_02_project_pages_are_valid(check, html_pages):
    """MUST [simple-repository-api, HTML Serialization] Every project page is a valid HTML5 document."""
    for page in html_pages.values():
        if len(page.response.body) <= LARGEST_STRICT:
            check.equal(strict_errors(page.response)[:5], [], page.response.asked(), "errors of a strict parser:")


def test_html_03_pages_say_that_they_are_html5(check, root, html_pages):
    """MUST [PEP 503, Specification; clients: pip 22] Pages start with the HTML5 doctype."""
    for page in [root, *html_pages.values()]:
        start = page.response.body.lstrip(b"\xef\xbb\xbf \t\r\n")[:15].lower()
        check.equal(start, b"<!doctype html>", page.response.asked(), "first bytes")


def test_html_04_one_anchor_for_each_project(check, root):
    """MUST [simple-repository-api, Project List] The root has a single anchor per project."""
    check.equal(
        repeated(normalize(anchor.text.strip()) for anchor in root.anchors),
        [],
        root.response.asked(),
        "projects with several anchors:",
    )


def repeated(names):
    """Names that come more than once."""
    return sorted(name for name, count in collections.Counter(names).items() if count > 1)


def test_html_05_the_anchor_names_the_project(check, root):
    """MUST [simple-repository-api, Project List] The text of the anchor is the project's name and its href is that project's URL."""
    for anchor in root.anchors[:5000]:
        segment = urllib.parse.unquote(urllib.parse.urlsplit(root.url(anchor)).path.rstrip("/").rpartition("/")[2])
        check.equal(
            normalize(segment), normalize(anchor.text.strip()), f"{root.response.url} {anchor.written}", "last segment of href"
        )


def test_html_06_links_of_projects_work(check, root, http, projects):
    """MUST [simple-repository-api, Project List] The href links to the URL for that particular project."""
    known = {project.name for project in projects}
    for anchor in [anchor for anchor in root.anchors if normalize(anchor.text.strip()) in known]:
        check.status(http.follow(root.url(anchor), "text/html", method="HEAD"), 200)


def test_html_07_links_of_projects_end_with_a_slash(check, root):
    """MUST [simple-repository-api, Project Detail] All URLs which respond with an HTML5 page end with a slash, so links do."""
    for anchor in root.anchors[:5000]:
        path = urllib.parse.urlsplit(root.url(anchor)).path
        check.that(path.endswith("/"), root.response.url, "a href that ends with `/`", anchor.written)


def test_html_08_one_anchor_for_each_file(check, html_pages):
    """MUST [simple-repository-api, Project Detail] A project's page has a single anchor element per file."""
    for url, page in html_pages.items():
        check.equal(repeated(anchor.text.strip() for anchor in page.anchors), [], url, "files with several anchors:")


def test_html_09_anchors_are_files(check, anchors):
    """SHOULD [simple-repository-api, Project Detail; clients: hatch] Every anchor of a project's page is a file with a href."""
    for where, _, anchor in anchors:
        check.that(bool(anchor.get("href")) and bool(anchor.text.strip()), where, "an anchor with href and text", anchor.written)


def test_html_10_text_is_the_last_part_of_the_url(check, anchors):
    """MUST [simple-repository-api, Project Detail] The text of the anchor matches the final path component (the filename) of the URL."""
    for where, page, anchor in anchors:
        path = urllib.parse.urlsplit(page.url(anchor)).path
        check.equal(urllib.parse.unquote(path.rpartition("/")[2]), anchor.text.strip(), where, "last path component")


def test_html_11_urls_have_a_hash(check, anchors):
    """SHOULD [simple-repository-api, Project Detail] Each file URL includes a hash as `#<hashname>=<hashvalue>`."""
    for where, _, anchor in anchors:
        check.that(re.search(r"#[^=]+=.+$", anchor.get("href") or ""), where, "a fragment `#name=digest`", anchor.written)


def test_html_12_the_hash_is_written_as_specified(check, anchors):
    """MUST [simple-repository-api, Project Detail] In the fragment the name is lowercase and the value the hex encoded digest."""
    check.idle = "no URL has a hash"
    for where, page, anchor in anchors:
        name, equals, digest = urllib.parse.urldefrag(page.url(anchor))[1].partition("=")
        if equals:
            size = digest_length(name)
            good = name == name.lower() and re.fullmatch(r"[0-9a-f]+", digest) and size in (None, len(digest))
            check.that(good, where, "a lowercase name and a hex digest of its length", anchor.written)


def digest_length(name):
    """Hexadecimal digits of a hash function's digest; None for one that is not known."""
    try:
        return hashlib.new(name).digest_size * 2 or None
    except (ValueError, TypeError):
        return None


def test_html_13_the_hash_is_guaranteed(check, anchors):
    """SHOULD [simple-repository-api, Project Detail] The hash function is one of md5, sha1, sha224, sha256, sha384 and sha512."""
    check.idle = "no URL has a hash"
    for where, page, anchor in anchors:
        name, equals, _ = urllib.parse.urldefrag(page.url(anchor))[1].partition("=")
        if equals:
            check.that(name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512"), where, "a guaranteed function", name)


def test_html_14_the_hash_is_sha256(check, anchors):
    """SHOULD [simple-repository-api, Project Detail] The current recommendation is to use sha256."""
    for where, page, anchor in anchors:
        name = urllib.parse.urldefrag(page.url(anchor))[1].partition("=")[0]
        check.equal(name, "sha256", where, "hash function")


def test_html_15_requires_python_is_escaped(check, anchors):
    """MUST [simple-repository-api, Project Detail] In `data-requires-python`, `<` and `>` are encoded as `&lt;` and `&gt;`."""
    check.idle = "no file has data-requires-python"
    for where, _, anchor in anchors:
        for value in re.findall(r"""data-requires-python\s*=\s*("[^"]*"|'[^']*'|[^\s>]*)""", anchor.written):
            check.that(not re.search("[<>]", value), where, "&lt; and &gt;", anchor.written)


def test_html_16_requires_python_is_a_specifier(check, anchors):
    """SHOULD [core-metadata, Requires-Python] The value is a set of version specifiers."""
    check.idle = "no file has data-requires-python"
    for where, _, anchor in anchors:
        if anchor.has("data-requires-python"):
            value = anchor.get("data-requires-python") or ""
            check.that(value.strip() and is_specifier_set(value), where, "a set of version specifiers", repr(value))


def test_html_17_ampersands_are_escaped(check, root, html_pages):
    """SHOULD [HTML5, 13.1.4] `&` before letters is written `&amp;` in an attribute, or it may be read as the name of another letter."""
    for page in [root, *html_pages.values()]:
        for anchor in page.anchors[:2000]:
            loose = re.findall(r"&(?!#\d+;|#[xX][0-9a-fA-F]+;|[A-Za-z][A-Za-z0-9]*;)[A-Za-z0-9]+;?", anchor.written)
            check.equal(loose, [], f"{page.response.url} {anchor.text.strip()}", "loose ampersands:")


def test_html_18_gpg_sig_is_a_truth_value(check, anchors):
    """MUST [simple-repository-api, Project Detail] `data-gpg-sig` has the value true or false."""
    check.idle = "no file has data-gpg-sig"
    for where, _, anchor in anchors:
        if anchor.has("data-gpg-sig"):
            check.that(anchor.get("data-gpg-sig") in ("true", "false"), where, "true or false", anchor.written)


def test_html_19_gpg_sig_is_on_every_link(check, html_pages):
    """SHOULD [simple-repository-api, Project Detail] A repository that has `data-gpg-sig` includes it on every link."""
    check.idle = "no file has data-gpg-sig"
    for url, page in html_pages.items():
        count = sum(anchor.has("data-gpg-sig") for anchor in page.anchors)
        if count:
            check.equal(count, len(page.anchors), url, "links with data-gpg-sig:")


def test_html_20_metadata_is_announced_under_its_name(check, anchors):
    """MUST [PEP 714, Specification] Metadata is announced as `data-core-metadata`; `data-dist-info-metadata` alone is the old name."""
    check.idle = "no file has a metadata attribute"
    for where, _, anchor in anchors:
        if anchor.has("data-dist-info-metadata"):
            check.that(anchor.has("data-core-metadata"), where, "data-core-metadata beside the old attribute", anchor.written)
        elif anchor.has("data-core-metadata"):
            check.that(True, where, "", "")


def test_html_21_the_old_metadata_attribute_agrees(check, anchors):
    """MUST [PEP 714, Specification] `data-dist-info-metadata`, if emitted, matches the value of `data-core-metadata`."""
    check.idle = "no file has both attributes"
    for where, _, anchor in anchors:
        if anchor.has("data-dist-info-metadata") and anchor.has("data-core-metadata"):
            check.equal(anchor.get("data-dist-info-metadata"), anchor.get("data-core-metadata"), where, "data-dist-info-metadata")


def test_html_22_the_metadata_attribute_is_a_hash_or_true(check, anchors):
    """MUST [simple-repository-api, Project Detail; clients: pip, pdm] `data-core-metadata` is `<hashname>=<hashvalue>` or `true`; installers read `false` as present."""
    check.idle = "no file has data-core-metadata"
    for where, _, anchor in anchors:
        if anchor.has("data-core-metadata"):
            value = anchor.get("data-core-metadata") or ""
            check.that(
                value == "true" or re.fullmatch(r"[a-z0-9_]+=[0-9a-f]+", value), where, "name=digest or true", anchor.written
            )


def test_html_23_the_metadata_hash_is_given(check, anchors):
    """SHOULD [simple-repository-api, Project Detail] The repository provides the hash of the metadata file rather than `true`."""
    check.idle = "no file has data-core-metadata"
    for where, _, anchor in anchors:
        if anchor.has("data-core-metadata"):
            check.that("=" in (anchor.get("data-core-metadata") or ""), where, "name=digest", anchor.written)


def test_html_24_a_yank_has_a_value(check, anchors):
    """SHOULD [clients: pip] `data-yanked` without a reason is written `data-yanked=""`: pip takes a bare attribute for not yanked."""
    check.idle = "no file is yanked"
    for where, _, anchor in anchors:
        if anchor.has("data-yanked"):
            check.that(anchor.get("data-yanked") is not None, where, 'data-yanked="" or a reason', anchor.written)


def test_html_25_provenance_is_a_secure_url(check, anchors):
    """MUST [simple-repository-api, Project Detail; PEP 740] `data-provenance` is a fully qualified URL of a secure origin."""
    check.idle = "no file has data-provenance"
    for where, _, anchor in anchors:
        if anchor.has("data-provenance"):
            check.that(
                is_secure(anchor.get("data-provenance") or ""), where, "an absolute URL of a secure origin", anchor.written
            )


def is_secure(url):
    """Whether a URL is absolute and of a secure origin: https, or this very machine."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme == "https" and bool(parts.netloc) or parts.hostname in ("127.0.0.1", "localhost", "::1")


def test_html_26_the_version_is_told(check, root, html_pages):
    """SHOULD [simple-repository-api, Versioning; PEP 629] Every page has a meta tag `pypi:repository-version`."""
    for page in [root, *html_pages.values()]:
        check.equal(len(page.meta("pypi:repository-version")), 1, page.response.asked(), "meta tags pypi:repository-version:")


def test_html_27_the_version_is_major_and_minor(check, root, html_pages):
    """MUST [simple-repository-api, Versioning; PEP 629] The repository version is Major.Minor only, and the major version is 1."""
    check.idle = "no page tells a version"
    for page in [root, *html_pages.values()]:
        for version in page.meta("pypi:repository-version"):
            check.that(re.fullmatch(r"1\.\d+", version or ""), page.response.asked(), "1.N", repr(version))


def test_html_28_meta_tags_stand_in_the_head(check, root, html_pages):
    """MUST [simple-repository-api, HTML Serialization] The meta tags of the interface stand in the head section."""
    check.idle = "no page has such a meta tag"
    for page in [root, *html_pages.values()]:
        for name, _, is_in_head in page.metas:
            if (name or "").startswith("pypi:"):
                check.that(is_in_head, page.response.asked(), f"{name} in <head>", "in <body>")


def test_html_29_html_stays_at_its_last_version(check, root, html_pages):
    """SHOULD [PEP 833, Specification] The HTML form is frozen at version 1.4."""
    check.idle = "no page tells a version"
    for page in [root, *html_pages.values()]:
        for version in page.meta("pypi:repository-version"):
            minor = int(version.partition(".")[2]) if re.fullmatch(r"1\.\d+", version or "") else 0
            check.that(minor <= 4, page.response.asked(), "1.4 at most", version)


def test_html_30_the_status_is_one_of_four(check, html_pages):
    """MUST [simple-repository-api, Project Detail; PEP 792] `pypi:project-status` is a valid status marker."""
    check.idle = "no page tells a status"
    for url, page in html_pages.items():
        for status in page.meta("pypi:project-status"):
            check.that(status in STATUSES, url, "one of " + ", ".join(STATUSES), repr(status))


def test_html_31_text_beyond_ascii_says_its_encoding(check, root, html_pages):
    """MUST [HTML5, 4.2.5.4] A page whose bytes are not all ASCII says its encoding in Content-Type or near its start."""
    check.idle = "every page is ASCII"
    for page in [root, *html_pages.values()]:
        if not page.response.body.isascii():
            told = charset_of(page.response) or re.search(rb"charset=[\"']?utf-8", page.response.body[:1024], re.IGNORECASE)
            check.that(told, page.response.asked(), "charset=utf-8", page.response)


def test_html_32_links_of_files_work(check, http, html_pages):
    """MUST [simple-repository-api, Project Detail] The href of a file is a URL that links to its location for download."""
    for page in html_pages.values():
        for anchor in page.anchors[:4]:
            check.status(http.follow(urllib.parse.urldefrag(page.url(anchor))[0], "*/*", method="HEAD"), 200)
