"""Authentication."""

import pytest

from simple_index_conformance.dists import wheel
from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import ANY_PAGE, Http


@pytest.fixture(scope="module")
def anonymous():
    """Requests without credentials."""
    return Http()


@pytest.fixture(scope="module")
def closed(index, anonymous):
    """The answer to who has no credentials; the tests end where anybody may read."""
    response = anonymous.get(index.base, ANY_PAGE)
    return not_offered("reading that needs credentials") if response.status == 200 else response


@pytest.fixture(scope="module")
def refusals(uploader, option):
    """Answers to uploads without and with wrong credentials."""
    if uploader.password is None:
        not_offered("uploads that need credentials")
    dist = wheel(f"sic-refused-{option.seed}", "1.0")
    return [uploader.send(dist, authorization=credentials) for credentials in (None, uploader.wrong(), "Basic !", "Basic")]


def test_auth_01_a_closed_index_asks_for_credentials(check, closed):
    """MUST [RFC 9110, 15.5.2; clients: pip] An index that needs credentials answers 401: pip asks for them after no other status."""
    check.status(closed, 401)


def test_auth_02_a_closed_page_asks_for_credentials(check, closed, detail, anonymous):
    """MUST [RFC 9110, 15.5.2; clients: pip] A project's page that needs credentials answers 401."""
    check.status(anonymous.get(detail.url, ANY_PAGE), 401)


def test_auth_03_a_closed_file_asks_for_credentials(check, closed, files, anonymous):
    """MUST [RFC 9110, 15.5.2; clients: pip] A file that needs credentials answers 401."""
    check.idle = "files can be read by anybody"
    for file in files[:3]:
        response = anonymous.get(file.url)
        if response.status != 200:
            check.status(response, 401)


def test_auth_04_401_names_a_scheme(check, closed):
    """MUST [RFC 9110, 11.6.1 and 15.5.2] An answer 401 has WWW-Authenticate with at least one challenge; installers know Basic."""
    check.that("basic" in (closed.header("www-authenticate") or "").lower(), closed, "WWW-Authenticate: Basic", closed)


def test_auth_05_wrong_credentials_ask_again(check, closed, index):
    """SHOULD [RFC 9110, 15.5.2] Credentials that are wrong are answered 401 again."""
    check.status(Http(("sic", "wrong"), index.http.origin).get(index.base, ANY_PAGE), 401)


def test_auth_06_uploads_are_refused(check, refusals):
    """MUST [RFC 9110, 15.5.2] An upload without credentials, or with wrong ones, is refused."""
    for response in refusals:
        check.that(response.status in (400, 401, 403), response, "401 (or 403)", response)


def test_auth_07_uploads_without_credentials_are_401(check, refusals):
    """SHOULD [RFC 9110, 15.5.2] The refusal of an upload that lacks credentials is 401."""
    check.status(refusals[0], 401)
    check.status(refusals[1], 401, 403)


def test_auth_08_401_of_uploads_names_a_scheme(check, refusals):
    """MUST [RFC 9110, 11.6.1 and 15.5.2] An answer 401 has WWW-Authenticate with at least one challenge, also for uploads."""
    check.idle = "no upload was refused with 401"
    for response in refusals:
        if response.status == 401:
            check.that(response.header("www-authenticate"), response, "WWW-Authenticate", response)


def test_auth_09_a_refused_upload_leaves_nothing(check, refusals, index, option):
    """MUST [RFC 9110, 15.5] A refused upload is not listed."""
    check.status(index.http.follow(index.project_url(f"sic-refused-{option.seed}"), ANY_PAGE), 404)
