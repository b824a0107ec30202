"""A disk that is full in earnest: uploads are refused with 507, readers notice nothing, and all goes on when there is space."""
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

import support
import wire

DISK_MIB = 64
"""Length of the disk; threats 1.7 asks for one like this."""


class FullDisk(unittest.TestCase):
    """A disk in memory, on a mount that ends with this process."""

    def setUp(self):
        """Mount it, and put a server's data and log there."""
        self.place = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="ferrywheel-disk-")))
        options = f"size={DISK_MIB}m,mode=0755"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.place], check=True)
        self.addCleanup(subprocess.run, ["umount", self.place], check=True)
        self.wheels = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def start(self, **settings):
        """A server whose folder, log included, is on the disk."""
        before, tempfile.tempdir = tempfile.tempdir, str(self.place)
        try:
            server = support.Server(**settings)
        finally:
            tempfile.tempdir = before
        self.addCleanup(lambda: server.stop() if server.process.poll() is None else None)
        return server

    def wheel(self, name, version, size=10):
        """A wheel that does not compress."""
        return support.make_wheel(self.wheels, name, version, random.Random(name + version).randbytes(size))

    def put(self, server, path):
        """Upload a file; returns status and body."""
        return self.send(server, "PUT", f"/api/v1/channels/staging/files/{path.name}", path.read_bytes())

    def send(self, server, method, path, body=b"", **headers):
        """Any request, with the token; returns status and body."""
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/octet-stream", **headers}
        request = urllib.request.Request(server.url + path, body or None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode(errors="replace")

    def fill(self, leave_bytes):
        """Fill the disk but for so many bytes."""
        filler = self.place / "filler"
        filler.unlink(missing_ok=True)
        about = os.statvfs(self.place)
        size = about.f_bavail * about.f_frsize - leave_bytes
        with open(filler, "wb") as out:
            os.posix_fallocate(out.fileno(), 0, max(size, 4096))

    def free(self):
        """Make space."""
        (self.place / "filler").unlink()

    def assert_reads(self, server, files):
        """Pages, files, metadata, status and search answer as ever."""
        for path in ("/simple/", "/staging/simple/", "/api/v1/status", "/api/v1/channels", "/api/v1/search?q=k", "/-/ready"):
            self.assertEqual(self.send(server, "GET", path)[0], 200, path)
        for name, path in files.items():
            page = server.page(name, "staging")
            url = urllib.parse.urljoin(f"{server.url}/staging/simple/{name}/", page["files"][0]["url"])
            self.assertEqual(server.get(url.removeprefix(server.url)), path.read_bytes())

    def test_uploads_stop_at_the_floor(self):
        """`min_free_bytes` is kept, whoever sends what, before the body and while it comes."""
        floor = 16 << 20
        server = self.start(min_free_bytes=str(floor))
        kept = {}
        for number in range(100):
            path = self.wheel(f"k{number}", "1.0", 4 << 20)
            status, text = self.put(server, path)
            if status != 200:
                break
            kept[f"k{number}"] = path
        self.assertEqual(status, 507, text)
        self.assertIn("limit/free-space", text)
        self.assertIn("`min_free_bytes`", text)
        self.assertGreater(len(kept), 5)
        about = os.statvfs(self.place)
        self.assertGreaterEqual(about.f_bavail * about.f_frsize, floor - (2 << 20))
        # Without a length the space is looked at while the body comes.
        with wire.connect(server) as connection:
            target = "PUT /api/v1/channels/staging/files/chunked-1.0-py3-none-any.whl"
            head = wire.head(server, target, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked\r\nConnection: close")
            connection.sendall(head)
            try:
                for _ in range(32):
                    connection.sendall(b"100000\r\n" + b"\0" * (1 << 20) + b"\r\n")
            except ConnectionError:
                pass
            self.assertIn(b" 507 ", wire.read_answer(connection).split(b"\r\n")[0])
        about = os.statvfs(self.place)
        self.assertGreaterEqual(about.f_bavail * about.f_frsize, floor - (4 << 20))
        wire.wait_until(lambda: wire.pending(server) == [], 5)
        self.assert_reads(server, kept)
        # What is not an upload goes on above the floor.
        status, text = self.send(server, "POST", "/api/v1/channels/blessed/promotions", b'{"from": "staging"}', **{"Content-Type": "application/json"})
        self.assertEqual(status, 200, text)

    def test_nothing_is_lost_when_the_disk_is_full_at_any_step(self):
        """With no floor, uploads meet the end of the disk at every page of 4 KiB that they take."""
        server = self.start(min_free_bytes="0")
        kept = {"k0": self.wheel("k0", "1.0", 200_000)}
        self.assertEqual(self.put(server, kept["k0"])[0], 200)
        counts = {200: 0, 507: 0}
        for pages in [*range(0, 48), 96, 192]:
            path = self.wheel(f"p{pages}", "1.0", 3_000)
            self.fill(pages * 4096)
            status, text = self.put(server, path)
            self.assertIn(status, counts, f"{pages} pages: {text}")
            counts[status] += 1
            if status == 200:
                kept[f"p{pages}"] = path
            else:
                self.assertRegex(text, "storage-full|limit/free-space")
            self.assertEqual(wire.pending(server), [])
            if pages % 8 == 0:
                self.assert_reads(server, kept)
        print(f"uploads at the end of the disk: {counts}", flush=True)
        self.assertGreater(min(counts.values()), 0)
        self.fill(0)
        for number in range(20):
            # Each one takes something of what is left in the index's own files.
            json = {"Content-Type": "application/json"}
            status, text = self.send(server, "POST", f"/api/v1/channels/blessed/promotions?{number}", b'{"from": "staging"}', **json)
            self.assertIn(status, (200, 507), text)
            mark = b'{"yanked": %s}' % (b"true" if number % 2 == 0 else b"false")
            status, text = self.send(server, "PATCH", "/api/v1/channels/staging/files/k0-1.0-py3-none-any.whl", mark, **json)
            self.assertIn(status, (200, 507), text)
        self.assert_reads(server, kept)
        self.free()
        fresh = self.wheel("fresh", "1.0")
        self.assertEqual(self.put(server, fresh)[0], 200, "it goes on by itself")
        kept["fresh"] = fresh
        self.assert_reads(server, kept)
        log = server.log.read_text(errors="replace")
        self.assertNotIn("panicked", log)
        # And after a start.
        data = server.data
        server.process.kill()
        server.process.wait(30)
        copy = self.wheels / "copy"
        shutil.copytree(data, copy)
        again = subprocess.run(
            [support.PROGRAM, "admin", "token", "list", "--data", copy], env=support.bare_environment(), capture_output=True
        )
        self.assertEqual(again.returncode, 0, again.stderr)
