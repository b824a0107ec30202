"""The format parameter."""

import urllib.parse

import pytest

from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import HTML, JSON, TEXT_HTML


def asked(kind, escape=True):
    """The query that asks for a type."""
    return "?format=" + (urllib.parse.quote(kind, safe="") if escape else kind)


@pytest.fixture
def offered(http, pages, index):
    """Ends the test where the parameter is ignored."""
    if not index.offers_json:
        not_offered("JSON pages")
    if not http.get(pages["detail"] + asked(JSON), TEXT_HTML).is_json:
        not_offered("the `format` parameter")


def test_format_01_the_parameter_is_understood(check, http, pages, offered):
    """MAY [simple-repository-api, URL Parameter] Servers may support a URL parameter named `format` with one of the content types."""
    for url in pages.values():
        for kind in (JSON, HTML, TEXT_HTML):
            response = http.get(url + asked(kind), "*/*")
            check.equal(response.media_type, kind, response.asked(), "Content-Type")


def test_format_02_the_parameter_wins_over_accept(check, http, pages, offered):
    """SHOULD [simple-repository-api, URL Parameter] The parameter takes precedence over Accept."""
    for url in pages.values():
        for kind, accept in ((JSON, TEXT_HTML), (TEXT_HTML, JSON), (HTML, JSON)):
            response = http.get(url + asked(kind), accept)
            check.equal(response.media_type, kind, response.asked(), "Content-Type")


def test_format_03_latest_is_answered_with_a_version(check, http, pages, offered):
    """MUST [simple-repository-api, Version + Format Selection] The meta version `latest` is answered with the type of the actual version, also here."""
    for url in pages.values():
        response = http.get(url + asked("application/vnd.pypi.simple.latest+json"), "*/*")
        check.that("latest" not in response.media_type, response, "a type without `latest`", response)


def test_format_04_an_unescaped_plus_is_understood(check, http, pages, offered):
    """MAY [simple-repository-api, URL Parameter] For people who type it: `+` in the query, which forms decode to a space."""
    response = http.get(pages["detail"] + asked(JSON, escape=False), TEXT_HTML)
    if not response.is_json:
        not_offered("an unescaped `+`")
    check.equal(response.media_type, JSON, response.asked(), "Content-Type")


@pytest.mark.parametrize("value", ["image%2Fpng", "*%2F*", "", "text%2Fhtml%2Capplication%2Fjson", "%00", "x" * 2000])
def test_format_05_an_unsupported_value_is_no_server_error(check, http, pages, value):
    """SHOULD [simple-repository-api, URL Parameter] An unsupported format falls back to Accept or is answered as negotiation answers (406)."""
    response = http.get(f"{pages['detail']}?format={value}", TEXT_HTML)
    check.that(response.status in (200, 400, 404, 406, 414), response, "200 (fallback) or 406", response)


def test_format_06_other_parameters_are_ignored(check, http, pages):
    """SHOULD [simple-repository-api, URL Parameter] Servers may ignore a parameter's presence; one that nobody defines changes nothing."""
    for url in pages.values():
        response = http.get(url + "?sic=1", TEXT_HTML)
        check.status(response, 200)
