"""The JSON form."""

import hashlib
import json
import re
import time
import urllib.parse

import pytest

from simple_index_conformance.names import NAME, filename_parts, is_specifier_set, normal_version, normalize
from simple_index_conformance.rules.test_html import STATUSES, is_secure
from simple_index_conformance.verdict import not_offered
from simple_index_conformance.wire import JSON

SECURE = ("sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s")

NEVER_NULL = ("filename", "url", "hashes", "size", "upload-time", "yanked")

SINCE = {"versions": 1, "size": 1, "upload-time": 1, "provenance": 3, "project-status": 4, "namespaces": 5}
"""Minor version that introduced a key."""

TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z\Z", re.ASCII)


@pytest.fixture(scope="module")
def root(index):
    """The JSON project list."""
    if index.root_json is None:
        not_offered("a JSON project list")
    return index.root_json


@pytest.fixture(scope="module")
def bodies(index, projects):
    """Answers with JSON pages: the root and every project."""
    if not index.offers_json:
        not_offered("JSON pages")
    return [index.root(JSON)] + [project.response(JSON) for project in projects if project.response(JSON).is_json]


def minor_of(page):
    """Minor number of a page's version, 0 where it tells none."""
    found = re.fullmatch(r"1\.(\d+)", str((page.get("meta") or {}).get("api-version")))
    return int(found[1]) if found else 0


def refuse_constant(text):
    """NaN and Infinity are not JSON."""
    raise ValueError(f"{text} is not JSON")


def unique(pairs):
    """An object whose names are unique."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError(f"an object has a name twice: {sorted(names)}")
    return dict(pairs)


def test_json_01_pages_are_objects(check, bodies):
    """MUST [simple-repository-api, JSON Serialization; RFC 8259] Every JSON answer is a JSON object in UTF-8, each name once."""
    for response in bodies:
        try:
            page = json.loads(response.body.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse_constant)
            check.that(isinstance(page, dict), response, "an object", response)
        except ValueError as error:
            check.that(False, response, "JSON in UTF-8", str(error))


def test_json_02_pages_tell_their_version(check, index, json_pages, root):
    """MUST [simple-repository-api, JSON Serialization] Every answer has `meta.api-version`, a string Major.Minor, and the major version is 1."""
    for url, page in {index.base: root, **json_pages}.items():
        meta = page.get("meta")
        version = meta.get("api-version") if isinstance(meta, dict) else None
        check.that(isinstance(version, str) and re.fullmatch(r"1\.\d+", version), url, 'meta.api-version "1.N"', repr(meta))


def test_json_03_the_root_lists_projects(check, index, root):
    """MUST [simple-repository-api, Project List] The root has `projects`, an array of objects with the key `name`, a string."""
    projects = root.get("projects")
    if check.that(isinstance(projects, list), index.base, "projects, an array", type(projects).__name__):
        for entry in projects:
            check.that(
                isinstance(entry, dict) and isinstance(entry.get("name"), str), index.base, "an object with a name", repr(entry)
            )


def test_json_04_names_are_valid(check, index, root):
    """MUST [name-normalization, Name format] Every project listed has a valid name."""
    for entry in (root.get("projects") or [])[:100_000]:
        check.that(NAME.match(str(entry.get("name"))), index.base, "a valid name", repr(entry))


def test_json_05_projects_are_listed_once(check, index, root):
    """MUST [simple-repository-api, Project List; name-normalization] The list is a set: no two entries normalize to one name."""
    names = [normalize(str(entry.get("name"))) for entry in root.get("projects") or []]
    check.equal(len(set(names)), len(names), index.base, "different names of")


def test_json_06_project_pages_have_their_keys(check, json_pages):
    """MUST [simple-repository-api, Project Detail] A project's page has `name`, `files` and `meta`, and `versions` from version 1.1 on."""
    for url, page in json_pages.items():
        wanted = {"name": str, "files": list, "meta": dict, **({"versions": list} if minor_of(page) >= 1 else {})}
        for key, kind in wanted.items():
            check.that(isinstance(page.get(key), kind), url, f"`{key}`, a {kind.__name__}", repr(page.get(key))[:80])


def test_json_07_the_name_is_normalized(check, projects, json_pages):
    """MUST [simple-repository-api, Project Detail] `name` is the normalized name of the project."""
    for project in projects:
        if project.url in json_pages:
            check.equal(json_pages[project.url].get("name"), project.name, project.url, "name")


def test_json_08_files_have_name_and_url(check, json_files):
    """MUST [simple-repository-api, Project Detail] Every file has `filename` and `url`, both strings."""
    for where, entry in json_files:
        for key in ("filename", "url"):
            check.that(isinstance(entry.get(key), str) and entry[key], where, f"`{key}`, a string", repr(entry.get(key)))


def test_json_09_hashes_are_present(check, json_files):
    """MUST [simple-repository-api, Project Detail] `hashes` is present even if no hashes are available, an object of hex digests."""
    for where, entry in json_files:
        hashes = entry.get("hashes")
        good = isinstance(hashes, dict) and all(re.fullmatch(r"[0-9a-fA-F]+", str(digest)) for digest in hashes.values())
        check.that(good, where, "hashes, an object of hex digests", repr(hashes))


def test_json_10_hash_names_are_lowercase(check, json_files):
    """SHOULD [simple-repository-api, Project Detail] Hash names are always normalized to be lowercase."""
    for where, entry in json_files:
        for name in entry.get("hashes") or {}:
            check.equal(name, name.lower(), where, "hash name")


def test_json_11_a_secure_hash_is_included(check, json_files):
    """SHOULD [simple-repository-api, Project Detail] At least one secure algorithm of hashlib.algorithms_guaranteed is always included."""
    for where, entry in json_files:
        hashes = entry.get("hashes") or {}
        check.that(any(name in SECURE for name in hashes), where, "sha256 or another secure hash", sorted(hashes))


def test_json_12_sha256_is_included(check, json_files):
    """SHOULD [simple-repository-api, Project Detail] At the time of the specification, sha256 specifically is recommended."""
    for where, entry in json_files:
        check.that("sha256" in (entry.get("hashes") or {}), where, "sha256 in hashes", sorted(entry.get("hashes") or {}))


def test_json_13_hashes_are_known_to_hashlib(check, json_files):
    """MUST [simple-repository-api, Project Detail] A hash name is one that hashlib.new() takes without more parameters."""
    for where, entry in json_files:
        for name in entry.get("hashes") or {}:
            try:
                known = hashlib.new(name).digest_size > 0
            except (ValueError, TypeError):
                known = False
            check.that(known, where, "a name of hashlib", name)


def test_json_14_the_first_hash_is_of_use(check, json_files):
    """MUST [clients: pip] The first key of `hashes` is one that pip can check, because pip takes the first."""
    for where, entry in json_files:
        first = next(iter(entry.get("hashes") or {"sha256": ""}))
        check.that(first in ("sha256", "sha384", "sha512", "sha224", "sha1", "md5"), where, "sha256 first", first)


def test_json_15_requires_python_is_a_specifier(check, json_files):
    """MUST [simple-repository-api, Project Detail; core-metadata, Requires-Python] `requires-python` exposes the field: a string of version specifiers."""
    check.idle = "no file has requires-python"
    for where, entry in json_files:
        value = entry.get("requires-python")
        if value is not None:
            check.that(isinstance(value, str) and is_specifier_set(value), where, "a set of version specifiers", repr(value))


def test_json_16_core_metadata_is_a_truth_value_or_hashes(check, json_files):
    """MUST [simple-repository-api, Project Detail] `core-metadata` is a boolean or an object of hex digests by hash name."""
    check.idle = "no file has core-metadata"
    for where, entry in json_files:
        if entry.get("core-metadata") is not None:
            value = entry["core-metadata"]
            digests = isinstance(value, dict) and all(re.fullmatch("[0-9a-f]+", str(digest)) for digest in value.values())
            check.that(isinstance(value, bool) or digests, where, "a boolean or an object of digests", repr(value))


def test_json_17_metadata_is_announced_under_its_name(check, json_files):
    """MUST [PEP 714, Specification] Metadata is announced as `core-metadata`; `dist-info-metadata` alone is the old name."""
    check.idle = "no file announces metadata"
    for where, entry in json_files:
        if "core-metadata" in entry or "dist-info-metadata" in entry:
            check.that("core-metadata" in entry, where, "core-metadata", sorted(entry))


def test_json_18_no_deprecated_metadata_key(check, json_files):
    """SHOULD [PEP 714, Specification; clients: pip 22.3 to 23.1] `dist-info-metadata` is not emitted: released clients crash on it."""
    for where, entry in json_files:
        check.that("dist-info-metadata" not in entry, where, "no dist-info-metadata", repr(entry.get("dist-info-metadata")))


def test_json_19_gpg_sig_is_a_boolean(check, json_files):
    """MUST [simple-repository-api, Project Detail] `gpg-sig` acts as a boolean."""
    check.idle = "no file has gpg-sig"
    for where, entry in json_files:
        if "gpg-sig" in entry:
            check.that(isinstance(entry["gpg-sig"], bool), where, "a boolean", repr(entry["gpg-sig"]))


def test_json_20_yanked_is_a_boolean_or_a_reason(check, json_files):
    """MUST [simple-repository-api, Project Detail] `yanked` is a boolean or a non-empty string."""
    check.idle = "no file has yanked"
    for where, entry in json_files:
        if "yanked" in entry:
            value = entry["yanked"]
            check.that(isinstance(value, bool) or isinstance(value, str) and value, where, "a boolean or a reason", repr(value))


def test_json_21_size_is_an_integer(check, json_pages):
    """MUST [simple-repository-api, Project Detail; PEP 700] `size` is mandatory from version 1.1 on, an integer, the size in bytes."""
    check.idle = "pages are of version 1.0 or have no files"
    for url, page in json_pages.items():
        for entry in page.get("files") or [] if minor_of(page) >= 1 else []:
            size = entry.get("size")
            good = isinstance(size, int) and not isinstance(size, bool) and size >= 0
            check.that(good, f"{url} {entry.get('filename')}", "size, an integer", repr(size))


def test_json_22_upload_time_is_written_as_specified(check, json_files):
    """MUST [simple-repository-api, Project Detail; PEP 700] `upload-time` is `yyyy-mm-ddThh:mm:ss.ffffffZ` in UTC, the fraction of up to 6 digits optional."""
    check.idle = "no file has upload-time"
    for where, entry in json_files:
        if "upload-time" in entry:
            check.that(TIME.match(str(entry["upload-time"])), where, "yyyy-mm-ddThh:mm:ss[.ffffff]Z", repr(entry["upload-time"]))


def test_json_23_fractions_have_a_length_that_python_reads(check, json_files):
    """SHOULD [clients: pip and pdm on Python 3.10] A fraction of `upload-time` has 3 or 6 digits; others crash installers there."""
    check.idle = "no upload-time has a fraction"
    for where, entry in json_files:
        found = TIME.match(str(entry.get("upload-time")))
        if found and found[7]:
            check.that(len(found[7]) in (3, 6), where, "0, 3 or 6 digits", entry["upload-time"])


def test_json_24_upload_time_is_in_the_past(check, json_files):
    """MUST [simple-repository-api, Project Detail] `upload-time` represents the time the file was uploaded: a real date that has come."""
    check.idle = "no file has upload-time"
    for where, entry in json_files:
        found = TIME.match(str(entry.get("upload-time")))
        if found:
            try:
                seconds = time.mktime(time.strptime("-".join(found.groups()[:6]), "%Y-%m-%d-%H-%M-%S"))
                check.that(seconds < time.time() + 2 * 86_400, where, "a time in the past", entry["upload-time"])
            except ValueError:
                check.that(False, where, "a date of the calendar", entry["upload-time"])


def test_json_25_upload_time_is_told(check, json_files):
    """SHOULD [clients: pip --uploaded-prior-to, uv --exclude-newer] Files have `upload-time`; without it these options refuse or skip the file."""
    for where, entry in json_files:
        check.that("upload-time" in entry, where, "upload-time", sorted(entry))


def test_json_26_provenance_is_a_secure_url_or_null(check, json_files):
    """MUST [simple-repository-api, Project Detail; PEP 740] `provenance` is null or a fully qualified URL of a secure origin."""
    check.idle = "no file has provenance"
    for where, entry in json_files:
        if "provenance" in entry:
            value = entry["provenance"]
            check.that(value is None or isinstance(value, str) and is_secure(value), where, "null or a secure URL", repr(value))


def test_json_27_nothing_else_is_null(check, json_pages, json_files):
    """MUST [simple-repository-api, Project Detail; clients: uv] A key without a value is left out: null for these makes uv refuse the whole page."""
    for where, entry in json_files:
        check.equal([key for key in NEVER_NULL if key in entry and entry[key] is None], [], where, "keys that are null:")
    for url, page in json_pages.items():
        nulls = [key for key in ("name", "files", "versions", "meta", "project-status") if key in page and page[key] is None]
        check.equal(nulls, [], url, "keys that are null:")


def test_json_28_the_status_is_one_of_four(check, json_pages):
    """MUST [simple-repository-api, Project Detail; PEP 792] `project-status` is an object; `status` in it is a valid marker, `reason` a string."""
    check.idle = "no page tells a status"
    for url, page in json_pages.items():
        if "project-status" in page:
            status = page["project-status"]
            good = isinstance(status, dict) and status.get("status", "active") in STATUSES
            check.that(good and isinstance(status.get("reason", ""), str), url, "status and reason", repr(status))


def test_json_29_the_status_stands_at_the_top(check, json_pages):
    """MUST [simple-repository-api, Project Detail] `project-status` is a key of the page, not of `meta`."""
    for url, page in json_pages.items():
        check.that("project-status" not in (page.get("meta") or {}), url, "no project-status in meta", repr(page.get("meta")))


def test_json_30_namespaces_need_their_version(check, json_pages):
    """MUST [PEP 752, Simple API] A repository that does not support namespaces does not emit `namespaces`; one that does says version 1.5."""
    for url, page in json_pages.items():
        check.that("namespaces" not in page or minor_of(page) >= 5, url, "no namespaces before 1.5", repr(page.get("meta")))


def test_json_31_both_forms_tell_one_version(check, index, root):
    """SHOULD [simple-repository-api, Versioning; PEP 833] Version numbers of the forms are in sync, except that HTML stays at 1.4."""
    check.idle = "the HTML form tells no version"
    for version in index.root_html.meta("pypi:repository-version") if index.root_html else []:
        json_version = (root.get("meta") or {}).get("api-version")
        check.that(version == json_version or version == "1.4" and minor_of(root) > 4, index.base, json_version, version)


def test_json_32_the_version_has_the_keys(check, json_pages):
    """SHOULD [simple-repository-api, API Version History] A page tells the version that introduced the keys it has: `versions` 1.1, `provenance` 1.3, `project-status` 1.4."""
    for url, page in json_pages.items():
        keys = set(page).union(*[entry for entry in page.get("files") or [] if isinstance(entry, dict)])
        wanted = max((minor for key, minor in SINCE.items() if key in keys), default=0)
        check.that(minor_of(page) >= wanted, url, f"1.{wanted} or newer", page.get("meta"))


def test_json_33_files_are_listed_once(check, json_pages):
    """MUST [simple-repository-api, Project Detail] Each dictionary represents an individual file: no name is listed twice."""
    for url, page in json_pages.items():
        names = [entry.get("filename") for entry in page.get("files") or []]
        check.equal(len(set(names)), len(names), url, "different file names of")


def test_json_34_files_belong_to_the_project(check, projects):
    """SHOULD [binary-distribution-format, File name convention; source-distribution-format] A file's name starts with the project's name."""
    for project in projects:
        for file in project.files if project.json is not None else []:
            parts = filename_parts(file.filename, project.name)
            if parts:
                check.equal(parts[0], project.name, f"{project.url} {file.filename}", "project in the file name")


def test_json_35_versions_are_a_set_of_strings(check, json_pages):
    """MUST [simple-repository-api, Project Detail; PEP 700] `versions` holds strings without duplicates."""
    check.idle = "no page has versions"
    for url, page in json_pages.items():
        if isinstance(page.get("versions"), list):
            versions = page["versions"]
            good = all(isinstance(version, str) for version in versions) and len(set(map(str, versions))) == len(versions)
            check.that(good, url, "different strings", repr(versions)[:200])


def test_json_36_every_file_has_its_version(check, projects):
    """MUST [simple-repository-api, Project Detail; PEP 700] Every file is associated with one of the `versions`."""
    check.idle = "no page has versions"
    for project in projects:
        versions = (project.json or {}).get("versions")
        known = {normal_version(version, strip_zeros=True) for version in versions} if isinstance(versions, list) else set()
        for file in project.files if known else []:
            parts = filename_parts(file.filename, project.name)
            version = normal_version(parts[1].replace("_", "+"), strip_zeros=True) if parts else None
            if version:
                check.that(version in known, f"{project.url} {file.filename}", f"{version} in versions", versions)


def test_json_37_versions_are_normalized(check, json_pages):
    """SHOULD [simple-repository-api, Project Detail; PEP 700] Servers use normalized versions where possible."""
    check.idle = "no page has versions"
    for url, page in json_pages.items():
        for version in page.get("versions") or []:
            normal = normal_version(str(version))
            if normal:
                check.equal(version, normal, url, "version")


def test_json_38_urls_are_absolute_or_relative(check, json_files):
    """MUST [simple-repository-api, JSON Serialization] A URL is absolute or relative to the page, so it is one that can be resolved."""
    for where, entry in json_files:
        url = urllib.parse.urljoin("http://host/simple/x/", str(entry.get("url")))
        check.that(
            urllib.parse.urlsplit(url).scheme in ("http", "https"), where, "a URL of http or https", repr(entry.get("url"))
        )
