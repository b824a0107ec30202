"""Provenance."""

import json

import pytest

from simple_index_conformance.verdict import not_tested

INTEGRITY = "application/vnd.pypi.integrity.v1+json"


@pytest.fixture(scope="module")
def objects(http, files):
    """Provenance answers of the files that announce one."""
    urls = [file.provenance for file in files if isinstance(file.provenance, str)]
    return [http.follow(url, INTEGRITY) for url in urls[:5]] or not_tested("no file announces provenance")


def read(response):
    """The object, an empty one if it is none."""
    try:
        found = json.loads(response.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def test_prov_01_announced_provenance_is_there(check, objects):
    """MUST [index-hosted-attestations, Provenance objects; PEP 740] The file's provenance can be found at the URL that the page gives."""
    for response in objects:
        check.status(response, 200)


def test_prov_02_version_one(check, objects):
    """MUST [index-hosted-attestations, Provenance objects] `version` is 1."""
    for response in objects:
        check.equal(read(response).get("version"), 1, response.asked(), "version")


def test_prov_03_there_are_bundles(check, objects):
    """MUST [index-hosted-attestations, Provenance objects] `attestation_bundles` is a required array of one or more bundles."""
    for response in objects:
        bundles = read(response).get("attestation_bundles")
        check.that(isinstance(bundles, list) and bundles, response, "one bundle or more", bundles)


def test_prov_04_publishers_have_a_kind(check, objects):
    """MUST [index-hosted-attestations, Provenance objects] A publisher has `kind`, a string."""
    for response in objects:
        for bundle in read(response).get("attestation_bundles") or []:
            check.that(
                isinstance((bundle.get("publisher") or {}).get("kind"), str), response, "publisher.kind", bundle.get("publisher")
            )


def test_prov_05_attestations_are_whole(check, objects):
    """MUST [index-hosted-attestations, Attestation objects] An attestation has version 1, verification_material and an envelope of statement and signature."""
    for response in objects:
        for bundle in read(response).get("attestation_bundles") or []:
            for one in bundle.get("attestations") or [{}]:
                envelope = one.get("envelope") or {}
                good = one.get("version") == 1 and "certificate" in (one.get("verification_material") or {})
                check.that(good and {"statement", "signature"} <= set(envelope), response, "a whole attestation", sorted(one))


def test_prov_06_the_type_is_json(check, objects):
    """SHOULD [PyPI integrity API] Provenance is of the type application/vnd.pypi.integrity.v1+json, or application/json."""
    for response in objects:
        check.that(response.media_type in (INTEGRITY, "application/json"), response, INTEGRITY, response)


def test_prov_07_an_unknown_type_is_406(check, http, objects):
    """SHOULD [PyPI integrity API] A type that the server does not have is answered 406."""
    for response in objects:
        check.status(http.follow(response.url, "image/png"), 406)


def test_prov_08_provenance_may_change(check, objects):
    """SHOULD [index-hosted-attestations, Changes to provenance objects] Provenance objects are not immutable, and caches are not told so."""
    for response in objects:
        check.that("immutable" not in response.directives(), response, "no `immutable`", response)
