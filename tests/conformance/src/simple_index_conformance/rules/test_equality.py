"""HTML and JSON say the same."""

import pytest

from simple_index_conformance.names import normalize
from simple_index_conformance.pages import files_of_html, files_of_json
from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import JSON


@pytest.fixture(scope="module")
def pairs(projects):
    """For each project with both pages: (URL, files by HTML, files by JSON), both by name."""
    found = []
    for project in projects:
        if project.json is not None and project.html is not None:
            by_json = files_of_json(project.response(JSON).url, project.json)
            by_html = files_of_html(project.html)
            found.append((project.url, {file.filename: file for file in by_html}, {file.filename: file for file in by_json}))
    if not found:
        not_offered("both forms of a page")
    return found


def compare(check, pairs, what, value):
    """`value` of every file is the same in both forms."""
    for url, by_html, by_json in pairs:
        for filename in by_html.keys() & by_json.keys():
            check.equal(value(by_html[filename]), value(by_json[filename]), f"{url} {filename}", f"{what} in HTML as in JSON")


def test_same_01_the_same_projects(check, index):
    """SHOULD [simple-repository-api, Versioning] The interface is URLs that return data, serialized in one form or the other: the same projects."""
    if index.root_html is None or index.root_json is None:
        not_offered("both forms of the project list")
    by_html = {normalize(anchor.text.strip()) for anchor in index.root_html.anchors}
    check.equal(sorted(by_html ^ set(index.names())), [], index.base, "projects that only one form lists:")


def test_same_02_the_same_files(check, pairs):
    """SHOULD [simple-repository-api, Versioning] Both forms of a project's page list the same files."""
    for url, by_html, by_json in pairs:
        check.equal(sorted(by_html.keys() ^ by_json.keys()), [], url, "files that only one form lists:")


def test_same_03_the_same_urls(check, pairs):
    """SHOULD [simple-repository-api, Versioning] Both forms give a file the same URL."""
    compare(check, pairs, "URL", lambda file: file.url)


def test_same_04_no_other_hash(check, pairs):
    """MUST [simple-repository-api, Project Detail] A hash is of the file, so the one in HTML is the one in JSON where both name the function."""
    for url, by_html, by_json in pairs:
        for filename in by_html.keys() & by_json.keys():
            for name, digest in by_html[filename].hashes.items():
                other = by_json[filename].hashes.get(name, digest)
                check.equal(str(digest).lower(), str(other).lower(), f"{url} {filename}", f"{name} in HTML as in JSON")


def test_same_05_the_same_requires_python(check, pairs):
    """MUST [simple-repository-api, Project Detail] Both forms expose the Requires-Python field of the metadata."""
    compare(check, pairs, "requires-python", lambda file: file.requires_python)


def test_same_06_the_same_yanks(check, pairs):
    """MUST [file-yanking, Specification] A file is yanked or not, whatever the form."""
    compare(check, pairs, "yanked", lambda file: file.is_yanked)


def test_same_07_the_same_reasons(check, pairs):
    """SHOULD [file-yanking, Specification] The reason of a yank is the same in both forms."""
    check.idle = "no file is yanked"
    yanked = [(url, {name: file for name, file in by_html.items() if file.is_yanked}, by_json) for url, by_html, by_json in pairs]
    compare(check, yanked, "reason", lambda file: file.yank_reason)


def test_same_08_the_same_metadata(check, pairs):
    """SHOULD [PEP 714, Specification] `data-core-metadata` and `core-metadata` announce the same."""
    for url, by_html, by_json in pairs:
        for filename in by_html.keys() & by_json.keys():
            html, json = by_html[filename], by_json[filename]
            check.equal(html.has_metadata, json.has_metadata, f"{url} {filename}", "core metadata announced in HTML as in JSON")
            if isinstance(html.core_metadata, dict) and isinstance(json.core_metadata, dict):
                shared = html.core_metadata.keys() & json.core_metadata.keys()
                for name in shared:
                    check.equal(
                        html.core_metadata[name], json.core_metadata[name], f"{url} {filename}", f"{name} of the metadata"
                    )


def test_same_09_the_same_provenance(check, pairs):
    """SHOULD [index-hosted-attestations; PEP 740] Both forms link the same provenance."""
    compare(check, pairs, "provenance", lambda file: file.provenance)


def test_same_10_the_same_status(check, projects):
    """SHOULD [simple-repository-api, Project Detail; PEP 792] Both forms tell the same status, `active` where none is told."""
    check.idle = "no project has both forms"
    for project in projects:
        if project.json is not None and project.html is not None:
            status = project.json.get("project-status")
            by_json = status.get("status", "active") if isinstance(status, dict) else "active"
            by_html = (project.html.meta("pypi:project-status") or ["active"])[0]
            check.equal(by_html, by_json, project.url, "status in HTML as in JSON")
