"""Words in which mutations are written: each makes hooks of the good server."""

import re


class Mutation:
    """A name, the hooks, and the ids of the rules that must fail."""

    def __init__(self, name, hooks, rules, uploads=False, closed=False, seeded=False):
        """`hooks` is a pair, a dictionary or a list of these."""
        self.name, self.rules, self.uploads, self.closed = name, rules.split(), uploads, closed
        self.seeded = seeded or not uploads
        self.hooks = {}
        for pair in hooks if isinstance(hooks, list) else [hooks]:
            self.hooks.update([pair] if isinstance(pair, tuple) else pair)


def drop(mapping, *names):
    """A mapping without some names."""
    return {name: value for name, value in mapping.items() if name not in names}


def entry(change):
    """Change every file of a JSON page."""
    return "entry", change


def page(change):
    """Change every JSON page of a project."""
    return "page", change


def root(change):
    """Change the JSON project list."""
    return "root", change


def meta(key, value):
    """Set a key of meta."""
    return lambda found: {**found, "meta": {**found["meta"], key: value}}


def text(change):
    """Change the text of every page: change(text, form)."""
    return "text", change


def html(pattern, replacement):
    """Replace in every HTML page."""
    return "html", lambda found, name: re.sub(pattern, replacement, found)


def form(change):
    """Change the chosen form: change(form, handler)."""
    return "form", change


def files(change):
    """Change the bytes of every file."""
    return "content", change


def answer(change):
    """Change every answer: change(status, headers, body, handler)."""
    return "answer", lambda found, handler: change(*found, handler)


def headers(change):
    """Change the headers of every page that is sent."""
    return answer(lambda s, h, b, r: (s, change(h) if is_page(r) and s in (200, 304) else h, b))


def header(name, value):
    """Set a header of every answer."""
    return answer(lambda s, h, b, r: (s, {**h, name: value}, b))


def status(number):
    """Set the status of every answer."""
    return answer(lambda s, h, b, r: (number, h, b))


def swap(number, found, body):
    """Send another answer."""
    return answer(lambda s, h, b, r: (number, dict(found), body))


def when(*conditions):
    """Apply the last argument, hooks of answers, only where every condition holds for the handler."""
    *tests, (name, change) = conditions
    return name, lambda found, handler: change(found, handler) if all(test(handler) for test in tests) else found


def is_page(handler):
    """A page of the index is asked for."""
    return handler.path.startswith("/simple")


def is_file(handler):
    """A file or its metadata is asked for."""
    return handler.path.startswith("/files/")


def is_metadata(handler):
    """A metadata file is asked for."""
    return is_file(handler) and handler.path.endswith(".metadata")


def is_get(handler):
    """GET."""
    return handler.command == "GET"


def is_part(handler):
    """A range is asked for."""
    return handler.headers.get("Range") is not None
