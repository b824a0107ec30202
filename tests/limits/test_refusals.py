"""A large body with a bad token: real clients see why, and nothing of it is kept."""
import socket
import subprocess
import tempfile
import unittest

import requests

import support
import wire

MIB = 1 << 20


class Refusals(unittest.TestCase):
    """100 MiB for nothing."""

    @classmethod
    def setUpClass(cls):
        """Start a server and make the body."""
        cls.server = support.Server()
        cls.addClassCleanup(cls.server.stop)
        cls.body = tempfile.NamedTemporaryFile(suffix=".whl")
        cls.addClassCleanup(cls.body.close)
        for number in range(100):
            cls.body.write(bytes([number]) * MIB)
        cls.body.flush()
        cls.put = f"{cls.server.url}/api/v1/channels/staging/files/demo-1.0-py3-none-any.whl"

    def tearDown(self):
        """Nothing is left, whatever was sent."""
        wire.wait_until(lambda: wire.pending(self.server) == [], 5)
        self.assertEqual(wire.blobs(self.server), [])

    def test_curl_shows_the_401(self):
        """With and without `Expect: 100-continue`, as a form and as a raw body."""
        quiet = ["curl", "--noproxy", "*", "--silent", "--show-error", "--max-time", "60", "--user", "__token__:fw_wrong"]
        for expect in (["-H", "Expect:"], []):
            for sent in (["-F", f"content=@{self.body.name}", f"{self.server.url}/legacy/"], ["-T", self.body.name, self.put]):
                with self.subTest(expect=expect, sent=sent[0]):
                    done = subprocess.run([*quiet, *expect, "-w", "%{http_code}", *sent], capture_output=True, text=True)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertTrue(done.stdout.endswith("401"), done.stdout)
                    self.assertIn("the token is not known here", done.stdout)

    def test_requests_shows_the_401(self):
        """It sends everything before it reads; twine stands on it."""
        session = requests.Session()
        session.trust_env = False
        credentials = ("__token__", "fw_wrong")
        with open(self.body.name, "rb") as body:
            raw = session.put(self.put, data=body, auth=credentials, timeout=60)
        with open(self.body.name, "rb") as body:
            form = session.post(f"{self.server.url}/legacy/", files={"content": body}, auth=credentials, timeout=60)
        for answer in (raw, form):
            self.assertEqual(answer.status_code, 401)
            self.assertIn("the token is not known here", answer.text)

    def test_no_more_is_read_than_a_bound(self):
        """Of 400 MiB the server takes at most 128, and what the two systems hold between them."""
        sent = 0
        with wire.connect(self.server) as connection:
            connection.sendall(wire.head(self.server, "POST /legacy/", 400 * MIB, "fw_wrong"))
            answer = connection.recv(65536)
            self.assertTrue(answer.startswith(b"HTTP/1.1 401"), answer)
            try:
                while sent < 400 * MIB:
                    sent += connection.send(b"\0" * MIB)
            except (ConnectionError, socket.timeout):
                pass
        self.assertLess(sent, 160 * MIB)
