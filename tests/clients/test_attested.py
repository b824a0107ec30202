"""Real attestations beside the files they are about: twine and uv send them, the server verifies them and tells who signed."""
import json
import pathlib
import shutil

import scene
import support

SIGNED = pathlib.Path(__file__).resolve().parents[1] / "it" / "attestations"
"""What real publishers have signed, with licence and origin."""

FILE = "pypi_attestations-0.0.19.tar.gz"


class Attested(scene.Scene):
    """One file that a workflow on GitHub has signed twice; a server that trusts Sigstore's public instance."""

    def setUp(self):
        """Start the server and lay out the file as a build would."""
        super().setUp()
        self.server = support.Server(attestation_roots="public-good")
        self.addCleanup(self.server.stop)
        self.dist = self.folder("dist")
        for name in (FILE, f"{FILE}.publish.attestation", f"{FILE}.slsa.attestation"):
            shutil.copy(SIGNED / name, self.dist / name)

    def told(self):
        """What the server tells of the file's provenance."""
        path = "/api/v1/channels/staging/projects/pypi-attestations/provenance"
        return [file["provenance"] for file in json.loads(self.server.get(path))["files"]]

    def assert_verified(self):
        """Both attestations are there, and both signers."""
        (provenance,) = self.told()
        self.assertTrue(provenance["is_verified"])
        self.assertEqual([one["publisher"]["kind"] for one in provenance["signers"]], ["GitHub", "GitHub"])

    def upload(self, tool, expected=0):
        """Send what lies in `dist`."""
        if tool == "twine":
            return self.server.twine("--attestations", *sorted(self.dist.iterdir()), expected=1 if expected else 0)
        return self.server.uv_publish(self.dist / "*", expected=2 if expected else 0)

    def test_twine_sends_them_when_told_to(self):
        """`twine upload --attestations dist/*`."""
        self.upload("twine")
        self.assert_verified()

    def test_uv_sends_them_of_itself(self):
        """`uv publish` takes the `.attestation` files that lie beside."""
        self.upload("uv")
        self.assert_verified()

    def test_a_changed_signature_is_refused_and_the_person_reads_what_failed(self):
        """The rule, the attestation and the reason, in both tools."""
        path = self.dist / f"{FILE}.slsa.attestation"
        attestation = json.loads(path.read_text())
        signature = attestation["envelope"]["signature"]
        attestation["envelope"]["signature"] = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
        path.write_text(json.dumps(attestation))
        for tool in ("twine", "uv"):
            with self.subTest(tool=tool):
                text = self.upload(tool, expected=1)
                self.assertIn("ATT-01", text)
                self.assertIn("the signature of the attestation `https://slsa.dev/provenance/v1` is not verified", text)
        self.assertNotIn(b"pypi-attestations", self.server.get("/staging/simple/"))

    def test_the_command_line_verifies_what_is_stored(self):
        """`ferrywheel provenance verify` counts."""
        self.upload("twine")
        self.assertIn("1 provenances: 1 verified, 0 not verified; 0 changed", self.server.cli("provenance", "verify"))
