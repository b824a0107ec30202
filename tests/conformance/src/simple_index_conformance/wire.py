"""HTTP as bytes: one request, one answer, nothing followed, decoded or repeated behind the rule's back."""

from __future__ import annotations

import base64
import gzip
import http.client
import socket
import ssl
import urllib.parse
import zlib
from dataclasses import dataclass, field

TIMEOUT_SECONDS = 30
"""How long an answer may take."""

MAX_BODY = 64 * 1024 * 1024
"""Most bytes that are read of one answer; the root page of the largest public index is smaller."""

REDIRECTS = (301, 302, 303, 307, 308)

TELLING = (
    "content-type",
    "content-encoding",
    "content-length",
    "content-range",
    "etag",
    "vary",
    "cache-control",
    "location",
    "www-authenticate",
    "allow",
)
"""Headers that a message about an answer shows."""


@dataclass
class Response:
    """An answer as it came."""

    method: str
    url: str
    status: int
    reason: str
    headers: list
    body: bytes
    sent: dict = field(default_factory=dict)

    def header(self, name):
        """Value of a header, its lines joined as RFC 9110 5.3 joins them, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def tokens(self, name):
        """The comma separated members of a header in lower case."""
        return {member.strip().lower() for member in (self.header(name) or "").split(",") if member.strip()}

    def directives(self):
        """Cache-Control as names and values (None for a name alone)."""
        found = {}
        for member in self.tokens("cache-control"):
            name, equals, value = member.partition("=")
            found[name.strip()] = value.strip('" ') if equals else None
        return found

    @property
    def media_type(self):
        """Content-Type without parameters, exactly as sent; empty without the header."""
        return (self.header("content-type") or "").partition(";")[0].strip()

    @property
    def is_json(self):
        """Whether this says it is a JSON page."""
        return self.media_type.lower() == JSON

    @property
    def is_html(self):
        """Whether this says it is an HTML page."""
        return self.media_type.lower() in (HTML, TEXT_HTML)

    @property
    def coding(self):
        """Content-Encoding in lower case, `identity` without the header."""
        return (self.header("content-encoding") or "identity").strip().lower()

    def decoded(self):
        """Body without its content coding; None where this machine cannot decode it."""
        if self.coding == "gzip":
            return gzip.decompress(self.body)
        if self.coding == "deflate":
            return zlib.decompress(self.body)
        if self.coding == "zstd":
            return decode_zstd(self.body)
        return self.body if self.coding == "identity" else None

    def readable(self):
        """Body without its content coding, or as it is where that cannot be undone: some servers encode what nobody asked for."""
        try:
            return self.decoded() or self.body
        except (OSError, EOFError, zlib.error):
            return self.body

    def asked(self):
        """The request in one line."""
        headers = "".join(f" [{name}: {value}]" for name, value in self.sent.items())
        return f"{self.method} {self.url}{headers}"

    def describe(self):
        """The answer in one line: status, telling headers, start of the body."""
        headers = "; ".join(f"{name}: {self.header(name)}" for name in TELLING if self.header(name) is not None)
        text = self.body[:160].decode("utf-8", "replace").replace("\n", "\\n")
        return f"{self.status} {self.reason} ({headers}) {text!r}"


JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
TEXT_HTML = "text/html"
PAGE_TYPES = (JSON, HTML, TEXT_HTML)
ANY_PAGE = f"{JSON}, {HTML};q=0.2, text/html;q=0.1"


def decode_zstd(body):
    """Decode Zstandard if the optional package is there, else None."""
    try:
        import zstandard
    except ImportError:
        return None
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


class Http:
    """Connections to servers, one kept open for each; credentials go to one origin only."""

    def __init__(self, credentials=None, origin=None):
        """`credentials` are a name and a password for every request to `origin` (scheme, host and port)."""
        self._open = {}
        self.origin = origin
        self.authorization = basic(*credentials) if credentials else None

    def request(self, method, url, headers=None, body=None):
        """Send one request. A header of None is left out, also one that would be there by default."""
        parts = urllib.parse.urlsplit(url)
        sent = {"Accept-Encoding": "identity", "User-Agent": "simple-index-conformance/1"}
        if self.authorization and origin_of(url) == self.origin:
            sent["Authorization"] = self.authorization
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        key = (parts.scheme, parts.netloc.rpartition("@")[2])
        for attempt in (1, 2):
            connection = self._open.pop(key, None)
            is_used = connection is not None
            connection = connection or connect(parts)
            try:
                answer = self._exchange(connection, method, parts, sent, body)
            except (http.client.RemoteDisconnected, ConnectionError) as error:
                connection.close()
                # A kept connection may have been closed meanwhile; a fresh one has no such excuse.
                if is_used and attempt == 1:
                    continue
                raise AssertionError(f"{method} {url}: the server closed the connection ({error!r})") from error
            except http.client.HTTPException as error:
                connection.close()
                raise AssertionError(f"{method} {url}: what came is not an HTTP answer ({error!r})") from error
            if not answer.will_close:
                self._open[key] = connection
            shown = {name: value for name, value in (headers or {}).items() if value is not None}
            if "Authorization" in shown:
                shown["Authorization"] = "…"
            return Response(method, url, answer.status, answer.reason, answer.getheaders(), answer.kept, shown)
        raise AssertionError("unreachable")

    @staticmethod
    def _exchange(connection, method, parts, sent, body):
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", parts.netloc.rpartition("@")[2])
        for name, value in sent.items():
            for one in value if isinstance(value, list) else [value]:
                connection.putheader(name, one)
        if body is not None or method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        answer = connection.getresponse()
        answer.kept = answer.read(MAX_BODY)
        return answer

    def get(self, url, accept=None, **headers):
        """GET; `accept` and keyword headers (`if_none_match=…`) are sent as they are."""
        return self.request("GET", url, named(accept, headers))

    def head(self, url, accept=None, **headers):
        """HEAD, like `get`."""
        return self.request("HEAD", url, named(accept, headers))

    def follow(self, url, accept=None, method="GET", most=5):
        """Ask and follow up to `most` redirects; the last answer, whatever it is."""
        for _ in range(most):
            response = self.request(method, url, named(accept, {}))
            if response.status not in REDIRECTS or not response.header("location"):
                return response
            url = urllib.parse.urljoin(url, response.header("location"))
        return response

    def content_bytes(self, method, url, accept=None, **headers):
        """Every byte that follows the header section of an answer, read until the server closes: for answers that must have none."""
        parts = urllib.parse.urlsplit(url)
        sent = {"Host": parts.netloc.rpartition("@")[2], "Connection": "close", **named(accept, headers)}
        if self.authorization and origin_of(url) == self.origin:
            sent["Authorization"] = self.authorization
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in sent.items()], "", ""]
        connection = connect(parts)
        connection.connect()
        received = b""
        try:
            connection.sock.sendall("\r\n".join(lines).encode("latin-1"))
            while chunk := connection.sock.recv(65536):
                received += chunk
        except (socket.timeout, ConnectionError):
            pass
        finally:
            connection.close()
        return received.partition(b"\r\n\r\n")[2]


def named(accept, headers):
    """Headers of a request from keyword arguments: `if_none_match` is `If-None-Match`."""
    made = {name.replace("_", "-").title(): value for name, value in headers.items()}
    if accept is not None:
        made["Accept"] = accept
    return made


def connect(parts):
    """A connection that is not open yet. Certificates are those of the machine (`SSL_CERT_FILE` adds one)."""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS, context=context)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)


def basic(user, password):
    """Value of Authorization for the Basic scheme (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def origin_of(url):
    """Scheme, host and port of a URL, the port as a number."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
