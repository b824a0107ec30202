"""A reverse proxy that writes down what a client asks and gets, on plain http or https, below a path prefix or none."""
import collections
import dataclasses
import http.client
import http.server
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.parse

PIECE_BYTES = 1 << 16
"""How much is passed on at a time."""

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "proxy-connection"}
"""Headers that are about one connection and not about the request (RFC 9110 section 7.6.1)."""

SET_ANEW = HOP_BY_HOP | {"content-length"}
"""Headers of a request that the new request gets for itself."""


@dataclasses.dataclass
class Exchange:
    """One request and what it got; `body_bytes` counts what was sent to the client without its head."""

    method: str
    path: str
    asked: dict
    status: int = 0
    answered: dict = dataclasses.field(default_factory=dict)
    body_bytes: int = 0


class Listener(http.server.ThreadingHTTPServer):
    """Clients that hang up in the middle of something are nothing to report."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Report what is not the client's own going away."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)


class Recorder:
    """In front of `upstream`; a context manager.

    `prefix` stands before every path and is taken away. `accept` replaces what the client says it reads, so that the
    newest client can be given an HTML page. `certificate` is the pair of files that makes it https.
    """

    def __init__(self, upstream=None, prefix="", accept=None, certificate=None):
        """Listen on a free port of loopback."""
        self.upstream, self.prefix, self.accept = upstream, prefix, accept
        self.exchanges = []
        self._refusals = collections.deque()
        self._server = Listener(("127.0.0.1", 0), type("Bound", (Handler,), {"recorder": self}))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            # The handshake belongs into the connection's own thread.
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.scheme = "https" if certificate else "http"
        self.url = f"{self.scheme}://127.0.0.1:{self._server.server_port}{prefix}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        """Start to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_):
        """Stop to answer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def refuse_next(self, status, headers, ending="", count=1):
        """Answer the next `count` requests whose path ends so with this status instead of passing them on."""
        self._refusals.extend([(status, headers, ending)] * count)

    def refusal(self, path):
        """The refusal that is due for a path, if there is one."""
        if self._refusals and path.endswith(self._refusals[0][2]):
            return self._refusals.popleft()
        return None

    def forget(self):
        """Start a new list of exchanges; returns the old one."""
        old, self.exchanges = self.exchanges, []
        return old

    def asked(self, *endings):
        """Paths that were asked for, in order; with endings, only those that end so."""
        return [one.path for one in self.exchanges if not endings or one.path.endswith(endings)]


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    recorder = None
    _upstream = None

    def log_message(self, *_):
        """Say nothing: the exchanges are the log."""

    def setup(self):
        """Take small writes as they come; a delayed one would cost a client 40 ms."""
        self.disable_nagle_algorithm = True
        super().setup()

    def finish(self):
        """Close the other side too."""
        if self._upstream:
            self._upstream.close()
        super().finish()

    def _pass_on(self):
        path = self.path
        exchange = Exchange(self.command, path, {name.lower(): value for name, value in self.headers.items()})
        self.recorder.exchanges.append(exchange)
        body = self._read_body()
        refusal = self.recorder.refusal(urllib.parse.urlsplit(path).path)
        if refusal:
            self._answer_short(exchange, refusal[0], refusal[1])
        elif not path.startswith(self.recorder.prefix + "/"):
            self._answer_short(exchange, 404, {})
        else:
            self._fetch(exchange, path[len(self.recorder.prefix):], body)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _pass_on

    def _read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return body
        length = int(self.headers.get("Content-Length", 0))
        return self.rfile.read(length) if length else None

    def _answer_short(self, exchange, status, headers):
        exchange.status = status
        self.send_response(status)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _fetch(self, exchange, path, body):
        target = urllib.parse.urlsplit(self.recorder.upstream)
        if not self._upstream:
            self._upstream = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in SET_ANEW}
        if self.recorder.accept and "/simple/" in path:
            headers = {name: value for name, value in headers.items() if name.lower() != "accept"}
            headers["Accept"] = self.recorder.accept
        self._upstream.request(self.command, path, body, headers)
        answer = self._upstream.getresponse()
        exchange.status = answer.status
        exchange.answered = {name.lower(): value for name, value in answer.getheaders()}
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        has_length = answer.getheader("Content-Length") is not None
        if not has_length and answer.status not in (204, 304) and self.command != "HEAD":
            self.send_header("Connection", "close")
        self.end_headers()
        while piece := answer.read(PIECE_BYTES):
            exchange.body_bytes += len(piece)
            self.wfile.write(piece)
        if answer.will_close:
            self._upstream.close()


def make_certificate(folder):
    """A throw-away authority and a certificate for 127.0.0.1, made by openssl: (authority, (certificate, key))."""
    folder = pathlib.Path(folder)
    authority, key = folder / "authority.pem", folder / "authority.key"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    (folder / "leaf.ext").write_text(
        "subjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:FALSE\nextendedKeyUsage = serverAuth\n"
        "authorityKeyIdentifier = keyid\nsubjectKeyIdentifier = hash\n"
    )
    _openssl(
        "req", "-x509", *curve, "-subj", "/CN=Throw-away authority", "-keyout", key, "-out", authority,
        "-addext", "keyUsage = critical, keyCertSign, cRLSign",
    )
    _openssl("req", *curve[:-2], "-subj", "/CN=127.0.0.1", "-keyout", folder / "leaf.key", "-out", folder / "leaf.csr")
    _openssl(
        "x509", "-req", "-in", folder / "leaf.csr", "-CA", authority, "-CAkey", key, "-CAcreateserial", "-days", "2",
        "-extfile", folder / "leaf.ext", "-out", folder / "leaf.pem",
    )
    return authority, (folder / "leaf.pem", folder / "leaf.key")


def _openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise AssertionError(f"openssl {words[0]} ended with {done.returncode}:\n{done.stdout}")


def throw_away_certificate():
    """The same, made once for a run of the suite."""
    if not hasattr(throw_away_certificate, "made"):
        throw_away_certificate.scratch = tempfile.TemporaryDirectory(prefix="ferrywheel-tls-")
        throw_away_certificate.made = make_certificate(throw_away_certificate.scratch.name)
    return throw_away_certificate.made
