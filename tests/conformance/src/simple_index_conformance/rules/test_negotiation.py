"""Content negotiation."""

import pytest

from simple_index_conformance.verdict import not_offered, not_tested
from simple_index_conformance.wire import HTML, JSON, PAGE_TYPES, TEXT_HTML

BASE = "application/vnd.pypi.simple"

ASKED = [f"{page}-{method}" for page in ("root", "detail") for method in ("GET", "HEAD")]


@pytest.fixture(params=ASKED)
def ask(request, http, index, pages):
    """Asks one of the two pages with one of the two methods for an Accept (None: no header, a list: several)."""
    page, method = request.param.split("-")
    if page not in pages and method == "GET":
        not_tested("the project list is too large to be fetched again and again")
    url = pages.get(page, index.base)
    return lambda accept: http.request(method, url, {"Accept": accept} if accept is not None else {})


@pytest.fixture
def with_json(index):
    """Ends the test where there are no JSON pages."""
    if not index.offers_json:
        not_offered("JSON pages")


def answers(check, ask, accept, *wanted):
    """The answer to `accept` has one of the `wanted` media types."""
    response = ask(accept)
    check.that(response.status == 200 and response.media_type in wanted, response, "200 with " + " or ".join(wanted), response)
    return response


def test_neg_01_every_answer_says_its_type(check, ask):
    """MUST [simple-repository-api, Version + Format Selection] Servers always include a Content-Type header that says what the answer is."""
    for accept in (None, JSON, HTML, TEXT_HTML):
        response = ask(accept)
        check.that(bool(response.media_type), response, "a Content-Type", response)


def test_neg_02_the_type_is_one_of_three(check, ask):
    """MUST [simple-repository-api, Content-Types; clients: uv] Pages are of one of the three types, in lower case as they are written."""
    for accept in (None, JSON, HTML, TEXT_HTML):
        answers(check, ask, accept, *PAGE_TYPES)


def test_neg_03_json_is_offered(check, ask, with_json):
    """SHOULD [PEP 833, Specification; simple-repository-api, Recommendations] Servers support JSON, the primary form of the interface."""
    answers(check, ask, JSON, JSON)


def test_neg_04_html_under_its_own_type(check, ask):
    """SHOULD [simple-repository-api, Recommendations] Servers support all three types: asked for the HTML v1 type, that is the answer's type."""
    answers(check, ask, HTML, HTML)


def test_neg_05_html_under_the_alias(check, ask):
    """MUST [simple-repository-api, Content-Types] `text/html` is an alias of the HTML type for clients that know nothing else."""
    answers(check, ask, TEXT_HTML, TEXT_HTML)


def test_neg_06_no_accept_is_any_type(check, ask):
    """MUST [simple-repository-api, Version + Format Selection] The absence of Accept is treated as `Accept: */*`."""
    absent, every = ask(None), ask("*/*")
    check.equal(absent.media_type, every.media_type, absent.asked(), "the type that */* gets,")


def test_neg_07_any_type_is_html(check, ask):
    """SHOULD [clients: hatch, browsers] A bare `*/*` gets text/html: who does not name JSON is an old client or a person."""
    answers(check, ask, "*/*", TEXT_HTML)


def test_neg_08_latest_json_is_answered_with_a_version(check, ask, with_json):
    """MUST [simple-repository-api, Version + Format Selection] Asked for `latest`, the server responds with the type of the actual version (JSON)."""
    answers(check, ask, f"{BASE}.latest+json", JSON)


def test_neg_09_latest_html_is_answered_with_a_version(check, ask):
    """MUST [simple-repository-api, Version + Format Selection] Asked for `latest`, the server responds with the type of the actual version (HTML)."""
    answers(check, ask, f"{BASE}.latest+html", HTML, TEXT_HTML)


def test_neg_10_pip_gets_json(check, ask, with_json):
    """SHOULD [simple-repository-api, Recommendations; clients: pip, pdm] The most expressive form wins, text/html comes last: the header of pip."""
    answers(check, ask, f"{JSON}, {HTML}; q=0.1, text/html; q=0.01", JSON)


def test_neg_11_uv_gets_json(check, ask, with_json):
    """SHOULD [simple-repository-api, Recommendations; clients: uv] The most expressive form wins, text/html comes last: the header of uv."""
    answers(check, ask, f"{JSON}, {HTML};q=0.2, text/html;q=0.01", JSON)


def test_neg_12_poetry_gets_json(check, ask, with_json):
    """SHOULD [RFC 9110, 12.4.2; clients: poetry] A type of quality 1 wins over `*/*` of less: the header of poetry."""
    answers(check, ask, f"{JSON}, */*;q=0.1", JSON)


def test_neg_13_unknown_types_are_passed_over(check, ask, with_json):
    """SHOULD [simple-repository-api, Version + Format Selection; clients: uv] The server selects one of the listed types that it has, whatever stands before."""
    unknown = ", ".join(f"application/vnd.example.simple.v1+{kind};q=0.9" for kind in ("msgpack", "cbor"))
    answers(check, ask, f"application/vnd.example.simple.v1+msgpack, {unknown}, {JSON};q=0.8, text/html;q=0.1", JSON)


def test_neg_14_a_browser_gets_html(check, ask):
    """SHOULD [RFC 9110, 12.5.1; clients: browsers] The header of a browser gets text/html."""
    answers(check, ask, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT_HTML)


def test_neg_15_equal_quality_is_json(check, ask, with_json):
    """SHOULD [simple-repository-api, Recommendations] Of equally acceptable types the most expressive is chosen, text/html as a last resort."""
    answers(check, ask, f"{JSON}, text/html", JSON)


def test_neg_16_order_means_nothing(check, ask, with_json):
    """SHOULD [simple-repository-api, Version + Format Selection] The order of the types in Accept has no meaning."""
    for accepts in ((f"{JSON}, text/html", f"text/html, {JSON}"), (f"{JSON};q=0.2, {HTML};q=0.8", f"{HTML};q=0.8, {JSON};q=0.2")):
        first, second = map(ask, accepts)
        check.equal(second.media_type, first.media_type, second.asked(), "the type that the other order gets,")


def test_neg_17_a_subtype_wildcard_matches_json(check, ask, with_json):
    """SHOULD [simple-repository-api, Version + Format Selection] `$type/*` matches every subtype: `application/*` gets a simple page, best JSON."""
    answers(check, ask, "application/*", JSON)


def test_neg_18_a_subtype_wildcard_matches_text(check, ask):
    """SHOULD [simple-repository-api, Version + Format Selection] `$type/*` matches every subtype: `text/*` gets text/html."""
    answers(check, ask, "text/*", TEXT_HTML)


def test_neg_19_quality_zero_forbids(check, ask, with_json):
    """SHOULD [RFC 9110, 12.4.2] A quality of 0 means not acceptable."""
    answers(check, ask, f"{JSON};q=0, text/html", TEXT_HTML)
    response = ask(f"{JSON};q=0, */*;q=0.1")
    check.that(not response.is_json, response, "anything but JSON, which has quality 0", response)


def test_neg_20_higher_quality_wins(check, ask, with_json):
    """SHOULD [simple-repository-api, Version + Format Selection] An entry with a higher quality has priority over one with a lower."""
    answers(check, ask, f"{JSON};q=0.1, text/html;q=0.9", TEXT_HTML)
    answers(check, ask, f"{JSON};q=0.9, text/html;q=0.1", JSON)


def test_neg_21_quality_has_three_decimals(check, ask, with_json):
    """SHOULD [simple-repository-api, Version + Format Selection] Quality is a value from 0 to 1 with up to three decimal digits."""
    answers(check, ask, f"{JSON};q=0.001, text/html;q=0.002", TEXT_HTML)
    answers(check, ask, f"{JSON};q=0.999, text/html;q=0.998", JSON)


def test_neg_22_the_more_specific_range_counts(check, ask, with_json):
    """SHOULD [RFC 9110, 12.5.1] The most specific media range that matches a type gives its quality."""
    response = ask(f"{JSON};q=0.1, application/*;q=0.9, text/html;q=0.5")
    check.that(response.is_html, response, "HTML: JSON's own quality is 0.1, that of application/* is for others", response)
    answers(check, ask, f"{JSON};q=0.9, application/*;q=0.1, text/html;q=0.5", JSON)


def test_neg_23_types_ignore_case(check, ask, with_json):
    """MUST [RFC 9110, 8.3.1] Type and subtype are case-insensitive, also in Accept."""
    answers(check, ask, JSON.upper(), JSON)


def test_neg_24_white_space_is_optional(check, ask, with_json):
    """MUST [RFC 9110, 5.6.3 and 12.5.1] White space around the separators of Accept has no meaning."""
    answers(check, ask, f"text/html ; q=0.5 ,{JSON} ; q=0.9 ,,*/* ; q=0.1", JSON)


def test_neg_25_several_lines_are_one_list(check, ask, with_json):
    """MUST [RFC 9110, 5.3] Several Accept lines mean the same as one line with their values in order."""
    answers(check, ask, ["text/html;q=0.1", f"{JSON};q=0.9"], JSON)


@pytest.mark.parametrize("accept", [f"{BASE}.v2+json", "application/json", "image/png", f"{BASE}.v1+xml"])
def test_neg_26_nothing_acceptable_is_406(check, ask, accept):
    """SHOULD [simple-repository-api, Recommendations] Without a type that it has, the server answers 406 Not Acceptable."""
    check.status(ask(accept), 406)


def test_neg_27_never_multiple_choices(check, ask):
    """SHOULD [simple-repository-api, Recommendations] The server never answers 300 Multiple Choices."""
    for accept in ("image/png", f"{BASE}.v2+json", None, "*/*"):
        response = ask(accept)
        check.that(response.status != 300, response, "not 300", response)


def test_neg_28_an_unasked_answer_still_says_its_type(check, ask):
    """MUST [simple-repository-api, Version + Format Selection] A default other than what was asked for is labelled as what it is."""
    check.idle = "unsupported types are answered without a page"
    response = ask(f"{BASE}.v2+json")
    if response.status == 200:
        check.that(response.media_type in PAGE_TYPES, response, "one of the three page types, not the one asked for", response)


def test_neg_29_vary_names_accept(check, ask, with_json):
    """SHOULD [RFC 9110, 12.5.5] An answer that was chosen by Accept says `Vary: Accept`, or caches mix up the forms."""
    for accept in (JSON, TEXT_HTML, None):
        response = ask(accept)
        check.that({"accept", "*"} & response.tokens("vary"), response, "Accept in Vary", response)


@pytest.mark.parametrize("accept", ["", ",", ";q=1", "text/html;q=x", "text", "*", "a/b;" * 50, "text/html;q=2", "\x7f"])
def test_neg_30_odd_accepts_do_not_break_the_server(check, ask, accept):
    """SHOULD [RFC 9110, 15.6] A malformed Accept is the client's fault or is ignored; it is no error of the server."""
    response = ask(accept)
    check.that(response.status < 500, response, "a status below 500", response)


def test_neg_31_the_body_is_what_the_type_says(check, http, pages):
    """MUST [simple-repository-api, Version + Format Selection] Content-Type indicates the content type of the response: JSON is JSON, HTML is HTML."""
    for url in pages.values():
        for accept in (JSON, HTML, TEXT_HTML, None):
            response = http.follow(url, accept)
            starts = response.body.lstrip()[:1]
            if response.is_json:
                check.equal(starts, b"{", response.asked(), "first byte of JSON")
            elif response.is_html:
                check.equal(starts, b"<", response.asked(), "first byte of HTML")
