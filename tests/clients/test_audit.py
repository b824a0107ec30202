"""Audit and attestation tools: what they are told of a vulnerable version, and who has built a file."""
import base64
import hashlib
import json
import urllib.parse

import environments
import scene
import support

RECORD = {
    "schema_version": "1.6.0",
    "id": "PYSEC-2026-1",
    "modified": "2026-08-01T12:00:00Z",
    "summary": "Opens the door",
    "aliases": ["CVE-2026-1"],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "door"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.10"}]}],
        }
    ],
}

ASK_PYPI = """
import json, sys, urllib.parse
import requests.adapters
from packaging.version import Version
from pip_audit._service import PyPIService, ResolvedDependency

server = sys.argv[1]

class Here(requests.adapters.HTTPAdapter):
    def send(self, request, **more):
        request.url = server + urllib.parse.urlsplit(request.url).path
        return super().send(request, **more)

service = PyPIService(cache_dir=None)
service.session.mount("https://", Here())
_, found = service.query(ResolvedDependency(name="door", version=Version(sys.argv[2])))
print(json.dumps([[one.id, sorted(one.aliases), [str(fix) for fix in one.fix_versions]] for one in found]))
"""
"""pip-audit has the address of PyPI built in; its own service is asked, and its requests go to another host."""

MAKE_CERTIFICATE = """
import base64, datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([])
now = datetime.datetime(2026, 1, 1)
builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
for number, text in ((8, sys.argv[1]), (18, sys.argv[2])):
    value = text.encode()
    der = bytes([0x0C, len(value)]) + value
    identifier = x509.ObjectIdentifier(f"1.3.6.1.4.1.57264.1.{number}")
    builder = builder.add_extension(x509.UnrecognizedExtension(identifier, der), critical=False)
certificate = builder.sign(key, hashes.SHA256())
print(base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode())
"""

READ_PROVENANCE = """
import sys
from pypi_attestations import Provenance

provenance = Provenance.model_validate_json(sys.stdin.read())
for bundle in provenance.attestation_bundles:
    statements = [attestation.statement for attestation in bundle.attestations]
    print(bundle.publisher.kind, bundle.publisher.repository, bundle.publisher.workflow, statements[0]["subject"][0]["name"])
"""


class Audits(scene.Scene):
    """A server with two versions of one project and an advisory about the older."""

    @classmethod
    def setUpClass(cls):
        """Publish and import."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)
        for version in ("1.9", "1.10"):
            cls.server.twine(support.make_wheel(cls.server.folder, "door", version))
        cls.server.cli("bless")
        record = cls.server.folder / "record.json"
        record.write_text(json.dumps(RECORD))
        cls.report = json.loads(cls.server.cli("advisories", "import", record, "--json"))

    def pip_audit(self, version, expected):
        """Audit one pinned requirement against the server alone; returns what was found of it."""
        pins = self.scratch / "pins.txt"
        pins.write_text(f"door=={version}\n")
        service = ["-s", "osv", "--osv-url", f"{self.server.url}/api/v1/advisories/query"]
        command = [environments.find("pip-audit") / "python", "-m", "pip_audit", *service, "-f", "json", "--progress-spinner=off"]
        out = self.scratch / "found.json"
        text = support.run(
            [*command, "-o", out, "--no-deps", "--disable-pip", "-r", pins], self.environment(), expected, self.scratch
        )
        return json.loads(out.read_text())["dependencies"], text

    def test_the_import_says_what_it_did(self):
        """One record came in; the same again changes nothing."""
        self.assertEqual((self.report["added_count"], self.report["skipped_count"]), (1, 0))
        record = self.server.folder / "record.json"
        self.assertIn("1 unchanged", self.server.cli("advisories", "import", record))

    def test_pip_audit_finds_the_vulnerable_version_and_no_other(self):
        """`pip-audit` with the OSV service pointed at the server."""
        (found,), _ = self.pip_audit("1.9", 1)
        self.assertEqual([vuln["id"] for vuln in found["vulns"]], ["PYSEC-2026-1"])
        self.assertEqual(found["vulns"][0]["fix_versions"], ["1.10"])
        (sound,), _ = self.pip_audit("1.10", 0)
        self.assertEqual(sound["vulns"], [])

    def test_pip_audits_own_reader_of_the_legacy_api_understands_the_answer(self):
        """The service that asks `/pypi/{project}/{version}/json`."""
        python = environments.find("pip-audit") / "python"
        for version, expected in (("1.9", [["PYSEC-2026-1", ["CVE-2026-1"], ["1.10"]]]), ("1.10", [])):
            text = support.run([python, "-c", ASK_PYPI, self.server.url, version], self.environment())
            self.assertEqual(json.loads(text.splitlines()[-1]), expected)


class Attestations(scene.Scene):
    """Attestations made by hand, sent by twine, read by the library of the specification's authors."""

    def test_twine_sends_attestations_and_pypi_attestations_reads_the_provenance(self):
        """The publisher is the one that the certificate names."""
        server = support.Server()
        self.addCleanup(server.stop)
        wheel = support.make_wheel(self.scratch, "attested", "1.0")
        python = environments.find("pypi-attestations") / "python"
        build = "https://github.com/acme/attested/.github/workflows/release.yml@refs/tags/v1.0"
        issuer = "https://token.actions.githubusercontent.com"
        certificate = support.run([python, "-c", MAKE_CERTIFICATE, issuer, build], self.environment()).split()[-1]
        statement = {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": wheel.name, "digest": {"sha256": support.sha256(wheel)}}],
            "predicateType": "https://example.org/publish/v1",
            "predicate": None,
        }
        attestation = {
            "version": 1,
            "verification_material": {"certificate": certificate, "transparency_entries": [{"logIndex": "1"}]},
            "envelope": {
                "statement": base64.b64encode(json.dumps(statement).encode()).decode(),
                "signature": base64.b64encode(hashlib.sha256(b"nobody").digest()).decode(),
            },
        }
        beside = self.scratch / f"{wheel.name}.publish.attestation"
        beside.write_text(json.dumps(attestation))
        server.twine("--attestations", wheel, beside)
        path = f"/integrity/attested/1.0/{urllib.parse.quote(wheel.name)}/provenance"
        provenance = self.scratch / "provenance.json"
        provenance.write_bytes(server.get(path, "application/vnd.pypi.integrity.v1+json"))
        self.assertEqual(json.loads(provenance.read_bytes())["attestation_bundles"][0]["attestations"], [attestation])
        shell = ["/bin/sh", "-c", 'exec "$0" -c "$1" < "$2"', python, READ_PROVENANCE, provenance]
        self.assertEqual(support.run(shell, self.environment()).split(), ["GitHub", "acme/attested", "release.yml", wheel.name])

    def test_an_attestation_of_other_bytes_is_refused_with_the_rule(self):
        """twine shows why."""
        server = support.Server()
        self.addCleanup(server.stop)
        wheel = support.make_wheel(self.scratch, "forged", "1.0")
        beside = self.scratch / f"{wheel.name}.publish.attestation"
        beside.write_text("{}")
        self.assertIn("ATT-02", server.twine("--attestations", wheel, beside, expected=1))
        self.assertNotIn(b"forged", server.get("/staging/simple/"))
