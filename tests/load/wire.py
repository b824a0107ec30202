"""One HTTP request, and what a page of an index says."""

import dataclasses
import gzip
import html.parser
import http.client
import json
import re
import urllib.parse

import wheels

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html, text/html;q=0.5"


@dataclasses.dataclass(frozen=True)
class Answer:
    """Status, headers by lowercase name, and the body with its content encoding undone."""

    status: int
    headers: dict
    body: bytes
    sent_bytes: int

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON."""
        return "json" in self.headers.get("content-type", "")


def connect(port: int) -> http.client.HTTPConnection:
    """A connection that `get` may use again and again."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=300)


def get(connection: http.client.HTTPConnection, path: str, headers=None) -> Answer:
    """Answer of a GET."""
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    fields = {name.lower(): value for name, value in response.getheaders()}
    sent = len(body)
    if body and fields.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(response.status, fields, body, sent)


class _Links(html.parser.HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.found.append(dict(attrs).get("href") or "")


def files_of(answer: Answer, page: str) -> dict:
    """Files of a project's page: path on the server and SHA-256, by file name."""
    if answer.is_json:
        links = [(file["url"], file["hashes"].get("sha256")) for file in json.loads(answer.body)["files"]]
    else:
        links = [(link, None) for link in _Links(answer.body.decode()).found]
    files = {}
    for link, digest in links:
        url = urllib.parse.urlsplit(urllib.parse.urljoin(page, link))
        found = re.search(r"sha256=([0-9a-f]{64})", url.fragment)
        files[urllib.parse.unquote(url.path.rsplit("/", 1)[1])] = (url.path, digest or (found and found[1]))
    return files


def projects_of(answer: Answer) -> list:
    """Names that a root page lists, normalized."""
    if answer.is_json:
        return [wheels.normalized(project["name"]) for project in json.loads(answer.body)["projects"]]
    return [link.strip("/").rsplit("/", 1)[-1] for link in _Links(answer.body.decode()).found]
