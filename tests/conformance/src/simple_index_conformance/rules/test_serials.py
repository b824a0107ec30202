"""Serials for mirrors."""

import re

import pytest

from simple_index_conformance.dists import wheel
from simple_index_conformance.subjects import CHANGING
from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import JSON, TEXT_HTML

HEADER = "X-PyPI-Last-Serial"


@pytest.fixture
def serial(http, detail):
    """Answer with a serial."""
    response = http.follow(detail.url, TEXT_HTML)
    return response if response.header(HEADER) else not_offered(f"the header {HEADER}")


def test_serial_01_the_header_is_a_number(check, http, pages, serial):
    """MAY [PyPI simple API; clients: bandersnatch] Pages may tell the serial of their last change in X-PyPI-Last-Serial, a whole number."""
    for url in pages.values():
        for accept in (JSON, TEXT_HTML):
            response = http.follow(url, accept)
            check.that(re.fullmatch(r"\d+", response.header(HEADER) or ""), response, "a whole number", response.header(HEADER))


def test_serial_02_json_tells_the_same(check, http, pages, serial, index):
    """SHOULD [PyPI simple API; clients: bandersnatch] `meta._last-serial` is the serial of the header."""
    check.idle = "no JSON page has _last-serial"
    for url in pages.values():
        response = http.follow(url, JSON)
        found = re.search(rb'"_last-serial"\s*:\s*(\d+)', response.body)
        if found:
            check.equal(found[1].decode(), response.header(HEADER), url, "_last-serial")


def test_serial_03_html_tells_the_same(check, http, pages, serial):
    """SHOULD [PyPI simple API; clients: bandersnatch] `<!--SERIAL n-->` at the end of HTML is the serial of the header."""
    check.idle = "no HTML page has a serial"
    for url in pages.values():
        response = http.follow(url, TEXT_HTML)
        found = re.search(rb"<!--\s*SERIAL (\d+)\s*-->", response.body)
        if found:
            check.equal(found[1].decode(), response.header(HEADER), url, "SERIAL")


def test_serial_04_the_serial_grows(check, http, index, made):
    """SHOULD [PyPI simple API; clients: bandersnatch] After an upload the project's serial is greater than before and the root's is not smaller than it."""
    dist = made.need(CHANGING)
    url = index.project_url(dist.project)
    before = http.follow(url, TEXT_HTML).header(HEADER)
    if before is None:
        not_offered(f"the header {HEADER}")
    made.uploader.send(wheel(dist.name, "7.0"))
    after = http.follow(url, TEXT_HTML).header(HEADER)
    root = http.follow(index.base, TEXT_HTML).header(HEADER)
    check.that(int(after or 0) > int(before), url, f"a serial above {before}", after)
    check.that(int(root or 0) >= int(after or 0), index.base, f"a serial of at least {after}", root)


def test_serial_05_other_projects_keep_their_serial(check, http, index, made):
    """SHOULD [PyPI simple API; clients: bandersnatch] A project's serial is that of its own last change, or mirrors fetch everything again."""
    other = index.project_url(made.need("plain").project)
    before = http.follow(other, TEXT_HTML).header(HEADER)
    if before is None:
        not_offered(f"the header {HEADER}")
    made.uploader.send(wheel(made.need(CHANGING).name, "8.0"))
    check.equal(http.follow(other, TEXT_HTML).header(HEADER), before, other, HEADER)
