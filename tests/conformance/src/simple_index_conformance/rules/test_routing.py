"""Routing and normalization."""

import re
import urllib.parse

import pytest

from simple_index_conformance.names import normalize
from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import ANY_PAGE, REDIRECTS, origin_of

SPELLINGS = [
    str.upper,
    str.title,
    lambda name: name.replace("-", "_"),
    lambda name: name.replace("-", "."),
    lambda name: name.replace("-", "-._.-").upper(),
]
"""Ways to write a name that normalization undoes."""

NOBODY = "sic-no-such-project-%s"


@pytest.fixture
def unknown(index, option):
    """A name that the index has never heard of."""
    return NOBODY % option.seed


def spellings_of(name):
    """Every other spelling of a normalized name, without repetition."""
    return [made for made in dict.fromkeys(spell(name) for spell in SPELLINGS) if made != name]


def test_route_01_the_root_answers(check, index):
    """MUST [simple-repository-api, Project List] The root URL of a repository is the page that lists its projects."""
    check.status(index.http.get(index.base, ANY_PAGE), 200)


def test_route_02_every_project_has_its_page(check, projects):
    """MUST [simple-repository-api, Project Detail] Below the root is a URL /<project>/ for each project, the name normalized."""
    for project in projects:
        check.status(project.index.http.get(project.url, ANY_PAGE), 200)


def test_route_03_an_unknown_project_is_not_found(check, index, unknown):
    """MUST [clients: uv; RFC 9110, 15.5.5] A project that the index does not have answers 404: uv stops at the first index that answers 200."""
    check.status(index.http.follow(index.project_url(unknown), ANY_PAGE), 404)


def test_route_04_an_unknown_project_is_not_found_in_json(check, index, unknown):
    """MUST [clients: uv; RFC 9110, 15.5.5] The status of a project that is not there does not depend on the form asked for."""
    for accept in ("application/vnd.pypi.simple.v1+json", "text/html", None):
        check.status(index.http.follow(index.project_url(unknown), accept), 404)


def test_route_05_html_pages_end_with_a_slash(check, http, pages):
    """MUST [simple-repository-api, Project Detail] All URLs which respond with an HTML5 page end with a slash."""
    for url in pages.values():
        response = http.get(url.rstrip("/"), "text/html")
        check.that(not (response.status == 200 and response.is_html), response, "a redirect or an error, not a page", response)


def test_route_06_the_missing_slash_is_added_by_a_redirect(check, index, detail):
    """SHOULD [simple-repository-api, Project Detail] The repository redirects a URL without the slash to the one with it."""
    for url in (index.base, detail.url):
        response = index.http.get(url.rstrip("/"), ANY_PAGE)
        if check.that(response.status in REDIRECTS, response, f"a redirect to {url}", response):
            check.equal(urllib.parse.urljoin(response.url, response.header("location")), url, response.asked(), "Location")


def test_route_07_the_redirect_keeps_the_query(check, index, detail):
    """SHOULD [simple-repository-api, URL Parameter] The redirect that adds a slash keeps the query, or a `format` in it would be lost."""
    check.idle = "URLs without a slash are not redirected"
    response = index.http.get(detail.url.rstrip("/") + "?format=text%2Fhtml", ANY_PAGE)
    if response.status in REDIRECTS:
        query = urllib.parse.urlsplit(response.header("location") or "").query
        check.equal(urllib.parse.unquote(query), "format=text/html", response.asked(), "query of Location")


def test_route_08_other_spellings_lead_to_the_normalized_url(check, index, detail):
    """MAY [simple-repository-api, Project Detail] Repositories may redirect unnormalized URLs to the normalized one."""
    answers = [index.http.get(index.project_url(name), ANY_PAGE) for name in spellings_of(detail.name)]
    if all(answer.status == 404 for answer in answers):
        not_offered("other spellings of a name are not found")
    for answer in answers:
        check.that(answer.status == 200 or answer.status in REDIRECTS, answer, "a redirect (or the page itself)", answer)


def test_route_09_a_redirected_spelling_ends_at_the_project(check, index, detail):
    """MUST [name-normalization, Name normalization] All spellings that normalize alike are one project, so a redirect ends at that project's page."""
    check.idle = "other spellings are not redirected"
    for name in spellings_of(detail.name):
        response = index.http.get(index.project_url(name), ANY_PAGE)
        if response.status in REDIRECTS:
            target = urllib.parse.urljoin(response.url, response.header("location") or "")
            check.equal(urllib.parse.urlsplit(target).path, urllib.parse.urlsplit(detail.url).path, response.asked(), "Location")


def test_route_10_redirects_of_pages_stay_on_the_origin(check, index, detail):
    """SHOULD [RFC 9110, 15.4; clients: pip] Redirects for slash and spelling keep scheme, host and port, or clients drop their credentials."""
    check.idle = "nothing is redirected"
    for url in [detail.url.rstrip("/")] + [index.project_url(name) for name in spellings_of(detail.name)]:
        response = index.http.get(url, ANY_PAGE)
        if response.status in REDIRECTS:
            target = urllib.parse.urljoin(url, response.header("location") or "")
            check.equal(origin_of(target), origin_of(url), response.asked(), "origin of Location")


@pytest.mark.parametrize("name", ["-leading", "trailing-", "a%0A", "%C3%BC", "a%00b", "a%2Fb", "x" * 300, "%20", "a+b"])
def test_route_11_an_invalid_name_is_no_project(check, index, name):
    """MUST [name-normalization, Name format] Valid names have ASCII letters, digits, `.`, `_` and `-` only and start and end with a letter or digit."""
    response = index.http.follow(index.project_url(name), ANY_PAGE)
    check.that(400 <= response.status < 500, response, "a status of 4xx", response)


def test_route_12_405_says_what_is_allowed(check, index, unknown):
    """MUST [RFC 9110, 15.5.6] An answer 405 has an Allow header field."""
    check.idle = "no method was refused with 405"
    for url in (index.base, index.project_url(unknown)):
        response = index.http.request("PATCH", url)
        if response.status == 405:
            check.that(response.header("allow") is not None, response, "an Allow header", response)


def test_route_13_a_page_is_not_changed_by_unsafe_methods(check, index, unknown):
    """SHOULD [RFC 9110, 9.1] A method that a page does not have answers 405, or 501 where the server does not know it."""
    response = index.http.request("PATCH", index.project_url(unknown))
    check.that(response.status in (401, 403, 404, 405, 501), response, "a refusal: 405 (or 401, 403, 404, 501)", response)


def test_route_14_listed_projects_are_normalized_in_urls(check, index):
    """SHOULD [simple-repository-api, Project Detail] Links of the project list use the normalized name, which is the canonical URL."""
    check.idle = "no HTML project list"
    for anchor in (index.root_html.anchors if index.root_html else [])[:5000]:
        name = urllib.parse.unquote(urllib.parse.urlsplit(index.root_html.url(anchor)).path.rstrip("/").rpartition("/")[2])
        check.that(name == normalize(name) and re.fullmatch(r"[a-z0-9-]+", name), index.base, "a normalized name", name)


def test_route_15_a_second_index_answers_too(check, other_index):
    """MUST [simple-repository-api, Base API] Every base URL of a server is an index of its own with a project list."""
    check.status(other_index.http.get(other_index.base, ANY_PAGE), 200)


def test_route_16_a_second_index_does_not_know_unknown_projects(check, other_index, unknown):
    """MUST [clients: uv; RFC 9110, 15.5.5] Also a second index answers 404 for what it never had."""
    check.status(other_index.http.follow(other_index.project_url(unknown), ANY_PAGE), 404)
