"""Upload 2.0 (PEP 694): no installed client speaks it yet, so a few lines do; pip and uv look at the stage."""
import hashlib
import json
import urllib.request

import environments
import scene
import support

TYPE = "application/vnd.pypi.upload.v2+json"


class Upload2(scene.Scene):
    """One server for all: each session has a project of its own."""

    @classmethod
    def setUpClass(cls):
        """Start it."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)

    def post(self, url, body, content_type=TYPE):
        """A request with the admin token; returns the answer's body."""
        headers = {"Authorization": f"Bearer {self.server.token}", "Content-Type": content_type, "Accept": TYPE}
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else None

    def ask(self, url, **members):
        """A request of the API's own type."""
        return self.post(url, json.dumps({"meta": {"api-version": "2.0"}, **members}).encode())

    def put(self, session, wheel):
        """Announces, sends and completes a file, along the links that the server gives."""
        content = wheel.read_bytes()
        hashes = {"sha256": hashlib.sha256(content).hexdigest(), "blake2b": hashlib.blake2b(content).hexdigest()}
        wish = {"filename": wheel.name, "size": len(content), "hashes": hashes, "mechanism": "http-post-bytes"}
        file = self.ask(session["links"]["upload"], **wish)
        self.post(file["mechanism"]["file_url"], content, "application/octet-stream")
        return self.ask(file["links"]["complete"])

    def test_pip_and_uv_install_what_is_staged_beside_what_is_published(self):
        """By `--extra-index-url`, with metadata, before it is published, and from the channel afterwards."""
        folder = self.folder("wheels")
        leaf = support.make_wheel(folder, "stagedleaf", "1.0")
        self.server.cli("upload", leaf)
        app = support.make_wheel(folder, "stagedapp", "1.0", metadata="Requires-Dist: stagedleaf>=1\n")
        session = self.ask(f"{self.server.url}/upload/2.0/", name="stagedapp", version="1.0")
        self.assertEqual(self.put(session, app)["status"], "completed")
        staging, stage = f"{self.server.url}/staging/simple/", session["links"]["stage"]
        both = {"stagedapp": "1.0", "stagedleaf": "1.0"}
        for version in scene.PIPS:
            with self.subTest(pip=version):
                self.pip_install(version, staging, "stagedapp", expected=1)
                _, found = self.pip_install(version, staging, "--extra-index-url", stage, "stagedapp")
                self.assertEqual(found, both)
        python = environments.find(f"pip-{scene.NEWEST_PIP}") / "python"
        target = self.folder("uv-target")
        self.uv(
            scene.NEWEST_UV, "pip", "install", "--python", python, "--target", target,
            "--index-url", staging, "--extra-index-url", stage, "stagedapp",
        )
        self.assertEqual(scene.installed(target), both)
        self.assertEqual(self.ask(session["links"]["publish"])["status"], "published")
        _, found = self.pip_install(scene.NEWEST_PIP, staging, "stagedapp")
        self.assertEqual(found, both)
