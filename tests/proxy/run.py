#!/usr/bin/env python3
"""The settings of `deploy/` in a real nginx and a real Apache, before a real server: `run.py --server PATH`.

Every file is fetched plainly, through each proxy, and through each proxy when it sends the bytes itself; the answers must
be equal. Standard library only. Ends with a line `N passed, N failed`.
"""
import argparse
import base64
import hashlib
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = pathlib.Path("/usr/lib/apache2/modules")
PROGRAM = None
# Headers that say what an answer is; `Date`, `Connection` and the id of the request differ each time.
TELLING = ("content-type", "content-length", "content-range", "content-encoding", "accept-ranges", "etag", "cache-control",
           "content-disposition", "content-security-policy", "x-content-type-options", "vary", "www-authenticate",
           "last-modified", "location")


def wheel(stem, size):
    """Name and bytes of a sound wheel with `size` bytes that do not compress."""
    info = f"{stem}.dist-info"
    name, version = stem.split("-")
    files = {
        f"{name}/noise.bin": hashlib.shake_128(stem.encode()).digest(size),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
            for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path, data in files.items():
            out.writestr(path, data)
    return f"{stem}-py3-none-any.whl", archive.getvalue()


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """A program that listens on a port of loopback until it is stopped."""

    def __init__(self, command, port, log, **environment):
        self.port, self.log = port, log
        with open(log, "ab") as output:
            self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=output, env={**os.environ, **environment})
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise SystemExit(f"{command[0]} did not start:\n{log.read_text()}") from None
                time.sleep(0.02)

    def stop(self):
        """End it and wait for it."""
        self.process.terminate()
        self.process.wait(30)

    def ask(self, method, path, headers=None, body=None):
        """Status, telling headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in {"Content-Length": str(len(body)) if body is not None else None, **(headers or {})}.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() in TELLING}
            return answer.status, kept, answer.read()
        finally:
            connection.close()


def change(text, *pairs):
    """Replace each first text by its second one; each must be there."""
    for old, new in pairs:
        if old not in text:
            raise SystemExit(f"deploy/ has no line `{old}` any more")
        text = text.replace(old, new)
    return text


def nginx(folder, server, data):
    """nginx with `deploy/nginx.conf`."""
    port = free_port()
    text = change((ROOT / "deploy/nginx.conf").read_text(), ("listen 443 ssl", f"listen 127.0.0.1:{port}"),
                  ("127.0.0.1:8417", f"127.0.0.1:{server.port}"), ("/var/lib/ferrywheel", str(data)))
    text = re.sub(r"(?m)^ *ssl_certificate.*\n", "", text)
    spools = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.getuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(f"{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
                      f"http {{ access_log off; {spools}\n{text}\n}}\n")
    return Program(["nginx", "-c", config, "-p", folder, "-e", folder / "error.log"], port, folder / "nginx.log")


def apache(folder, server, data):
    """Apache with `deploy/apache.conf`."""
    port = free_port()
    text = change((ROOT / "deploy/apache.conf").read_text(), ("*:443", f"127.0.0.1:{port}"),
                  ("http://127.0.0.1:8417/", f"http://127.0.0.1:{server.port}/"), ("/var/lib/ferrywheel", str(data)))
    text = re.sub(r"(?m)^ *SSL.*\n", "", text)
    modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
                      for name in ("mpm_event", "authz_core", "proxy", "proxy_http", "xsendfile"))
    config = folder / "apache.conf"
    config.write_text(f"ServerRoot {folder}\nPidFile {folder}/apache.pid\nErrorLog {folder}/apache-error.log\n{modules}"
                      f"ServerName wheels.example\nListen 127.0.0.1:{port}\n{text}\n")
    return Program(["apache2", "-D", "FOREGROUND", "-f", config], port, folder / "apache.log")


class Proxies(unittest.TestCase):
    """Answers through a proxy beside the server's own."""

    send_files_by = "server"
    adds_time = False

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="ferrywheel-proxy-"))
        cls.programs = []
        try:
            cls.start()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def start(cls):
        data = cls.folder / "data"
        cls.plain = cls.serve(data, "server")
        token = (data / "admin-token").read_text().strip()
        cls.admin = {"Authorization": "Bearer " + token}
        cls.files = {}
        for stem, size in (("small-1.0", 1000), ("large-1.0+local.1", 3_000_000), ("epoch-1!2.0", 200_000)):
            name, content = wheel(stem, size)
            cls.files[name] = content
        cls.put(cls.plain)
        cls.paths = {}
        for name in cls.files:
            project = name.split("-")[0]
            status, _, page = cls.plain.ask("GET", f"/staging/simple/{project}/",
                                            {"Accept": "application/vnd.pypi.simple.v1+json", **cls.admin})
            assert status == 200, page
            [file] = json.loads(page)["files"]
            cls.paths[name] = "/packages/" + file["url"].split("/packages/")[1]
        cls.wanted = {case: cls.answer(cls.plain, case) for case in cls.cases()}
        cls.stop(cls.plain)
        server = cls.serve(data, cls.send_files_by)
        cls.proxies = {}
        for proxy, sends in ((nginx, "x-accel-redirect"), (apache, "x-sendfile")):
            if cls.send_files_by in ("server", sends):
                cls.proxies[proxy.__name__] = proxy(cls.folder, server, data.resolve())
                cls.programs.append(cls.proxies[proxy.__name__])

    @classmethod
    def serve(cls, data, send_files_by):
        port = free_port()
        server = Program([PROGRAM, "serve", "--data", data, "--listen", f"127.0.0.1:{port}"], port, cls.folder / "server.log",
                         FERRYWHEEL_READ="token", FERRYWHEEL_SEND_FILES_BY=send_files_by)
        cls.programs.append(server)
        while server.ask("GET", "/-/ready")[0] != 200:
            time.sleep(0.02)
        return server

    @classmethod
    def put(cls, server, expected=200):
        for name, content in cls.files.items():
            path = "/api/v1/channels/staging/files/" + urllib.parse.quote(name)
            status, _, body = server.ask("PUT", path, cls.admin, content)
            assert status == expected, (status, body)

    @classmethod
    def stop(cls, program):
        cls.programs.remove(program)
        program.stop()

    @classmethod
    def tearDownClass(cls):
        for program in reversed(cls.programs):
            program.stop()
        shutil.rmtree(cls.folder)

    @classmethod
    def cases(cls):
        """Method, path and headers of all questions."""
        for name, path in cls.paths.items():
            etag = f'"{hashlib.sha256(cls.files[name]).hexdigest()}"'
            size = len(cls.files[name])
            spellings = {path, path.replace("%2B", "+").replace("%21", "!")}
            for spelling in sorted(spellings):
                yield "GET", spelling, ()
                yield "GET", spelling + ".metadata", ()
            yield "GET", path.replace("%2B", "%20").replace("%21", "%20") + ".asc", ()
            yield "HEAD", path, ()
            yield "HEAD", path + ".metadata", ()
            for span in ("0-0", "0-", "10-19", f"{size - 1}-", f"{size - 5}-{size + 5}", "-7", f"-{size + 1}", f"{size}-",
                         "-0", "9-2", "0-1,4-5"):
                yield "GET", path, (("Range", f"bytes={span}"),)
            for if_range in (etag, '"other"', "Fri, 20 Nov 2026 11:00:00 GMT"):
                yield "GET", path, (("Range", "bytes=5-"), ("If-Range", if_range))
            for listed in (etag, f'"x", W/{etag}', "*", '"other"'):
                yield "GET", path, (("If-None-Match", listed),)
            yield "GET", path, (("If-Modified-Since", "Fri, 20 Nov 2099 11:00:00 GMT"),)
            yield "GET", path, (("Accept-Encoding", "gzip, br"),)
            yield "GET", path, (("Authorization", "Bearer wrong"),)
            yield "GET", path, (("Authorization", None),)

    @classmethod
    def answer(cls, program, case):
        """What a program answers, without what may differ between two correct ones."""
        method, path, headers = case
        status, kept, body = program.ask(method, path, {**cls.admin, **dict(headers)})
        if kept.get("content-type", "").startswith(("application/problem+json", "text/plain")):
            # A problem names the request, so its text and length differ.
            body = re.sub(rb"[0-9a-f]+-[0-9a-f]+", b"ID", body)
            kept.pop("content-length", None)
        if status == 304:
            # What a 304 says of the body that it does not have is told by some programs and not by others.
            kept = {name: value for name, value in kept.items() if name in ("etag", "cache-control", "vary")}
        return status, kept, body

    def test_every_answer_is_the_one_that_the_server_gives(self):
        count = 0
        for name, proxy in self.proxies.items():
            for case, wanted in self.wanted.items():
                with self.subTest(proxy=name, case=case):
                    given = self.answer(proxy, case)
                    if self.adds_time:
                        given[1].pop("last-modified", None)
                    self.assertEqual(given[:2], wanted[:2])
                    self.assertTrue(given[2] == wanted[2], "another body")
                    count += 1
        self.assertGreaterEqual(count, 50)

    def test_the_folder_of_blobs_is_out_of_reach(self):
        for name, proxy in self.proxies.items():
            for content in self.files.values():
                digest = hashlib.sha256(content).hexdigest()
                with self.subTest(proxy=name):
                    status, _, body = proxy.ask("GET", f"/-/blobs/{digest[:2]}/{digest[2:4]}/{digest}", self.admin)
                    self.assertEqual(status, 404)
                    self.assertNotIn(content[:100], body)

    def test_a_large_upload_passes_and_again_changes_nothing(self):
        for number, proxy in enumerate(self.proxies.values()):
            name, content = wheel(f"upload-{number}.0", 20_000_000)
            for _ in range(2):
                status, _, body = proxy.ask("PUT", f"/api/v1/channels/staging/files/{name}", self.admin, content)
                self.assertEqual(status, 200, body)


class FilesByNginx(Proxies):
    """nginx sends the bytes."""

    send_files_by = "x-accel-redirect"


class FilesByApache(Proxies):
    """Apache sends the bytes, and the time on the disk with them."""

    send_files_by = "x-sendfile"
    adds_time = True


def main():
    """Run all tests."""
    global PROGRAM
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--server", required=True, type=pathlib.Path, help="the ferrywheel program")
    PROGRAM = arguments.parse_args().server.resolve()
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    # A test fails once, however many of its cases do.
    bad = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    failed = len(bad)
    print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed", flush=True)
    return 0 if failed == 0 and result.testsRun > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
