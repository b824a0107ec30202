"""Pages of an index: HTML and JSON read without judging, and the one view of a file that both give."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Optional

from .names import normalize
from .wire import HTML, JSON, TEXT_HTML

VAST_BYTES = 4_000_000
"""A project list above this size is fetched once in each form, and else only asked for by HEAD."""


@dataclass
class Anchor:
    """One `<a>`: attributes in order, as decoded values (None for a bare attribute), and the tag as written."""

    attributes: list
    written: str
    text: str = ""

    def get(self, name, otherwise=None):
        """The first attribute of that name; a bare one is None, so ask `has` first."""
        return next((value for key, value in self.attributes if key == name), otherwise)

    def has(self, name):
        """Whether the attribute is there at all."""
        return any(key == name for key, _ in self.attributes)


class HtmlPage(HTMLParser):
    """Anchors and meta tags of a page, read as installers read them."""

    def __init__(self, response):
        """Read a whole answer."""
        super().__init__(convert_charrefs=True)
        self.response = response
        self.text = response.readable().decode("utf-8", "replace")
        self.anchors = []
        self.metas = []
        self.base = response.url
        self._open = None
        self._in_body = False
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag, attrs):
        """Keep anchors, meta tags and the base."""
        if tag == "body":
            self._in_body = True
        elif tag == "meta":
            values = dict(attrs)
            self.metas.append((values.get("name"), values.get("content"), not self._in_body))
        elif tag == "base" and dict(attrs).get("href"):
            self.base = urllib.parse.urljoin(self.response.url, dict(attrs)["href"])
        elif tag == "a":
            self._open = Anchor(attrs, self.get_starttag_text())
            self.anchors.append(self._open)

    def handle_endtag(self, tag):
        """An anchor's text ends with it."""
        if tag == "a":
            self._open = None

    def handle_data(self, data):
        """Text inside an anchor is its name."""
        if self._open is not None:
            self._open.text += data

    def meta(self, name):
        """Contents of every meta tag of that name."""
        return [content for key, content, _ in self.metas if key == name]

    def url(self, anchor):
        """Where an anchor points, absolute, with the fragment."""
        return urllib.parse.urljoin(self.base, anchor.get("href") or "")


@dataclass
class File:
    """A file as a page lists it."""

    filename: str
    url: str
    hashes: dict
    requires_python: Optional[str] = None
    is_yanked: bool = False
    yank_reason: Optional[str] = None
    core_metadata: object = None
    provenance: Optional[str] = None
    size: Optional[int] = None
    page: str = ""

    @property
    def is_wheel(self):
        """Whether the name says wheel."""
        return self.filename.endswith(".whl")

    @property
    def has_metadata(self):
        """Whether `.metadata` is announced."""
        return bool(self.core_metadata)


def files_of_html(page):
    """The files of an HTML page."""
    return [file_of_anchor(page, anchor) for anchor in page.anchors if anchor.has("href")]


def file_of_anchor(page, anchor):
    """The file that an anchor lists."""
    url, fragment = urllib.parse.urldefrag(page.url(anchor))
    name, equals, digest = fragment.partition("=")
    metadata = anchor.get("data-core-metadata", anchor.get("data-dist-info-metadata"))
    if metadata and "=" in metadata:
        metadata = dict([metadata.split("=", 1)])
    elif metadata is not None:
        metadata = metadata != "false"
    return File(
        filename=anchor.text.strip(),
        url=url,
        hashes={name: digest} if equals else {},
        requires_python=anchor.get("data-requires-python") or None,
        is_yanked=anchor.has("data-yanked"),
        yank_reason=anchor.get("data-yanked") or None,
        core_metadata=metadata,
        provenance=anchor.get("data-provenance"),
        page=page.response.url,
    )


def files_of_json(url, page):
    """The files of a JSON page; entries that cannot be read are left to the rules of the JSON form."""
    found = []
    for entry in page.get("files") or []:
        if not (isinstance(entry, dict) and isinstance(entry.get("filename"), str) and isinstance(entry.get("url"), str)):
            continue
        yanked = entry.get("yanked")
        metadata = entry.get("core-metadata", entry.get("dist-info-metadata"))
        hashes = entry.get("hashes")
        found.append(
            File(
                filename=entry["filename"],
                url=urllib.parse.urldefrag(urllib.parse.urljoin(url, entry["url"]))[0],
                hashes=hashes if isinstance(hashes, dict) else {},
                requires_python=entry.get("requires-python") or None,
                is_yanked=bool(yanked),
                yank_reason=yanked if isinstance(yanked, str) and yanked else None,
                core_metadata=metadata,
                provenance=entry.get("provenance"),
                size=entry.get("size") if isinstance(entry.get("size"), int) else None,
                page=url,
            )
        )
    return found


@dataclass
class Project:
    """A project of the index, its pages fetched when first asked for."""

    index: "Index"
    name: str
    kept: dict = field(default_factory=dict)

    @property
    def url(self):
        """URL of the project's page."""
        return self.index.project_url(self.name)

    def response(self, accept):
        """Answer for one Accept, kept."""
        if accept not in self.kept:
            self.kept[accept] = self.index.http.follow(self.url, accept)
        return self.kept[accept]

    def forget(self):
        """Ask again next time."""
        self.kept.clear()

    @property
    def json(self):
        """The JSON page as a dictionary, None where the index answers something else."""
        return as_json(self.response(JSON))

    @property
    def html(self):
        """The HTML page, None where the index answers something else."""
        response = self.response(f"{HTML}, {TEXT_HTML};q=0.5")
        if form_of(response) != HTML:
            return None
        if "html page" not in self.kept:
            self.kept["html page"] = HtmlPage(response)
        return self.kept["html page"]

    @property
    def files(self):
        """The files by the JSON page, or by the HTML page where there is no JSON."""
        if self.json is not None:
            return files_of_json(self.response(JSON).url, self.json)
        return files_of_html(self.html) if self.html else []

    def file(self, filename):
        """The file of that name, None if the page does not list it."""
        return next((file for file in self.files if file.filename == filename), None)


def form_of(response):
    """JSON or HTML by the type, or by the first byte where the type is wrong: the rules of negotiation tell that. None for neither."""
    if response.status != 200:
        return None
    if response.is_json or response.is_html:
        return JSON if response.is_json else HTML
    return {b"{": JSON, b"<": HTML}.get(response.readable().lstrip()[:1])


def as_json(response):
    """Body of a JSON page, None for another answer; what is no object is an empty one: the rules of the JSON form tell what is wrong."""
    if form_of(response) != JSON:
        return None
    try:
        page = json.loads(response.readable())
    except ValueError:
        return {}
    return page if isinstance(page, dict) else {}


class Index:
    """The index at one base URL."""

    def __init__(self, http, base):
        """`base` is the URL of the project list; a slash is added."""
        self.http = http
        self.base = base if base.endswith("/") else base + "/"
        self._kept = {}
        self._projects = {}
        self._files = {}

    def project_url(self, name):
        """URL of a project's page, for a name in any spelling that is to be asked for as it is."""
        return self.base + urllib.parse.quote(name, safe="%") + "/"

    def project(self, name):
        """A project by its normalized name."""
        return self._projects.setdefault(name, Project(self, name))

    def root(self, accept):
        """Answer of the project list, kept."""
        if accept not in self._kept:
            self._kept[accept] = self.http.follow(self.base, accept)
        return self._kept[accept]

    def forget(self):
        """Ask again for everything next time."""
        self._kept.clear()
        for project in self._projects.values():
            project.forget()

    @property
    def is_vast(self):
        """Whether the project list is too large to be fetched again and again."""
        return len(self.root(JSON).body) > VAST_BYTES

    @property
    def offers_json(self):
        """Whether the index has JSON pages."""
        return form_of(self.root(JSON)) == JSON

    @property
    def root_json(self):
        """The JSON project list, None where there is none."""
        return as_json(self.root(JSON))

    @property
    def root_html(self):
        """The HTML project list, None where there is none."""
        response = self.root(f"{HTML}, {TEXT_HTML};q=0.5")
        if form_of(response) != HTML:
            return None
        if "html page" not in self._kept:
            self._kept["html page"] = HtmlPage(response)
        return self._kept["html page"]

    def names(self):
        """Normalized names of the project list, in its order."""
        names = []
        if self.root_json is not None:
            entries = self.root_json.get("projects") or []
            names = [entry["name"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
        if not names and self.root_html is not None:
            names = [anchor.text.strip() for anchor in self.root_html.anchors]
        return list(dict.fromkeys(normalize(name) for name in names))

    def fetch(self, url):
        """Answer of a file's URL after redirects, kept."""
        if url not in self._files:
            self._files[url] = self.http.follow(url, "*/*")
        return self._files[url]
