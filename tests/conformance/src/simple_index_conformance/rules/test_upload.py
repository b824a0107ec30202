"""Uploads."""

import base64
import hashlib
import json
import threading
import zlib

import pytest

from simple_index_conformance.dists import Dist, wheel
from simple_index_conformance.subjects import MANY
from simple_index_conformance.upload import encode, fields_of
from simple_index_conformance.verdict import not_offered, not_tested
from simple_index_conformance.wire import ANY_PAGE, REDIRECTS

RACERS = 6
"""Uploads of one name at the same time."""


@pytest.fixture
def fresh(made, request):
    """Makes a wheel of a project of its own: `fresh()`; further ones differ in their arguments."""
    word = f"up{zlib.crc32(request.node.name.encode()):08x}"
    return lambda version="1.0", **more: wheel(made.name(word), version, **more)


@pytest.fixture
def send(made):
    """Uploads a distribution."""
    return made.uploader.send


def listed(index, dist):
    """The file as the page lists it now, None if it does not."""
    project = index.project(dist.project)
    project.forget()
    return project.file(dist.filename)


def stored(check, response):
    """The answer says that the file is stored."""
    return check.that(200 <= response.status < 300, response, "a status of 2xx", response)


def refused(check, response):
    """The answer says that the client is wrong: never 5xx, which twine repeats with the whole file."""
    return check.that(400 <= response.status < 500, response, "a refusal of 4xx", response)


def absent(check, index, dist):
    """The file is not listed."""
    check.that(listed(index, dist) is None, index.project_url(dist.project), "nothing listed", dist.filename)


def test_upload_01_a_wheel_is_stored(check, made):
    """MUST [PyPI upload API; clients: twine, uv] A form with `:action` file_upload, the digests and the file as `content` stores the file."""
    stored(check, made.answers["plain"])


def test_upload_02_stored_is_200(check, made):
    """SHOULD [clients: twine] The answer is 200, which twine calls success."""
    check.status(made.answers["plain"], 200)


def test_upload_03_without_a_redirect(check, send, fresh, made):
    """MUST [clients: twine, poetry] The upload URL answers itself, with and without its last slash: clients do not follow redirects of uploads."""
    bare = made.uploader.url.rstrip("/")
    for version, url in (("1.0", bare), ("2.0", bare + "/")):
        response = send(fresh(version), url=url)
        check.that(response.status not in REDIRECTS and response.status != 404, response, "an answer, not a redirect", response)


def test_upload_04_visible_at_once(check, send, fresh, index):
    """SHOULD [clients: uv publish --check-url] A file is listed as soon as its upload was answered."""
    dist = fresh()
    stored(check, send(dist))
    check.that(listed(index, dist) is not None, index.project_url(dist.project), dist.filename, "not listed")


def test_upload_05_the_project_is_listed_at_once(check, send, fresh, index):
    """SHOULD [simple-repository-api, Project List] A new project is in the project list as soon as its first upload was answered."""
    dist = fresh()
    stored(check, send(dist))
    index.forget()
    check.that(dist.project in index.names(), index.base, dist.project, "not listed")


def test_upload_06_the_bytes_are_kept(check, index, made):
    """MUST [simple-repository-api, Project Detail] What is downloaded is what was uploaded, byte for byte."""
    for label in ("plain", "sdist", "large", "least"):
        if made.has(label):
            dist = made.need(label)
            file = listed(index, dist)
            seen = index.http.follow(file.url, "*/*").body if file else b""
            check.that(
                seen == dist.content,
                f"{index.project_url(dist.project)} {dist.filename}",
                f"{len(dist.content)} bytes",
                f"{len(seen)} bytes",
            )


def test_upload_07_the_digest_is_listed(check, index, made):
    """MUST [simple-repository-api, Project Detail] The sha256 listed is that of the uploaded bytes."""
    dist = made.need("plain")
    file = listed(index, dist)
    check.equal(file and file.hashes.get("sha256", dist.sha256), dist.sha256, index.project_url(dist.project), "sha256")


def test_upload_08_the_same_again(check, send, fresh, index):
    """SHOULD [clients: uv publish, twine] The same file again is 200 and changes nothing, so that an interrupted upload can be repeated."""
    dist = fresh()
    stored(check, send(dist))
    check.status(send(dist), 200)


def test_upload_09_other_bytes_are_refused(check, send, fresh, index):
    """MUST [PyPI upload API; simple-repository-api, Project Detail] A file name never gets other bytes: its hash stands in lock files."""
    first, second = fresh(salt="a"), fresh(salt="b")
    stored(check, send(first))
    refused(check, send(second))
    file = listed(index, first)
    if file and file.hashes.get("sha256"):
        check.equal(file.hashes["sha256"], first.sha256, index.project_url(first.project), "sha256")


def test_upload_10_a_conflict_is_told(check, send, fresh):
    """SHOULD [clients: twine, poetry, pdm] The refusal is 409, or 400 with `already exists`, which tools with a skip option look for."""
    first, second = fresh(salt="a"), fresh(salt="b")
    stored(check, send(first))
    response = send(second)
    good = response.status == 409 or "already exist" in (response.reason + response.body.decode("utf-8", "replace")).lower()
    check.that(good, response, "409, or `already exists`", response)


@pytest.mark.parametrize("digest", ["sha256_digest", "md5_digest", "blake2_256_digest"])
def test_upload_11_a_wrong_digest_is_refused(check, send, fresh, index, digest):
    """MUST [PyPI upload API] A digest of the form that is not that of the bytes means a damaged upload, which is refused."""
    dist = fresh()
    wrong = hashlib.sha256(b"other").hexdigest()[: 32 if digest == "md5_digest" else 64]
    refused(check, send(dist, fields=fields_of(dist, **{digest: wrong})))
    absent(check, index, dist)


def test_upload_12_the_file_may_come_first(check, send, fresh, index):
    """MUST [RFC 7578, 5.2; PyPI upload API] The order of a form's fields has no meaning: the file may be the first part."""
    dist = fresh()
    stored(check, send(dist, content_at=0))
    check.that(listed(index, dist), index.project_url(dist.project), dist.filename, "not listed")


def test_upload_13_the_fields_may_be_shuffled(check, send, fresh):
    """MUST [RFC 7578, 5.2; PyPI upload API] The order of a form's fields has no meaning: fields in reverse, the file in their middle."""
    dist = fresh()
    stored(check, send(dist, fields=fields_of(dist)[::-1], content_at=4))


def test_upload_14_the_part_needs_no_type(check, send, fresh):
    """MUST [RFC 7578, 4.4; clients: uv, flit] The file's part may lack a Content-Type."""
    stored(check, send(fresh(), content_type=None))


def test_upload_15_unknown_fields_are_ignored(check, send, fresh):
    """SHOULD [PyPI upload API; clients: hatch, pdm] A field that the server does not know is ignored."""
    dist = fresh()
    stored(check, send(dist, fields=fields_of(dist, sic_unknown="1", comment="none", provides_extras="x")))


def test_upload_16_empty_fields_are_absent(check, send, fresh, index):
    """SHOULD [clients: uv, pdm] A field without text counts as absent."""
    dist = fresh()
    stored(check, send(dist, fields=fields_of(dist, requires_python="", license="", keywords="")))
    file = listed(index, dist)
    check.that(file and file.requires_python is None, index.project_url(dist.project), "no requires-python", file)


CLIENTS = {
    "twine": {},
    "uv": {"md5_digest": None, "requires_python": "", "import_names": "", "license_file": ""},
    "flit": {"blake2_256_digest": None, "metadata_version": "2.3", "author": "x", "platform": ""},
    "poetry": {"keywords": "", "home_page": "", "license": "UNKNOWN"},
    "sha256 only": {"md5_digest": None, "blake2_256_digest": None, "pyversion": "py3"},
    "upper case": {"sha256_digest": "upper"},
    "no protocol": {"protocol_version": None},
}


@pytest.mark.parametrize("client", CLIENTS)
def test_upload_17_the_forms_of_clients(check, send, fresh, client):
    """SHOULD [PyPI upload API; clients: twine, uv, flit, poetry] The fields that each released client sends store the file."""
    dist = fresh()
    changes = {name: dist.sha256.upper() if value == "upper" else value for name, value in CLIENTS[client].items()}
    stored(check, send(dist, fields=fields_of(dist, **changes)))


def test_upload_18_the_files_own_metadata_counts(check, send, fresh, index):
    """MUST [simple-repository-api, Project Detail; core-metadata, Requires-Python] A form that contradicts the file is refused, or the page shows what the file says."""
    dist = fresh(requires_python=">=3.6")
    response = send(dist, fields=fields_of(dist, requires_python=">=3.99"))
    if 200 <= response.status < 300:
        file = listed(index, dist)
        if file and file.requires_python is None:
            not_offered("requires-python")
        check.equal(file and file.requires_python, ">=3.6", index.project_url(dist.project), "requires-python")
    else:
        refused(check, response)


@pytest.mark.parametrize("field", ["name", "version"])
def test_upload_19_a_form_for_another_project_is_refused(check, send, fresh, made, index, field):
    """SHOULD [binary-distribution-format, File name convention; PyPI upload API] Name and version of the form are those of the file."""
    dist = fresh()
    other = made.name("other") if field == "name" else "9.9"
    response = send(dist, fields=fields_of(dist, **{field: other}))
    refused(check, response)


@pytest.mark.parametrize(
    "content", [b"", b"no zip", b"PK\x03\x04 broken", b"\x00" * 2000], ids=["empty", "text", "broken", "zeros"]
)
def test_upload_20_what_is_no_wheel_is_refused(check, send, fresh, index, content):
    """SHOULD [binary-distribution-format, File format] A wheel is a ZIP archive; what is none is refused, with 4xx, and not listed."""
    dist = fresh()
    dist = Dist(dist.name, dist.version, dist.filename, dist.metadata, content, dist.filetype)
    refused(check, send(dist))
    absent(check, index, dist)


def test_upload_21_a_wheel_under_another_name_is_refused(check, send, fresh, made, index):
    """SHOULD [binary-distribution-format, File name convention] The file name has the name and the version that the metadata inside has."""
    dist = fresh()
    other = Dist(dist.name, "2.0", dist.filename.replace("-1.0-", "-2.0-"), dist.metadata, dist.content, dist.filetype)
    refused(check, send(other))
    absent(check, index, other)


@pytest.mark.parametrize(
    "name", ["../up-1.0-py3-none-any.whl", "up.exe", "up-1.0.whl", "a/b-1.0-py3-none-any.whl", "", "up-1.0-py3-none-any.whl.txt"]
)
def test_upload_22_a_bad_file_name_is_refused(check, send, fresh, name):
    """MUST [binary-distribution-format, File name convention] A file name that is none of a distribution is refused."""
    refused(check, send(fresh(), filename=name))


@pytest.mark.parametrize(
    "change",
    [{"action": None}, {"action": "sic"}, {"name": None}, {"version": None}, {"filetype": "sic"}, {"protocol_version": "9"}],
    ids=["no action", "other action", "no name", "no version", "other filetype", "other protocol"],
)
def test_upload_23_a_bad_form_is_no_server_error(check, send, fresh, change):
    """SHOULD [RFC 9110, 15.5; clients: twine] A form that lacks or bends a field is the client's fault: 4xx (or is understood), never 5xx."""
    dist = fresh()
    response = send(dist, fields=fields_of(dist, **change))
    check.that(response.status < 500, response, "a status below 500", response)


def test_upload_24_a_form_without_a_file_is_refused(check, send, fresh, made):
    """MUST [PyPI upload API] The form has a part `content` with the file."""
    boundary, body = encode(fields_of(fresh()), None, b"")
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    refused(check, made.uploader.http.request("POST", made.uploader.url, headers, body))


def test_upload_25_a_refusal_says_why(check, send, fresh):
    """SHOULD [clients: twine, uv] A refusal has a reason that tools can show: a text in the body, and not a page of HTML."""
    first, second = fresh(salt="a"), fresh(salt="b")
    stored(check, send(first))
    response = send(second, accept="application/json;q=0.9, text/plain;q=0.8, text/html;q=0.7")
    if response.status < 400:
        not_tested("the index took other bytes under the same name")
    check.that(response.body.strip() and "html" not in response.media_type, response, "a text or JSON", response)


def race(made, dists):
    """Answers to uploads that start together, each on a connection of its own."""
    gate, answers = threading.Barrier(len(dists)), [None] * len(dists)

    def one(at):
        http = made.uploader.fresh()
        gate.wait()
        answers[at] = made.uploader.send(dists[at], http=http)

    threads = [threading.Thread(target=one, args=(at,)) for at in range(len(dists))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_upload_26_one_of_many_wins(check, made, fresh, index):
    """MUST [simple-repository-api, Project Detail] Of uploads of one name with different bytes at the same time exactly one is stored, and its hash is listed."""
    dists = [fresh(salt=str(number)) for number in range(RACERS)]
    answers = race(made, dists)
    winners = [dist for dist, answer in zip(dists, answers) if 200 <= answer.status < 300]
    check.equal(len(winners), 1, index.project_url(dists[0].project), "uploads that were stored:")
    check.that(all(answer.status < 500 for answer in answers), index.base, "no 5xx", [answer.status for answer in answers])
    file = listed(index, dists[0])
    body = index.http.follow(file.url, "*/*").body if file else b""
    check.that(
        winners and body == winners[0].content, index.project_url(dists[0].project), "the winner's bytes", f"{len(body)} bytes"
    )


def test_upload_27_the_same_at_the_same_time(check, made, fresh, index):
    """SHOULD [clients: uv publish] Of uploads of the same bytes at the same time all are answered 2xx, and one file is listed."""
    dist = fresh()
    answers = race(made, [dist] * RACERS)
    check.that(all(answer.status < 300 for answer in answers), index.base, "2xx for all", [answer.status for answer in answers])
    project = index.project(dist.project)
    project.forget()
    check.equal([file.filename for file in project.files], [dist.filename], project.url, "files")


def test_upload_28_the_normalized_name_finds_it(check, index, made):
    """MUST [name-normalization, Name normalization; simple-repository-api, Project Detail] A project with any spelling of its name is found under the normalized one."""
    dist = made.need("odd name")
    check.that(listed(index, dist) is not None, index.project_url(dist.project), dist.filename, "not listed")


def test_upload_29_many_files_are_all_listed(check, index, made):
    """MUST [simple-repository-api, Project Detail] The page of a project lists every file: one anchor, one entry for each."""
    wanted = {made.need(f"many {number}").filename for number in range(MANY)}
    project = index.project(made.need("many 0").project)
    project.forget()
    check.equal(sorted(wanted - {file.filename for file in project.files}), [], project.url, "files that are not listed:")


@pytest.mark.parametrize("label", ["local", "epoch", "sdist"])
def test_upload_30_what_a_private_index_may_take(check, made, label):
    """MAY [version-specifiers, Local version identifiers and Version epochs; source-distribution-format] An index may take local versions, epochs and source distributions."""
    if not made.has(label):
        not_offered(f"{label}: {made.answers[label].describe()}")
    check.that(True, "", "", "")


def test_upload_31_equal_versions_are_one(check, send, fresh, index):
    """SHOULD [version-specifiers, Version matching; PEP 700] Versions that differ in trailing zeros are one release: `versions` has one entry."""
    if not index.offers_json:
        not_offered("JSON pages")
    first, second = fresh("1.0"), fresh("1.0.0")
    stored(check, send(first))
    response = send(second)
    if 200 <= response.status < 300:
        project = index.project(first.project)
        project.forget()
        if "versions" not in (project.json or {}):
            not_offered("versions")
        check.equal(len(project.json["versions"]), 1, project.url, "entries of versions:")


def test_upload_32_the_upload_url_can_be_opened(check, made):
    """SHOULD [RFC 9110, 15.5.6] GET of the upload URL is 405, or a page that helps; it is no error of the server."""
    response = made.uploader.http.get(made.uploader.url)
    check.that(response.status < 500, response, "405 or a help page", response)


def test_upload_33_a_refused_project_is_not_found(check, send, fresh, index):
    """MUST [simple-repository-api, Project List] A refused first upload makes no project."""
    dist = fresh()
    if send(dist, fields=fields_of(dist, sha256_digest="0" * 64)).status < 400:
        not_tested("the index took a file with a wrong digest")
    check.status(index.http.follow(index.project_url(dist.project), ANY_PAGE), 404)


def statement_of(filename, digest):
    """An attestation that is whole but for its signature, about a file of that name and digest."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": filename, "digest": {"sha256": digest}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    material = {"certificate": base64.b64encode(b"none").decode(), "transparency_entries": []}
    envelope = {
        "statement": base64.b64encode(json.dumps(statement).encode()).decode(),
        "signature": base64.b64encode(b"none").decode(),
    }
    return {"version": 1, "verification_material": material, "envelope": envelope}


@pytest.mark.parametrize("case", ["no JSON", "no array", "nothing in it", "no attestation", "about another file"])
def test_upload_34_bad_attestations_are_refused(check, send, fresh, index, case):
    """MUST [PEP 740, Upload endpoint changes] `attestations` is a JSON array of one or more; if one of them cannot be verified, the upload is rejected."""
    dist = fresh()
    cases = {
        "no JSON": "{",
        "no array": "{}",
        "nothing in it": "[]",
        "no attestation": '["x"]',
        "about another file": json.dumps([statement_of("other-1.0-py3-none-any.whl", "0" * 64)]),
    }
    response = send(dist, fields=fields_of(dist, attestations=cases[case]))
    if 200 <= response.status < 300:
        file = listed(index, dist)
        if file is None or file.provenance is None:
            not_offered("attestations of uploads")
        check.that(False, response, "a refusal of 4xx", response)
    elif refused(check, response):
        absent(check, index, dist)


def test_upload_35_direct_references_are_refused(check, send, fresh, index):
    """SHOULD [version-specifiers, Direct references] Public index servers do not allow direct references in uploaded distributions."""
    refused(check, send(fresh(lines=("Requires-Dist: six @ https://host.invalid/six-1.0-py3-none-any.whl",))))
