"""Batches with real clients: the preview before the commit, an archive from tar, parts that curl sends."""
import hashlib
import io
import json
import pathlib
import tarfile
import urllib.request

import environments
import scene
import support


class Batches(scene.Scene):
    """One server for all: each batch has projects of its own."""

    @classmethod
    def setUpClass(cls):
        """Start it."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)

    def call(self, method, path, body=b"", **headers):
        """A request with the admin token; returns the answer's headers and body."""
        sent = {"Authorization": f"Bearer {self.server.token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        request = urllib.request.Request(self.server.url + path, data=body or None, headers=sent, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return answer.headers, json.loads(text) if text else None

    def open_batch(self):
        """The path of a new batch for staging."""
        headers, _ = self.call("POST", "/api/v1/batches", b'{"channel": "staging"}', Content_Type="application/json")
        return headers["Location"]

    def archive_of(self, *wheels):
        """A tar.gz as Python writes it, with folders around the files."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for wheel in wheels:
                archive.add(wheel, f"./dist/deep/{wheel.name}")
        return packed.getvalue()

    def test_pip_and_uv_install_from_the_preview_what_is_only_in_the_batch(self):
        """With its metadata, before the commit, and together with what the channel has."""
        folder = self.folder("wheels")
        leaf = support.make_wheel(folder, "batchleaf", "1.0")
        self.server.cli("upload", leaf)
        newer = support.make_wheel(folder, "batchleaf", "1.1")
        app = support.make_wheel(folder, "batchapp", "1.0", metadata="Requires-Dist: batchleaf>=1\n")
        batch = self.open_batch()
        _, told = self.call("POST", f"{batch}/archive", self.archive_of(app, newer))
        self.assertEqual([file["verdict"] for file in told["files"]], ["accepted", "accepted"])
        preview, staging = f"{self.server.url}{batch}/simple/", f"{self.server.url}/staging/simple/"
        for version in scene.PIPS:
            with self.subTest(pip=version):
                _, found = self.pip_install(version, preview, "batchapp")
                self.assertEqual(found, {"batchapp": "1.0", "batchleaf": "1.1"})
                self.pip_install(version, staging, "batchapp", expected=1)
        python = environments.find(f"pip-{scene.NEWEST_PIP}") / "python"
        target = self.folder("uv-target")
        self.uv(scene.NEWEST_UV, "pip", "install", "--python", python, "--target", target, "--index-url", preview, "batchapp")
        self.assertEqual(scene.installed(target), {"batchapp": "1.0", "batchleaf": "1.1"})
        _, committed = self.call("POST", f"{batch}/commit")
        self.assertEqual(committed["counts"]["stored"], 2)
        _, found = self.pip_install(scene.NEWEST_PIP, staging, "batchapp")
        self.assertEqual(found, {"batchapp": "1.0", "batchleaf": "1.1"})

    def test_curl_goes_on_where_it_stopped(self):
        """As the manual shows it: HEAD, then the rest with `Content-Range`."""
        wheel = support.make_wheel(self.folder("wheels"), "batchlarge", "1.0", body=bytes(range(256)) * 8192)
        whole = wheel.read_bytes()
        url = f"{self.server.url}{self.open_batch()}/files/{wheel.name}"
        curl = ["curl", "--silent", "--show-error", "--fail-with-body", "-H", f"Authorization: Bearer {self.server.token}"]
        cut = len(whole) // 3
        part = self.scratch / "part"
        for begin, end in ((0, cut), (cut, len(whole))):
            if begin:
                told = support.run([*curl, "-I", url])
                self.assertIn(f"upload-offset: {begin}", told.lower())
            part.write_bytes(whole[begin:end])
            span = f"Content-Range: bytes {begin}-{end - 1}/{len(whole)}"
            told = support.run([*curl, "-X", "PUT", "-H", span, "--data-binary", f"@{part}", url])
        self.assertEqual(json.loads(told)["sha256"], hashlib.sha256(pathlib.Path(wheel).read_bytes()).hexdigest())
