"""A small index that keeps every rule, and the hooks by which a mutation makes it break one."""

import email.parser
import email.policy
import gzip
import hashlib
import json
import re
import tarfile
import threading
import urllib.parse
import zipfile
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pagemaker
from pagemaker import JSON, TEXT

from simple_index_conformance.dists import metadata_inside, requires_python_of, sdist, wheel
from simple_index_conformance.names import filename_parts, normal_version, normalize
from simple_index_conformance.wire import basic

CREDENTIALS = basic("__token__", "secret")

PROVENANCE = {
    "version": 1,
    "attestation_bundles": [
        {
            "publisher": {"kind": "test", "claims": {}},
            "attestations": [
                {
                    "version": 1,
                    "verification_material": {"certificate": "", "transparency_entries": []},
                    "envelope": {"statement": "", "signature": ""},
                }
            ],
        }
    ],
}


@dataclass
class Stored:
    """A file of the index."""

    filename: str
    content: bytes
    version: str
    metadata: bytes = None
    requires_python: str = None
    yanked: object = None
    provenance: bool = False

    @property
    def sha256(self):
        """Digest of the bytes."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def metadata_sha256(self):
        """Digest of the metadata file."""
        return hashlib.sha256(self.metadata).hexdigest()

    def path(self):
        """Path of the file's URL."""
        return f"/files/{self.sha256[:8]}/{urllib.parse.quote(self.filename)}"

    def url(self, base):
        """URL on the page: relative."""
        return "../.." + self.path()

    def provenance_url(self, base):
        """URL of the provenance: absolute."""
        return base + self.path().replace("/files/", "/provenance/")


@dataclass
class Project:
    """A project of the index."""

    name: str
    files: dict = field(default_factory=dict)
    status: str = None
    serial: int = 0

    def versions(self):
        """Versions in the order of their text, equal ones once."""
        return sorted({normal_version(file.version, strip_zeros=True): file.version for file in self.files.values()}.values())


def stored(dist, **more):
    """What is kept of a distribution: wheels with their metadata, source distributions without."""
    inside = metadata_inside(dist.filename, dist.content)
    return Stored(
        dist.filename,
        dist.content,
        normal_version(dist.version),
        inside if dist.filename.endswith(".whl") else None,
        requires_python_of(inside) if inside else None,
        **more,
    )


class State:
    """Everything that the index has."""

    def __init__(self, hooks, seeded=True):
        """With `hooks`, and projects to look at unless uploads will make them."""
        self.hooks, self.projects, self.serial, self.lock = hooks, {}, 0, threading.Lock()
        for dist, more in SEEDS if seeded else ():
            self.add(normalize(dist.name), stored(dist, **more))
        if seeded:
            self.projects["archived-one"].status = "archived"
            self.projects["deprecated-one"].status = "deprecated"
            self.projects["quarantined-one"] = Project("quarantined-one", status="quarantined", serial=1)

    def add(self, name, file):
        """Store a file."""
        self.serial += 1
        project = self.projects.setdefault(name, Project(name))
        project.files[file.filename] = file
        project.serial = self.serial

    def hook(self, name, value, *more):
        """Let the mutation, if it has this hook, change a value."""
        return self.hooks[name](value, *more) if name in self.hooks else value

    def find(self, path):
        """File and suffix of a decoded path below /files/."""
        for project in self.projects.values():
            for file in project.files.values():
                own = urllib.parse.unquote(file.path())
                if path in (own, own + ".metadata"):
                    return file, path[len(own) :]
        return None, ""


SEEDS = [
    (wheel("plain", "1.0", requires_python=">=3.6,<4", salt="x" * 3000), {}),
    (wheel("plain", "1.1", salt=bytes(range(256)).hex() * 3), {"provenance": True}),
    (sdist("plain", "1.0"), {}),
    (wheel("Local_Name", "1.0+local.1"), {}),
    (wheel("epoch", "1!2.0"), {}),
    (wheel("yanked", "1.0"), {"yanked": "a <reason> & more"}),
    (wheel("yanked", "2.0"), {"yanked": True}),
    (wheel("archived-one", "1.0"), {}),
    (wheel("deprecated-one", "1.0"), {}),
    *[(wheel("many", f"1.{number}"), {}) for number in range(12)],
]


class Handler(BaseHTTPRequestHandler):
    """Answers."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        """Nothing is logged."""

    @property
    def state(self):
        """The index."""
        return self.server.state

    def joined(self, name):
        """All lines of a request header as one, None without."""
        lines = self.headers.get_all(name)
        return ", ".join(lines) if lines else None

    def send_header(self, name, value):
        """Every header but those that a mutation wants away."""
        if not (name == "Date" and "no date" in self.state.hooks):
            super().send_header(name, value)

    def answer(self, status, headers=None, body=b""):
        """Send an answer after the mutation had its turn."""
        status, headers, body = self.state.hook("answer", (status, dict(headers or {}), body), self)
        self.send_response(status)
        if status != 304:
            headers.setdefault("Content-Length", str(len(body)))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if status == 304 and "body of 304" in self.state.hooks:
            self.wfile.write(b"not modified")
        if status != 304 and (self.command != "HEAD" or "body of HEAD" in self.state.hooks):
            self.wfile.write(body)
        self.wfile.flush()

    def fail(self, status, text, **headers):
        """Send a refusal."""
        self.answer(
            status,
            {"Content-Type": "text/plain", **{name.replace("_", "-"): value for name, value in headers.items()}},
            text.encode(),
        )

    def do_GET(self):
        """Pages, files and the other APIs."""
        if "closed" in self.state.hooks and self.headers.get("Authorization") != CREDENTIALS:
            return self.fail(401, "no credentials", WWW_Authenticate='Basic realm="index"')
        path, _, query = self.path.partition("?")
        plain = urllib.parse.unquote(path)
        if plain in ("/simple", "/simple/") or plain.startswith("/simple/"):
            return self.page(path, plain, urllib.parse.parse_qs(query, keep_blank_values=True))
        if plain.startswith("/files/"):
            return self.file(plain)
        if plain.startswith("/pypi/"):
            return self.legacy(plain)
        if plain.startswith("/provenance/"):
            good = re.search(r"json|\*/\*", self.headers.get("Accept", "*/*"))
            kind = {"Content-Type": "application/vnd.pypi.integrity.v1+json"}
            return self.answer(200, kind, json.dumps(PROVENANCE).encode()) if good else self.fail(406, "JSON only")
        return self.fail(405, "uploads only", Allow="POST") if plain.startswith("/upload") else self.fail(404, "nothing here")

    do_HEAD = do_GET

    def do_PATCH(self):
        """No resource has it."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.fail(405, "GET only", Allow="GET, HEAD")

    def page(self, path, plain, query):
        """A page of the index."""
        if not plain.endswith("/"):
            return self.answer(301, {"Location": path + "/" + (f"?{self.path.partition('?')[2]}" if query else "")})
        name = plain[len("/simple/") : -1]
        if name and not re.fullmatch(r"[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", name):
            return self.fail(404, "not a name")
        if name and name != normalize(name) and normalize(name) in self.state.projects:
            return self.answer(301, {"Location": f"/simple/{normalize(name)}/"})
        if name and name not in self.state.projects:
            return self.fail(404, "no such project")
        form = pagemaker.choose_form(self.joined("Accept"))
        if "format" in query:
            form = query["format"][0].replace(" ", "+")
            form = pagemaker.LATEST.get(form, form)
        form = self.state.hook("form", form, self)
        if form not in pagemaker.OFFERS:
            return self.fail(406, "no such form")
        self.send_page(form, self.render(name, form), name)

    def render(self, name, form):
        """Bytes of a page."""
        state, base = self.state, "http://" + self.headers["Host"]
        if not name:
            names = state.hook("names", sorted(state.projects))
            page = state.hook("root", pagemaker.root_json(names, state.serial))
            text = json.dumps(page) if form == JSON else state.hook("html", pagemaker.root_html(names, state.serial), "")
        else:
            project = state.projects[name]
            entries = [pagemaker.file_json(file, base) for file in project.files.values()]
            if form == JSON:
                page = pagemaker.project_json(project, [state.hook("entry", entry) for entry in entries], project.serial)
                text = json.dumps(state.hook("page", page))
            else:
                text = state.hook("html", pagemaker.project_html(project, entries, project.serial), name)
        return state.hook("text", text, form).encode()

    def send_page(self, form, body, name):
        """A page with validators, in the coding that is accepted."""
        serial = self.state.projects[name].serial if name else self.state.serial
        headers = {
            "Content-Type": form + ("; charset=utf-8" if form == TEXT else ""),
            "Vary": "Accept, Accept-Encoding",
            "Cache-Control": "no-cache",
            "X-PyPI-Last-Serial": str(serial),
        }
        coding = "gzip" if pagemaker.accepts_coding(self.joined("Accept-Encoding"), "gzip") else "identity"
        coding = self.state.hook("coding", coding, self)
        etag = hashlib.sha256(form.encode() + coding.encode() + body).hexdigest()[:16]
        if coding == "gzip":
            headers["Content-Encoding"], body = "gzip", gzip.compress(body, mtime=0)
        self.conditional({**headers, "ETag": f'"{etag}"'}, body)

    def conditional(self, headers, body):
        """Answer 200, 206, 304, 412 or 416 as the conditions want."""
        tag = headers["ETag"]
        known, match = self.joined("If-None-Match"), self.joined("If-Match")
        if match is not None and not listed(match, tag, strong=True):
            return self.fail(412, "another version")
        if known is not None and listed(known, tag):
            kept = {name: headers.get(name) for name in ("ETag", "Vary", "Cache-Control", "X-PyPI-Last-Serial")}
            return self.answer(304, kept)
        ranged = self.headers.get("Range") if self.command == "GET" and "Accept-Ranges" in headers else None
        same = "ignores If-Range" in self.state.hooks or self.headers.get("If-Range", tag) == tag
        if ranged and same:
            part = self.state.hook("range", byte_range(ranged, len(body)), len(body))
            if part == "beyond":
                return self.answer(416, {"Content-Range": f"bytes */{len(body)}"})
            if part:
                told = f"bytes {part[0]}-{part[1] - 1}/{len(body)}"
                return self.answer(206, {**headers, "Content-Range": told}, body[slice(*part)])
        return self.answer(200, headers, body)

    def file(self, plain):
        """A file or its metadata."""
        file, suffix = self.state.find(plain)
        if file is None or suffix and file.metadata is None:
            return self.fail(404, "no such file")
        body = self.state.hook("metadata", file.metadata) if suffix else self.state.hook("content", file.content)
        digest = hashlib.sha256(body).hexdigest()
        self.conditional(
            {
                "Content-Type": "application/octet-stream",
                "ETag": f'"{digest}"',
                "Accept-Ranges": "bytes",
                "Cache-Control": "public, max-age=31536000, immutable",
            },
            body,
        )

    def legacy(self, plain):
        """The legacy JSON API."""
        _, _, name, *version, _ = plain.split("/") + ([""] if plain.endswith("/") else [])
        project = self.state.projects.get(name)
        if project is None or not project.files or version and version[0] not in project.versions():
            return self.fail(404, "no such release")
        body = pagemaker.legacy_json(project, "http://" + self.headers["Host"], *version)
        self.answer(200, {"Content-Type": "application/json"}, self.state.hook("legacy", body))

    def do_POST(self):
        """An upload."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.rstrip("/") != "/upload":
            return self.fail(405, "GET only", Allow="GET, HEAD")
        if "redirects" in self.state.hooks and self.path.endswith("/"):
            return self.answer(307, {"Location": "/upload"})
        if self.headers.get("Authorization") != CREDENTIALS and "open" not in self.state.hooks:
            return self.fail(401, "no credentials", WWW_Authenticate='Basic realm="index"')
        head = b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n"
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        refusal, name, file = self.judge(form)
        if refusal is None and self.state.projects.get(name, Project(name)).status in ("archived", "quarantined"):
            refusal = 403, "the project takes no files"
        refusal = self.state.hook("refusal", refusal, name, file)
        if refusal:
            if "lists refused" in self.state.hooks:
                self.state.projects[name] = Project(name)
            return self.fail(*refusal)
        with self.state.lock:
            known = self.state.projects.get(name, Project(name)).files.get(file.filename)
            differs = known and known.content != file.content
            if known and "conflicts" in self.state.hooks or differs and "overwrites" not in self.state.hooks:
                return self.fail(400, "File already exists")
            if not known or known.content != file.content:
                self.state.add(name, file)
        return self.answer(200, {"Content-Type": "text/plain"}, b"stored")

    def judge(self, form):
        """A refusal (status and text) or None, the project's name and the file."""
        fields, content, filename = {}, None, None
        for part in form.iter_parts():
            name, payload = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
            if name == "content":
                content, filename = payload, part.get_filename() or ""
            else:
                fields[name] = payload.decode()
        refusal, name, file = judge(fields, content, filename, compares="no digests" not in self.state.hooks)
        if file and "form decides" in self.state.hooks:
            file.requires_python = fields.get("requires_python")
        if file and "attests" in self.state.hooks:
            file.provenance = True
        if file and "metadata of sdists" in self.state.hooks and refusal is None:
            file.metadata = metadata_inside(filename, content)
        return refusal, name, file


def judge(fields, content, filename, compares=True):
    """A refusal (status and text) or None, the project's name and the file of a form."""
    if content is None or fields.get(":action") != "file_upload" or fields.get("protocol_version", "1") != "1":
        return (400, "not a form for uploads"), None, None
    made = {
        "sha256_digest": hashlib.sha256(content),
        "md5_digest": hashlib.md5(content),
        "blake2_256_digest": hashlib.blake2b(content, digest_size=32),
    }
    if compares and any(fields.get(key, one.hexdigest()).lower() != one.hexdigest() for key, one in made.items()):
        return (400, "a digest differs"), normalize(fields.get("name", "")), None
    name = normalize(fields.get("name", ""))
    parts = filename_parts(filename, name)
    if (
        "/" in filename
        or not filename.endswith((".whl", ".tar.gz"))
        or not parts
        or parts[0] != name
        or fields.get("filetype") not in ("bdist_wheel", "sdist")
    ):
        return (400, "a bad file name"), name, None
    try:
        inside = metadata_inside(filename, content)
    except (OSError, EOFError, zlib.error, ValueError, zipfile.BadZipFile, tarfile.TarError):
        return (400, "not an archive"), name, Stored(filename, content, parts[1])
    found = dict(re.findall(rb"^([A-Za-z-]+): (.*)$", inside or b"", re.MULTILINE))
    file = Stored(
        filename,
        content,
        normal_version(parts[1]),
        inside if filename.endswith(".whl") else None,
        requires_python_of(inside or b""),
    )
    same = (
        normal_version(found.get(b"Version", b"").decode())
        == normal_version(parts[1])
        == normal_version(fields.get("version", ""))
    )
    if normalize(found.get(b"Name", b"").decode()) != name or not same:
        return (400, "the metadata is of something else"), name, file
    if b" @ " in inside:
        return (400, "a direct reference"), name, file
    if "attestations" in fields:
        return (400, "bad attestations"), name, file
    return None, name, file


def listed(header, tag, strong=False):
    """Whether a list of tags names this one."""
    names = [one.strip() for one in header.split(",")]
    return "*" in names or tag in names or not strong and "W/" + tag in names


def byte_range(header, size):
    """(start, end) of one range, `beyond` for one that cannot be satisfied, None for one to ignore."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if not found or found[1] == found[2] == "":
        return None
    if not found[1]:
        length = int(found[2])
        return (max(0, size - length), size) if length else "beyond"
    first, last = int(found[1]), int(found[2] or size - 1)
    if found[2] and last < first:
        return None
    return (first, min(last + 1, size)) if first < size else "beyond"


class Running:
    """The server on a free port, for a `with` statement."""

    def __init__(self, hooks=None, seeded=True):
        """With the hooks of a mutation."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.state = State(hooks or {}, seeded)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        """Serve in a thread."""
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        """Stop."""
        self.server.shutdown()
        self.server.server_close()
