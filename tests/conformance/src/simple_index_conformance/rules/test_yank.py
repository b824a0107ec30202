"""Yanked files and project status."""

import secrets

import pytest

from simple_index_conformance.dists import wheel
from simple_index_conformance.verdict import not_tested


@pytest.fixture(scope="module")
def yanked(projects):
    """Yanked files of the projects."""
    found = [(project, file) for project in projects for file in project.files if file.is_yanked]
    return found or not_tested("no yanked file was found")


def with_status(projects, *wanted):
    """Projects of a status, by the JSON page or the HTML page."""
    found = []
    for project in projects:
        status = (project.json or {}).get("project-status")
        status = status.get("status") if isinstance(status, dict) else None
        if status is None and project.html is not None:
            status = next(iter(project.html.meta("pypi:project-status")), None)
        if status in wanted:
            found.append(project)
    return found or not_tested("no project has the status " + " or ".join(wanted))


def test_yank_01_a_yanked_file_stays(check, http, yanked):
    """SHOULD [file-yanking, Installers] For who pinned it, a yanked file acts as if it had not been yanked: it can be downloaded."""
    for _, file in yanked[:10]:
        check.status(http.follow(file.url, "*/*", method="HEAD"), 200)


def test_yank_02_a_yanked_file_keeps_its_metadata(check, http, yanked):
    """SHOULD [file-yanking, Installers; simple-repository-api, Serve Distribution Metadata] Yanking does not take away what is announced."""
    check.idle = "no yanked file announces metadata"
    for _, file in yanked[:10]:
        if file.has_metadata:
            check.status(http.follow(file.url + ".metadata", "*/*", method="HEAD"), 200)


def test_yank_03_a_yanked_version_stays_listed(check, yanked):
    """MUST [simple-repository-api, Project Detail; PEP 700] The version of a yanked file is among `versions`: every listed file has its version there."""
    check.idle = "no JSON page"
    for project, file in yanked:
        if project.json is not None and "versions" in project.json:
            check.that(bool(project.json["versions"]), project.url, "versions", project.json["versions"])


def test_yank_04_files_that_are_not_yanked_carry_no_reason(check, json_files):
    """SHOULD [simple-repository-api, Project Detail] A file that is not yanked says false or nothing, never an empty reason, which clients read in two ways."""
    for where, entry in json_files:
        check.that(entry.get("yanked", False) != "", where, "false, true or a reason", entry.get("yanked"))


def test_status_01_quarantined_projects_offer_nothing(check, projects):
    """MUST [project-status-markers, quarantined; PEP 792] The index does not offer any distributions of a quarantined project."""
    for project in with_status(projects, "quarantined"):
        check.equal([file.filename for file in project.files], [], project.url, "files")


def test_status_02_archived_projects_stay(check, http, projects):
    """MUST [project-status-markers, archived; PEP 792] The index offers the existing distributions of an archived project for download."""
    check.idle = "no archived project has a file"
    for project in with_status(projects, "archived", "deprecated"):
        for file in project.files[:3]:
            check.status(http.follow(file.url, "*/*", method="HEAD"), 200)


def test_status_03_a_new_project_is_active(check, index, made):
    """MUST [project-status-markers, Specification; PEP 792] Without an explicit status a project is active."""
    project = index.project(made.need("plain").project)
    status = (project.json or {}).get("project-status", {"status": "active"})
    check.equal(status.get("status", "active"), "active", project.url, "status")


def closed_to_uploads(check, uploader, projects, status):
    """A new file for a project of that status is refused."""
    for project in with_status(projects, status)[:2]:
        response = uploader.send(wheel(project.name, f"0.{secrets.randbelow(10**9)}"))
        check.that(400 <= response.status < 500, response, f"a refusal of 4xx for the {status} project {project.name}", response)


def test_status_04_archived_projects_take_no_files(check, uploader, projects):
    """MUST [project-status-markers, archived; PEP 792] The index does not allow uploads of new distributions to an archived project."""
    closed_to_uploads(check, uploader, projects, "archived")


def test_status_05_quarantined_projects_take_no_files(check, uploader, projects):
    """MUST [project-status-markers, quarantined; PEP 792] The index does not allow uploads of new distributions to a quarantined project."""
    closed_to_uploads(check, uploader, projects, "quarantined")


def test_status_06_deprecated_projects_take_files(check, uploader, projects):
    """MUST [project-status-markers, deprecated; PEP 792] Deprecated shares the semantics of active: uploads are allowed."""
    for project in with_status(projects, "deprecated")[:1]:
        response = uploader.send(wheel(project.name, f"0.{secrets.randbelow(10**9)}"))
        check.that(200 <= response.status < 300, response, f"2xx for the deprecated project {project.name}", response)
