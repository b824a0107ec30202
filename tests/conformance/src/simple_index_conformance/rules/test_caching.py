"""Validators and caching of pages."""

import re

import pytest

from simple_index_conformance.dists import wheel
from simple_index_conformance.subjects import CHANGING
from simple_index_conformance.verdict import not_offered, not_tested
from simple_index_conformance.wire import HTML, JSON, TEXT_HTML

ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"\Z')

KEPT_IN_304 = ("cache-control", "content-location", "etag", "expires", "vary")

REPEATED = 3
"""How often a page is asked for to see whether it stays."""


@pytest.fixture(params=["root", "detail"])
def url(request, pages):
    """The URL of each kind of page."""
    return pages.get(request.param) or not_tested("the project list is too large to be fetched again and again")


@pytest.fixture(params=[JSON, TEXT_HTML])
def page(request, http, url):
    """An answer with a page in each form."""
    response = http.follow(url, request.param)
    if request.param == JSON and not response.is_json:
        not_offered("JSON pages")
    return response


@pytest.fixture
def tagged(page):
    """An answer with a page that has an ETag."""
    if not page.header("etag"):
        not_offered("ETags of pages")
    return page


def again(http, page, **headers):
    """Ask for the same page with more headers."""
    return http.get(page.url, page.sent.get("Accept"), **headers)


def test_cache_01_pages_have_an_etag(check, page):
    """SHOULD [RFC 9110, 8.8.3; clients: pip, uv] An origin server sends an ETag; pip asks again with nothing else."""
    check.that(page.header("etag"), page, "an ETag", page)


def test_cache_02_the_etag_is_well_formed(check, tagged):
    """MUST [RFC 9110, 8.8.3] An ETag is an opaque text in double quotes, with `W/` before it if it is weak."""
    check.that(ETAG.match(tagged.header("etag")), tagged, '"text" or W/"text"', tagged.header("etag"))


def test_cache_03_forms_have_etags_of_their_own(check, http, url, index):
    """MUST [RFC 9110, 8.8.3.3] Representations of one URL that differ have different ETags: HTML and JSON, also where it is weak."""
    check.idle = "the forms have no ETags"
    answers = [http.follow(url, accept) for accept in (JSON, TEXT_HTML)]
    if answers[0].is_json and all(answer.header("etag") for answer in answers):
        check.that(answers[0].header("etag") != answers[1].header("etag"), answers[1], "an ETag other than JSON's", answers[1])


def test_cache_04_html_types_have_etags_of_their_own(check, http, url):
    """MUST [RFC 9110, 8.8.1] A strong ETag changes with any change of the representation, of which Content-Type is a part."""
    check.idle = "both HTML types are one, or the ETag is weak"
    answers = [http.follow(url, accept) for accept in (HTML, TEXT_HTML)]
    tags = [answer.header("etag") or "W/" for answer in answers]
    if answers[0].media_type != answers[1].media_type and not any(tag.startswith("W/") for tag in tags):
        check.that(tags[0] != tags[1], answers[1], f"an ETag other than {tags[0]}", answers[1])


def test_cache_05_a_known_page_is_not_sent_again(check, http, tagged):
    """MUST [RFC 9110, 13.1.2] If-None-Match with the page's ETag answers GET with 304."""
    check.status(again(http, tagged, if_none_match=tagged.header("etag")), 304)


def test_cache_06_304_has_no_body(check, http, tagged):
    """MUST [RFC 9110, 15.4.5] An answer 304 ends with its header section."""
    check.idle = "no 304"
    response = again(http, tagged, if_none_match=tagged.header("etag"))
    if response.status == 304:
        sent = http.content_bytes(
            "GET", tagged.url, tagged.sent.get("Accept"), if_none_match=tagged.header("etag"), accept_encoding="identity"
        )
        check.equal(sent, b"", response.asked(), "bytes after the header section")


def test_cache_07_304_repeats_the_headers(check, http, tagged):
    """MUST [RFC 9110, 15.4.5] A 304 has Cache-Control, Content-Location, ETag, Expires and Vary if the 200 would have had them."""
    check.idle = "no 304"
    response = again(http, tagged, if_none_match=tagged.header("etag"))
    for name in KEPT_IN_304 if response.status == 304 else ():
        if tagged.header(name) is not None:
            check.equal(response.header(name), tagged.header(name), response.asked(), name)


def test_cache_08_head_is_conditional_too(check, http, tagged):
    """MUST [RFC 9110, 13.1.2] If-None-Match with the page's ETag answers HEAD with 304."""
    check.status(http.head(tagged.url, tagged.sent.get("Accept"), if_none_match=tagged.header("etag")), 304)


def test_cache_09_a_list_of_etags_is_read(check, http, tagged):
    """MUST [RFC 9110, 13.1.2] If-None-Match is a list; one member that matches is enough."""
    check.status(again(http, tagged, if_none_match=f'"sic-a", {tagged.header("etag")} ,"sic,b"'), 304)


def test_cache_10_comparison_is_weak(check, http, tagged):
    """MUST [RFC 9110, 13.1.2 and 8.8.3.2] If-None-Match is compared weakly: `W/` does not count."""
    tag = tagged.header("etag")
    check.status(again(http, tagged, if_none_match=tag[2:] if tag.startswith("W/") else "W/" + tag), 304)


def test_cache_11_a_star_matches(check, http, tagged):
    """MUST [RFC 9110, 13.1.2] `If-None-Match: *` matches any page that exists."""
    check.status(again(http, tagged, if_none_match="*"), 304)


def test_cache_12_another_etag_does_not_match(check, http, tagged):
    """MUST [RFC 9110, 13.1.2] An ETag that is not the page's gets the page."""
    check.status(again(http, tagged, if_none_match='"sic-other"'), 200)


def test_cache_13_the_other_forms_etag_does_not_match(check, http, url):
    """MUST [RFC 9110, 8.8.3.3 and 13.1.2] The ETag of one form does not make the other form 304."""
    check.idle = "the forms have no ETags"
    json = http.follow(url, JSON)
    if json.is_json and json.header("etag"):
        check.status(http.get(json.url, TEXT_HTML, if_none_match=json.header("etag")), 200)


def test_cache_14_caching_is_explicit(check, page):
    """SHOULD [RFC 9111, 4.2.2; clients: pip 26.2, uv] Pages say by Cache-Control how long they are fresh, or clients guess."""
    check.that(page.header("cache-control"), page, "Cache-Control", page)


def test_cache_15_pages_may_be_stored(check, page):
    """SHOULD [RFC 9111, 5.2.2.5; clients: pip, uv] Pages are not `no-store`, which forbids revalidation too."""
    check.that("no-store" not in page.directives(), page, "no no-store", page)


def test_cache_16_no_cache_stands_without_an_age(check, page):
    """SHOULD [RFC 9111, 5.2.2.4; clients: pip] `no-cache` does not stand beside a max-age, which pip obeys instead."""
    found = page.directives()
    check.that("no-cache" not in found or found.get("max-age", "0") == "0", page, "no-cache alone", page)


def test_cache_17_last_modified_is_not_alone(check, page):
    """SHOULD [RFC 9111, 4.2.2; clients: uv] Last-Modified without Cache-Control lets caches invent a freshness."""
    check.that(not page.header("last-modified") or page.header("cache-control"), page, "Cache-Control", page)


def test_cache_18_answers_have_a_date(check, page):
    """MUST [RFC 9110, 6.6.1; clients: pip] An origin server with a clock sends Date; without it pip keeps no page."""
    check.that(page.header("date"), page, "Date", page)


def test_cache_19_a_page_stays_the_same(check, http, page):
    """SHOULD [RFC 9110, 8.8.1; simple-repository-api, Project List] While nothing changes, the bytes and the ETag of a page stay."""
    for _ in range(REPEATED):
        response = again(http, page)
        check.that(response.body == page.body, response, "the bytes of the first answer", response)
        check.equal(response.header("etag"), page.header("etag"), response.asked(), "ETag")


def test_cache_20_304_by_time(check, http, page):
    """SHOULD [RFC 9110, 13.1.3] If-Modified-Since with the page's Last-Modified answers 304."""
    if not page.header("last-modified"):
        not_offered("Last-Modified of pages")
    check.status(again(http, page, if_modified_since=page.header("last-modified")), 304)


def test_cache_21_the_etag_outweighs_the_time(check, http, page):
    """MUST [RFC 9110, 13.1.3] If-Modified-Since is ignored beside If-None-Match."""
    response = again(http, page, if_none_match='"sic-other"', if_modified_since="Fri, 01 Jan 2100 00:00:00 GMT")
    check.status(response, 200)


def test_cache_22_an_odd_condition_is_ignored(check, http, page):
    """SHOULD [RFC 9110, 13.1.3 and 15.6] A condition that cannot be read is ignored, not an error of the server."""
    for headers in ({"if_none_match": "unquoted"}, {"if_modified_since": "yesterday"}, {"if_none_match": '"open'}):
        response = again(http, page, **headers)
        check.that(response.status in (200, 400), response, "200", response)


def test_cache_23_the_old_etag_ends_with_the_page(check, http, index, made):
    """MUST [RFC 9110, 8.8.1; clients: pip] After an upload the project's page has another ETag, and the old one gets the new page."""
    dist = made.need(CHANGING)
    url = index.project_url(dist.project)
    for accept in (JSON, TEXT_HTML):
        before = http.follow(url, accept)
        if not before.header("etag"):
            not_offered("ETags of pages")
        made.uploader.send(wheel(dist.name, "3.0" if accept == JSON else "4.0"))
        after = http.get(before.url, accept, if_none_match=before.header("etag"))
        check.status(after, 200)
        check.that(after.header("etag") != before.header("etag"), after, "another ETag", after)


def test_cache_24_other_pages_keep_their_etag(check, http, index, made):
    """MAY [RFC 9110, 8.8.1] An upload to one project leaves the pages of the others as they were."""
    other = index.project_url(made.need("plain").project)
    before = http.follow(other, JSON)
    made.uploader.send(wheel(made.need(CHANGING).name, "5.0"))
    after = http.follow(other, JSON)
    if before.header("etag") != after.header("etag"):
        not_offered("pages that change with their own project only")
    check.that(after.body == before.body, after, "the same page", after)
