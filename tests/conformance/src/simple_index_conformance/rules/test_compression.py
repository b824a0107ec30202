"""Content codings of pages."""

import pytest

from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import JSON, TEXT_HTML, decode_zstd

WORTH_BYTES = 2000
"""A page of this size is worth compressing."""


@pytest.fixture(scope="module")
def large(http, index, projects):
    """URL and form of a page that is worth compressing."""
    accept = JSON if index.offers_json else TEXT_HTML
    found = [project.url for project in projects if len(project.response(accept).readable()) >= WORTH_BYTES]
    if not found and len(index.root(accept).readable()) >= WORTH_BYTES:
        found = [index.base]
    return (found[0], accept) if found else not_offered("a page large enough to be compressed")


def ask(http, large, coding, method="GET"):
    """The page with an Accept-Encoding (None: none)."""
    return http.request(method, large[0], {"Accept": large[1], "Accept-Encoding": coding})


@pytest.fixture(scope="module")
def zipped(http, large):
    """The page in gzip."""
    response = ask(http, large, "gzip")
    return response if response.coding == "gzip" else not_offered("gzip")


def test_comp_01_gzip_is_offered(check, http, large):
    """SHOULD [RFC 9110, 12.5.3; clients: pip, uv] A page of some size is compressed for who accepts gzip, as every installer does."""
    response = ask(http, large, "gzip, deflate")
    check.that(response.coding in ("gzip", "deflate"), response, "Content-Encoding: gzip", response)


def test_comp_02_zstd_is_offered(check, http, large):
    """MAY [RFC 8878; clients: uv] A page may be compressed by Zstandard for who accepts it."""
    response = ask(http, large, "zstd")
    if response.coding != "zstd":
        not_offered("zstd")
    plain = decode_zstd(response.body)
    check.that(plain is None or plain == ask(http, large, "identity").body, response, "the page when decoded", response)


def test_comp_03_the_decoded_page_is_the_page(check, http, large, zipped):
    """MUST [RFC 9110, 8.4] What is decoded is the page as it is without coding."""
    check.that(zipped.decoded() == ask(http, large, "identity").body, zipped, "the page when decoded", zipped)


@pytest.mark.parametrize("coding", ["identity", "gzip;q=0", "gzip;q=0, identity", "identity;q=1, *;q=0"])
def test_comp_04_a_refused_coding_is_not_used(check, http, large, coding):
    """MUST [RFC 9110, 12.5.3 and 12.4.2] A coding with quality 0, or one not named, is not acceptable."""
    response = ask(http, large, coding)
    check.that(response.coding == "identity", response, "no Content-Encoding", response)


def test_comp_05_only_accepted_codings_are_used(check, http, large):
    """MUST [RFC 9110, 12.5.3] The coding of an answer is one that Accept-Encoding names."""
    for coding in ("br", "compress", "zstd", "deflate", "x-sic"):
        response = ask(http, large, coding)
        check.that(response.coding in ("identity", coding), response, f"identity or {coding}", response)


def test_comp_06_quality_chooses_the_coding(check, http, large, zipped):
    """SHOULD [RFC 9110, 12.5.3] An acceptable coding with a quality is used: `gzip;q=0.5` alone still means gzip."""
    response = ask(http, large, "gzip;q=0.5, br;q=0.1")
    check.that(response.coding == "gzip", response, "gzip", response)


def test_comp_07_no_header_is_no_coding(check, http, large):
    """SHOULD [RFC 9110, 12.5.3; clients: urllib] Without Accept-Encoding comes the page as it is: old tools decode nothing."""
    response = ask(http, large, None)
    check.that(response.coding == "identity", response, "no Content-Encoding", response)


def test_comp_08_vary_names_the_header(check, http, large, zipped):
    """SHOULD [RFC 9110, 12.5.5] Where codings are chosen, every form of the answer says `Vary: Accept-Encoding`."""
    for response in (zipped, ask(http, large, "identity")):
        check.that({"accept-encoding", "*"} & response.tokens("vary"), response, "Accept-Encoding in Vary", response)


def test_comp_09_codings_have_etags_of_their_own(check, http, large, zipped):
    """MUST [RFC 9110, 8.8.3.3] A strong ETag belongs to one coding: gzip and identity have different ones, or weak ones."""
    check.idle = "no strong ETag"
    plain = ask(http, large, "identity")
    tags = [response.header("etag") or "W/" for response in (zipped, plain)]
    if not all(tag.startswith("W/") for tag in tags):
        check.that(tags[0] != tags[1], plain, f"an ETag other than {tags[0]}", plain)


def test_comp_10_a_compressed_page_is_revalidated(check, http, large, zipped):
    """MUST [RFC 9110, 13.1.2] The ETag of the compressed page answers 304 to who accepts that coding."""
    if not zipped.header("etag"):
        not_offered("ETags of pages")
    response = http.request(
        "GET", large[0], {"Accept": large[1], "Accept-Encoding": "gzip", "If-None-Match": zipped.header("etag")}
    )
    check.status(response, 304)


def test_comp_11_head_tells_the_coding(check, http, large, zipped):
    """SHOULD [RFC 9110, 9.3.2] HEAD has the header fields of GET, Content-Encoding among them."""
    check.equal(ask(http, large, "gzip", "HEAD").coding, "gzip", zipped.url, "Content-Encoding of HEAD")


def test_comp_12_codings_ignore_case(check, http, large, zipped):
    """MUST [RFC 9110, 8.4.1] Names of codings are case-insensitive."""
    check.equal(ask(http, large, "GZIP").coding, "gzip", zipped.url, "Content-Encoding")
