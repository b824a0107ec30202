"""The legacy JSON API."""

import json
import urllib.parse

import pytest

from simple_index_conformance.verdict import not_offered

INFO = (
    "author",
    "author_email",
    "classifiers",
    "description",
    "description_content_type",
    "home_page",
    "keywords",
    "license",
    "name",
    "project_urls",
    "requires_dist",
    "requires_python",
    "summary",
    "version",
    "yanked",
    "yanked_reason",
)

FILE = (
    "digests",
    "filename",
    "packagetype",
    "python_version",
    "requires_python",
    "size",
    "upload_time",
    "upload_time_iso_8601",
    "url",
    "yanked",
    "yanked_reason",
)


@pytest.fixture(scope="module")
def base(option, index):
    """Base of the JSON API."""
    if option.legacy_json_url:
        return option.legacy_json_url.rstrip("/") + "/"
    if not index.base.endswith("/simple/"):
        not_offered("a JSON API: the index URL does not end with /simple/ and --legacy-json-url was not given")
    return index.base[: -len("simple/")] + "pypi/"


@pytest.fixture(scope="module")
def answer(base, http, detail):
    """The JSON API's answer for one project."""
    response = http.follow(f"{base}{detail.name}/json", "application/json")
    if response.status != 200 or response.media_type != "application/json":
        not_offered("the JSON API")
    return response


@pytest.fixture(scope="module")
def project(answer):
    """The answer as an object."""
    return json.loads(answer.body)


def test_legacy_01_the_keys_of_a_project(check, answer, project):
    """MAY [PyPI JSON API, Get a project] A project's answer has info, last_serial, releases, urls and vulnerabilities."""
    for key in ("info", "last_serial", "releases", "urls", "vulnerabilities"):
        check.that(key in project, answer, f"the key {key}", sorted(project))


def test_legacy_02_the_keys_of_info(check, answer, project):
    """SHOULD [PyPI JSON API, Get a project] `info` has the fields of the core metadata."""
    missing = [key for key in INFO if key not in project.get("info", {})]
    check.equal(missing, [], answer.asked(), "missing keys of info:")


def test_legacy_03_the_keys_of_a_file(check, answer, project):
    """SHOULD [PyPI JSON API, Get a project] Each file has its digests, name, size, URL and yank."""
    for file in project.get("urls", []):
        check.equal([key for key in FILE if key not in file], [], answer.asked(), "missing keys of a file:")


def test_legacy_04_one_version(check, base, http, answer, project):
    """SHOULD [PyPI JSON API, Get a release] NAME/VERSION/json gives one release, without `releases`."""
    version = urllib.parse.quote(project["info"]["version"])
    response = http.follow(f"{base}{project['info']['name']}/{version}/json", "application/json")
    if check.status(response, 200):
        found = json.loads(response.body)
        check.equal(found["info"]["version"], project["info"]["version"], response.asked(), "version")
        check.that("releases" not in found, response, "no releases", sorted(found))


def test_legacy_05_files_agree_with_the_pages(check, answer, project, detail):
    """SHOULD [PyPI JSON API, Get a project] `releases` lists the files that the simple page lists, with their sha256."""
    listed = {file["filename"]: file["digests"].get("sha256") for files in project["releases"].values() for file in files}
    for file in detail.files:
        if file.hashes.get("sha256"):
            check.equal(listed.get(file.filename), file.hashes["sha256"], f"{answer.url} {file.filename}", "sha256")


def test_legacy_06_urls_work(check, http, answer, project):
    """SHOULD [PyPI JSON API, Get a project] `url` of a file can be downloaded."""
    for file in project.get("urls", [])[:3]:
        check.status(http.follow(urllib.parse.urljoin(answer.url, file["url"]), "*/*", method="HEAD"), 200)


def test_legacy_07_vulnerabilities_are_a_list(check, answer, project):
    """SHOULD [PyPI JSON API, Known vulnerabilities; clients: pip-audit] `vulnerabilities` is a list, of objects with id and fixed_in."""
    found = project.get("vulnerabilities")
    check.that(isinstance(found, list) and all("id" in one and "fixed_in" in one for one in found), answer, "a list", found)


def test_legacy_08_an_unknown_project_is_not_found(check, base, http, answer):
    """SHOULD [PyPI JSON API] A project or version that is not there answers 404."""
    check.status(http.follow(f"{base}sic-no-such-project/json", "application/json"), 404)
    check.status(http.follow(answer.url.replace("/json", "/9999.9999/json"), "application/json"), 404)


def test_legacy_09_the_latest_is_not_a_prerelease(check, answer, project):
    """SHOULD [PyPI JSON API, Get a project] `info` is that of the latest release, pre-releases only if there is nothing else."""
    check.idle = "every release is a pre-release"
    finals = [version for version, files in project["releases"].items() if files and not set(version) & set("abrcdev")]
    if finals:
        check.that(not set(project["info"]["version"]) & set("abrcdev"), answer, "a final release", project["info"]["version"])
