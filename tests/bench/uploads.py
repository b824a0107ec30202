#!/usr/bin/env python3
"""Uploads per second of 200 small wheels by one client: python3 tests/bench/uploads.py PROGRAM [--count 200] [--size 20000]

Starts PROGRAM (`target/release/ferrywheel`) on a fresh directory and a free port, sends every wheel as the form that twine sends,
one after the other on one connection, and prints the rate, the slowest and the median answer. Standard library only.
"""
import argparse
import base64
import hashlib
import http.client
import io
import os
import pathlib
import re
import statistics
import subprocess
import tempfile
import time
import zipfile

BOUNDARY = "ferrywheel-bench"


def wheel(number: int, size: int) -> tuple[str, bytes]:
    """Name and bytes of a sound wheel of about `size` bytes; each has bytes of its own."""
    stem, info = f"bench_{number}-1.0", f"bench_{number}-1.0.dist-info"
    files = {
        f"bench_{number}/__init__.py": b"",
        f"bench_{number}/noise.bin": hashlib.shake_128(str(number).encode()).digest(size),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: bench-{number}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: bench\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{path},sha256={digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path, data in files.items():
            out.writestr(path, data)
    return f"{stem}-py3-none-any.whl", archive.getvalue()


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def form(number: int, filename: str, data: bytes) -> bytes:
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "filetype": "bdist_wheel",
        "pyversion": "py3",
        "metadata_version": "2.1",
        "name": f"bench-{number}",
        "version": "1.0",
        "sha256_digest": hashlib.sha256(data).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(data, digest_size=32).hexdigest(),
    }
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"\r\n\r\n'
    return "".join(parts).encode() + head.encode() + data + f"\r\n--{BOUNDARY}--\r\n".encode()


def start(program: str, directory: pathlib.Path) -> tuple[subprocess.Popen, str]:
    command = [program, "serve", "--data", str(directory), "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={"FERRYWHEEL_LOG": "warn"})
    for line in server.stderr:
        if found := re.search(r"listening on http://(\S+)", line):
            return server, found.group(1)
    raise SystemExit("the server did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--size", type=int, default=20_000, help="bytes of noise in each wheel")
    options = parser.parse_args()
    bodies = [form(number, *wheel(number, options.size)) for number in range(options.count)]
    with tempfile.TemporaryDirectory() as temporary:
        directory = pathlib.Path(temporary)
        server, address = start(options.program, directory)
        try:
            credentials = base64.b64encode(b"__token__:" + (directory / "admin-token").read_bytes().strip()).decode()
            headers = {
                "Authorization": f"Basic {credentials}",
                "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
            }
            connection = http.client.HTTPConnection(address)
            times = []
            for body in bodies:
                began = time.perf_counter()
                connection.request("POST", "/legacy/", body, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                times.append(time.perf_counter() - began)
                if answer.status != 200:
                    raise SystemExit(f"{answer.status} {answer.reason}: {text}")
        finally:
            server.terminate()
            server.wait()
    total = sum(times)
    print(
        f"{len(times)} wheels of {len(bodies[0])} bytes: {len(times) / total:.0f} uploads/s, "
        f"median {1000 * statistics.median(times):.1f} ms, slowest {1000 * max(times):.1f} ms, "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
