"""The upload form that twine and uv send, written part by part so that a rule may bend any of them."""

from __future__ import annotations

import hashlib
import secrets

from .wire import Http, basic, origin_of


def fields_of(dist, **changes):
    """Fields of the form for a distribution, in twine's order; a change of None leaves a field out."""
    content = dist.content
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": dist.name,
        "version": dist.version,
        "filetype": dist.filetype,
        "pyversion": "py3" if dist.filetype == "bdist_wheel" else "source",
        "metadata_version": dist.metadata_version,
        "summary": "Made by a conformance test",
        "md5_digest": hashlib.md5(content).hexdigest(),
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32).hexdigest(),
    }
    if dist.requires_python:
        fields["requires_python"] = dist.requires_python
    fields.update({{"action": ":action"}.get(key, key): value for key, value in changes.items()})
    return [(key, value) for key, value in fields.items() if value is not None]


def encode(fields, filename, content, content_at=None, content_type="application/octet-stream"):
    """Boundary and body of a form; the file is the part number `content_at` (the last one without), `content_type` may be None."""
    boundary = secrets.token_hex(16)
    parts = [(f'form-data; name="{key}"', None, value.encode()) for key, value in fields]
    if filename is not None:
        part = (f'form-data; name="content"; filename="{filename}"', content_type, content)
        parts.insert(len(parts) if content_at is None else content_at, part)
    body = b""
    for disposition, kind, value in parts:
        body += f"--{boundary}\r\nContent-Disposition: {disposition}\r\n".encode()
        body += f"Content-Type: {kind}\r\n".encode() if kind else b""
        body += b"\r\n" + value + b"\r\n"
    return boundary, body + f"--{boundary}--\r\n".encode()


class Uploader:
    """Uploads to one URL with one credential."""

    def __init__(self, url, user, password):
        """`url` is used exactly as given."""
        self.url = url
        self.user, self.password = user, password
        self.http = self.fresh()

    def fresh(self):
        """A connection of its own with the credentials, for uploads at the same time."""
        credentials = (self.user, self.password) if self.password is not None else None
        return Http(credentials, origin_of(self.url))

    def send(self, dist, fields=None, url=None, http=None, authorization="", accept=None, filename=None, **form):
        """Upload a distribution; `fields` replaces the whole form, `authorization` (None for none) the credentials."""
        name = dist.filename if filename is None else filename
        boundary, body = encode(fields_of(dist) if fields is None else fields, name, dist.content, **form)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        if accept:
            headers["Accept"] = accept
        if authorization != "":
            headers["Authorization"] = authorization
        return (http or self.http).request("POST", url or self.url, headers, body)

    def wrong(self):
        """An Authorization that no server accepts."""
        return basic(self.user or "nobody", "wrong-" + secrets.token_hex(8))
