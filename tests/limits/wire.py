"""Requests as bytes, so that a test can stop in the middle of one; and what a server holds."""
import os
import pathlib
import socket
import time
import urllib.parse

BOUNDARY = b"7c3e0e8f6b"


def address(server):
    """Host and port of a server."""
    parts = urllib.parse.urlsplit(server.url)
    return parts.hostname, parts.port


def head(server, target, length, token=None, **more):
    """The head of a request with a body of `length` bytes."""
    lines = [f"{target} HTTP/1.1", "Host: x", f"Authorization: Bearer {token or server.token}", f"Content-Length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def form(server, name, version, filename, content, token=None):
    """An upload form: its head, its text fields, its file, its end."""
    fields = {":action": "file_upload", "name": name, "version": version, "filetype": "bdist_wheel"}
    part = b'--%s\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
    texts = b"".join(part % (BOUNDARY, key.encode(), b"") + value.encode() + b"\r\n" for key, value in fields.items())
    texts += part % (BOUNDARY, b"content", b'; filename="%s"' % filename.encode())
    end = b"\r\n--%s--\r\n" % BOUNDARY
    length = len(texts) + len(content) + len(end)
    content_type = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    return head(server, "POST /legacy/", length, token, Content_Type=content_type), texts, content, end


def connect(server):
    """A connection that gives up after a while."""
    return socket.create_connection(address(server), timeout=60)


def read_answer(connection):
    """Everything that the server says until it closes; a reset counts as closed."""
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except ConnectionError:
        pass
    return said


def pending(server):
    """Half-written files of the server."""
    return sorted(path.name for path in (pathlib.Path(server.data) / "tmp").iterdir())


def blobs(server):
    """Stored files of the server."""
    return sorted(path.name for path in (pathlib.Path(server.data) / "blobs" / "sha256").glob("*/*/*"))


def descriptors(server):
    """How many files the server has open."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def resident_bytes(server):
    """Memory of the server."""
    return int(pathlib.Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def wait_until(claim, seconds):
    """Wait until `claim()` holds; returns how long that took, or fails with what it was last."""
    begin = time.monotonic()
    while not (held := claim()):
        if time.monotonic() - begin > seconds:
            raise AssertionError(f"not after {seconds} s: {claim.__doc__ or claim} ({held})")
        time.sleep(0.02)
    return time.monotonic() - begin
