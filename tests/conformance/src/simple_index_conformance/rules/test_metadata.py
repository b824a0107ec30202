"""Metadata files beside the files."""

import hashlib

import pytest

from simple_index_conformance.dists import metadata_inside, requires_python_of
from simple_index_conformance.subjects import NEW_METADATA, OLD_METADATA
from simple_index_conformance.verdict import not_offered

OLD = ("metadata-version: 1.", "metadata-version: 2.0", "metadata-version: 2.1")
"""Versions before Dynamic, when no field of a source distribution was sure to stay."""


@pytest.fixture(scope="module")
def announced(files):
    """Files whose metadata is announced."""
    found = [file for file in files if file.has_metadata]
    if not found:
        not_offered("metadata files")
    return found


@pytest.fixture(scope="module")
def pairs(index, downloads):
    """Downloaded files whose metadata is announced, with both answers."""
    found = []
    for file in downloads:
        if file.has_metadata and index.fetch(file.url).status == 200:
            found.append((file, index.fetch(file.url), index.fetch(file.url + ".metadata")))
    if not found:
        not_offered("metadata files")
    return found


def test_meta_01_wheels_have_metadata_files(check, files):
    """SHOULD [PEP 658, Motivation; clients: pip, uv, poetry] A repository that has metadata files has one for every wheel; for others clients download the wheel."""
    wheels = [file for file in files if file.is_wheel]
    if not any(file.has_metadata for file in wheels):
        not_offered("metadata files")
    for file in wheels:
        check.that(file.has_metadata, f"{file.page} {file.filename}", "core-metadata", file.core_metadata)


def test_meta_02_announced_metadata_is_served(check, http, announced):
    """MUST [simple-repository-api, Serve Distribution Metadata; PEP 658] Announced metadata is served at the file's URL with `.metadata` appended."""
    for file in announced:
        check.status(http.follow(file.url + ".metadata", "*/*"), 200)


def test_meta_03_metadata_is_that_of_the_file(check, pairs):
    """MUST [simple-repository-api, Serve Distribution Metadata; PEP 658] It is the file's own METADATA, byte for byte: the one that installation gives."""
    for file, whole, metadata in pairs:
        inside = metadata_inside(file.filename, whole.body)
        check.that(inside == metadata.body, metadata, f"the {len(inside or b'')} bytes inside {file.filename}", metadata)


def test_meta_04_metadata_matches_its_hash(check, index, announced):
    """MUST [simple-repository-api, Project Detail; clients: pip, uv] A hash announced for the metadata is that of the bytes served."""
    check.idle = "no hash is announced"
    for file in announced:
        for name, digest in file.core_metadata.items() if isinstance(file.core_metadata, dict) else ():
            body = index.fetch(file.url + ".metadata").body
            check.equal(hashlib.new(name, body).hexdigest(), digest, f"{file.url}.metadata", name)


def test_meta_05_the_hash_is_announced(check, announced):
    """SHOULD [simple-repository-api, Project Detail] It is recommended to make the hash of the metadata file available."""
    for file in announced:
        check.that(isinstance(file.core_metadata, dict), f"{file.page} {file.filename}", "a hash", file.core_metadata)


def test_meta_06_denied_metadata_is_not_there(check, http, files):
    """MUST [simple-repository-api, Project Detail] A falsey `core-metadata` means that there is no metadata file."""
    check.idle = "no file says that it has none"
    for file in files:
        if file.core_metadata is False:
            response = http.follow(file.url + ".metadata", "*/*")
            check.that(400 <= response.status < 500, response, "404", response)


def test_meta_07_sdists_with_changing_metadata_announce_none(check, index, downloads):
    """MUST [simple-repository-api, Serve Distribution Metadata; core-metadata, Dynamic] Announced metadata is not modified when the file is built or installed, so no field of it is dynamic."""
    check.idle = "no source distribution announces metadata, which is the safe way"
    for file in downloads:
        if not file.is_wheel and file.has_metadata:
            metadata = index.fetch(file.url + ".metadata")
            text = metadata.body.decode("utf-8", "replace").partition("\n\n")[0].lower()
            good = metadata.status == 200 and not text.startswith(OLD)
            check.that(
                good and "\ndynamic: requires-dist" not in text, f"{file.url}.metadata", "2.2 or newer, nothing dynamic", text
            )


def test_meta_08_a_dynamic_sdist_announces_none(check, index, made):
    """MUST [simple-repository-api, Serve Distribution Metadata; core-metadata, Dynamic] A source distribution whose dependencies are dynamic has no fixed metadata to announce."""
    for label in ("dynamic sdist", "old sdist"):
        if made.has(label):
            dist = made.need(label)
            file = index.project(dist.project).file(dist.filename)
            check.that(file and not file.has_metadata, f"{index.project_url(dist.project)} {label}", "no core-metadata", file)
    check.idle = "the index takes no source distributions"


@pytest.mark.parametrize("version", OLD_METADATA + NEW_METADATA)
def test_meta_09_every_metadata_version_is_served(check, index, made, version):
    """SHOULD [core-metadata, Metadata-Version] Tools warn of newer minor versions and accept older ones: metadata of every version is served."""
    dist = made.need(f"metadata {version}")
    file = index.project(dist.project).file(dist.filename)
    if file is None or not file.has_metadata:
        not_offered(f"metadata of a wheel of Metadata-Version {version}")
    check.that(index.fetch(file.url + ".metadata").body == dist.metadata, f"{file.url}.metadata", "METADATA", file)


def test_meta_10_requires_python_is_the_fields(check, index, downloads):
    """MUST [simple-repository-api, Project Detail; core-metadata, Requires-Python] What the page exposes is the field of the file's own metadata."""
    check.idle = "no file has requires-python"
    for file, wanted in requirements(index, downloads):
        if file.requires_python:
            check.equal(compact(file.requires_python), compact(wanted), f"{file.page} {file.filename}", "requires-python")


def requirements(index, downloads):
    """Downloaded files with Requires-Python of the metadata inside."""
    for file in downloads:
        inside = metadata_inside(file.filename, index.fetch(file.url).body) if index.fetch(file.url).status == 200 else None
        if inside is not None:
            yield file, requires_python_of(inside)


def compact(specifier):
    """A specifier set whose order and white space do not count."""
    return sorted(clause.replace(" ", "") for clause in specifier.split(",")) if specifier else None


def test_meta_11_metadata_is_never_encoded(check, http, pairs):
    """MUST [clients: pip] A metadata file comes without a content coding, like the file that it belongs to."""
    for _, _, metadata in pairs[:4]:
        response = http.get(metadata.url, accept_encoding="gzip, deflate")
        decoded = response.decoded()
        check.that(decoded == metadata.body and response.coding == "identity", response, "the bytes as they are", response)


def test_meta_12_metadata_has_a_length(check, pairs):
    """SHOULD [RFC 9110, 8.6] An answer with a metadata file has Content-Length."""
    for _, _, metadata in pairs:
        check.equal(metadata.header("content-length"), str(len(metadata.body)), metadata.asked(), "Content-Length")


def test_meta_13_metadata_names_the_project(check, pairs):
    """MUST [core-metadata, Name and Version] A metadata file has Metadata-Version, Name and Version."""
    for _, _, metadata in pairs:
        head = b"\n" + metadata.body.lower()
        for field in (b"\nmetadata-version:", b"\nname:", b"\nversion:"):
            check.that(field in head, metadata, field.decode().strip(), metadata)


def test_meta_14_metadata_is_no_project_file(check, announced, projects):
    """SHOULD [simple-repository-api, Project Detail] Metadata files live beside their files and are not listed as files of the project."""
    for project in projects:
        listed = [file.filename for file in project.files if file.filename.endswith(".metadata")]
        check.equal(listed, [], project.url, "listed metadata files")


def test_meta_15_least_metadata_leaves_keys_out(check, index, made):
    """MUST [simple-repository-api, Project Detail] Requires-Python is exposed where the metadata has it, and only there."""
    dist = made.need("least")
    file = index.project(dist.project).file(dist.filename)
    check.that(file is not None and file.requires_python is None, index.project_url(dist.project), "no requires-python", file)


def test_meta_16_requires_python_is_exposed(check, index, downloads):
    """SHOULD [simple-repository-api, Project Detail; clients: pip, uv] A repository may expose Requires-Python; without it installers take files that do not run."""
    check.idle = "no file's metadata has Requires-Python"
    for file, wanted in requirements(index, downloads):
        if wanted:
            check.that(file.requires_python, f"{file.page} {file.filename}", f"requires-python {wanted}", file.requires_python)
