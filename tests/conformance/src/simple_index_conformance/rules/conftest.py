"""What the rules are given."""

from __future__ import annotations

import random
import urllib.parse

import pytest

from simple_index_conformance.names import normalize
from simple_index_conformance.pages import Index
from simple_index_conformance.subjects import Made, listed_files, sample, small_files, useful_file
from simple_index_conformance.upload import Uploader
from simple_index_conformance.verdict import not_offered, not_tested
from simple_index_conformance.wire import Http, origin_of


@pytest.fixture(scope="session")
def option(request):
    """The command line."""
    return request.config.option


def open_index(url):
    """An index by its URL; a user and a password in it are sent with every request to its origin."""
    parts = urllib.parse.urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    credentials = None
    if parts.username is not None:
        credentials = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password or "")
    return Index(Http(credentials, origin_of(bare)), bare)


@pytest.fixture(scope="session")
def uploader(option):
    """Uploads with the credentials of the command line."""
    if not option.upload_url:
        not_tested("no --upload-url was given")
    user, password = ("__token__", option.token) if option.token else (option.username, option.password)
    return Uploader(option.upload_url, user, password)


@pytest.fixture(scope="session")
def made(request, option, index):
    """Projects made for this run; the test ends without uploads."""
    return Made(request.getfixturevalue("uploader"), random.Random(option.seed + option.index_url))


@pytest.fixture(scope="session")
def index(option):
    """The index under test."""
    return open_index(option.index_url)


@pytest.fixture(scope="session")
def http(index):
    """Requests with the credentials for reading."""
    return index.http


@pytest.fixture(scope="session")
def other_index(option):
    """The second index of the same server."""
    if not option.other_index_url:
        not_tested("no --other-index-url was given")
    return open_index(option.other_index_url)


@pytest.fixture(scope="session")
def projects(request, option, index):
    """Projects to look at: those made for this run and a sample of the others."""
    if option.project:
        return [index.project(normalize(name)) for name in option.project]
    if not option.upload_url:
        return [index.project(name) for name in sample(index, option.seed, option.sample)]
    made = request.getfixturevalue("made")
    index.forget()
    others = sample(index, option.seed, option.sample, {dist.project for dist in made.dists.values()})
    return [index.project(name) for name in made.projects() + others]


@pytest.fixture(scope="session")
def detail(projects):
    """One project, if possible one that has files."""
    return next((project for project in projects if project.files), projects[0] if projects else None) or not_tested(
        "no project was found"
    )


@pytest.fixture(scope="session")
def pages(index, detail):
    """URLs of the two kinds of page; a project list that is too large to be asked for a hundred times is left out."""
    found = {"detail": detail.url}
    if not index.is_vast:
        found["root"] = index.base
    return found


@pytest.fixture(scope="session")
def files(projects):
    """Files to look at, as the pages list them."""
    found = listed_files(projects)
    if not found:
        not_tested("no file was found")
    return found


@pytest.fixture(scope="session")
def downloads(index, files):
    """Files small enough to be downloaded."""
    return small_files(index, files)


@pytest.fixture(scope="session")
def blob(index, files):
    """One file of at least a thousand bytes, for the rules of plain HTTP."""
    return useful_file(index, files) or not_tested("no file of a useful size was found")


@pytest.fixture(scope="session")
def json_pages(index, projects):
    """The JSON pages of the projects, by URL."""
    if not index.offers_json:
        not_offered("JSON pages")
    return {project.url: project.json for project in projects if project.json is not None}


@pytest.fixture(scope="session")
def json_files(json_pages):
    """Raw entries of the JSON pages: (where, entry)."""
    found = []
    for url, page in json_pages.items():
        entries = page.get("files") if isinstance(page.get("files"), list) else []
        found += [(f"{url} files[{at}]", entry) for at, entry in enumerate(entries) if isinstance(entry, dict)]
    return found


@pytest.fixture(scope="session")
def html_pages(projects):
    """The HTML pages of the projects, by URL."""
    found = {project.url: project.html for project in projects if project.html is not None}
    if not found:
        not_offered("HTML pages")
    return found


@pytest.fixture(scope="session")
def anchors(html_pages):
    """Anchors of the HTML pages: (where, page, anchor)."""
    return [(f"{url} {anchor.text.strip()}", page, anchor) for url, page in html_pages.items() for anchor in page.anchors]
