"""The lines that the manual's page on clients shows; tests run these and not their own."""
import html
import pathlib
import re
import urllib.parse

PAGE = pathlib.Path(__file__).resolve().parents[2] / "static" / "manual" / "clients.html"

EXAMPLE = "https://ferrywheel.example"


def names():
    """Identifiers of all blocks, in order."""
    return re.findall(r'<pre id="([a-z-]+)"><code>', PAGE.read_text())


def lines(name, url, token="TOKEN"):
    """A block as a user would write it: with the address of a server and a token of it."""
    found = re.search(rf'<pre id="{name}"><code>(.*?)</code></pre>', PAGE.read_text(), re.DOTALL)
    host = urllib.parse.urlsplit(url).hostname
    text = html.unescape(found[1]).replace(EXAMPLE, url).replace("ferrywheel.example", host)
    return text.replace("TOKEN", token) + "\n"


def variables(name, url, token):
    """A block of variables as a dictionary."""
    return dict(line.split("=", 1) for line in lines(name, url, token).splitlines())
