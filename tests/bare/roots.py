"""Debian roots with nothing but Python in them, made by debootstrap and kept below `tests/.cache`."""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys

CACHE = pathlib.Path(__file__).resolve().parent.parent / ".cache" / "bare"

#: Python's packages that a host without pip and compiler has; `python3` brings the whole standard library.
OPTIONS = ("--variant=minbase", "--include=python3")

#: Left out of the kept root: only what installing left behind, which no started program looks at.
LEFTOVERS = ("./var/cache/apt", "./var/lib/apt/lists", "./usr/share/doc", "./usr/share/locale", "./usr/share/man")

NEEDED = {"debootstrap": "debootstrap", "unshare": "util-linux", "mount": "mount", "tar": "tar"}


class NoRoot(Exception):
    """A root could not be made; the text says why."""


def find_hindrances():
    """Why this machine cannot run the suite, as sentences; empty if it can."""
    if os.geteuid() != 0:
        return ["debootstrap, chroot and unshare need root, and this is user id %d; run it as root." % os.geteuid()]
    missing = sorted(package for program, package in NEEDED.items() if not shutil.which(program))
    if missing:
        return ["these Debian packages are missing: %s; install them with apt-get." % " ".join(missing)]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        return ["%s has no pip to fetch wheels with; start the suite with a Python that has." % sys.executable]
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    if probe.returncode:
        return ["namespaces cannot be made here: %s" % probe.stderr.strip()]
    return []


def find_mirror(configuration=pathlib.Path("/etc/apt")):
    """URL of the Debian mirror that this machine's own apt uses for its main component.

    Reads both forms of apt's sources, `.list` lines and deb822 stanzas. Security and update suites are passed over.
    """
    files = [configuration / "sources.list", *sorted((configuration / "sources.list.d").glob("*"))]
    for file in files:
        text = file.read_text() if file.is_file() else ""
        entries = _read_stanzas(text) if file.suffix == ".sources" else _read_lines(text)
        for uri, suites, components in entries:
            if "main" in components and "debian" in uri and any(re.fullmatch(r"[a-z]+", suite) for suite in suites):
                return uri
    raise NoRoot("no Debian mirror in %s; debootstrap needs one." % configuration)


def _read_lines(text):
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.+)", line)
        if found:
            yield found.group(1), [found.group(2)], found.group(3).split()


def _read_stanzas(text):
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(\w[\w-]*):[ \t]*(.*)$", stanza, re.MULTILINE))
        if "deb" in fields.get("Types", "").split():
            for uri in fields.get("URIs", "").split():
                yield uri, fields.get("Suites", "").split(), fields.get("Components", "").split()


def make_root(suite, place):
    """Unpack a root of this Debian suite into `place`, from the kept archive or, the first time, from the mirror."""
    key = hashlib.sha256(repr((suite, OPTIONS, LEFTOVERS)).encode()).hexdigest()[:12]
    archive = CACHE / ("root-%s-%s.tar" % (suite, key))
    if not archive.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _bootstrap(suite, pathlib.Path(str(place) + ".new"), archive)
    place.mkdir()
    subprocess.run(["tar", "-x", "--numeric-owner", "-p", "-f", archive, "-C", place], check=True)


def _bootstrap(suite, scratch, archive):
    command = ["debootstrap", *OPTIONS, suite, str(scratch), find_mirror()]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        raise NoRoot("debootstrap failed:\n" + "\n".join(result.stdout.splitlines()[-15:]))
    part = archive.with_suffix(".part")
    excluded = ["--exclude=" + leftover + "/*" for leftover in LEFTOVERS]
    subprocess.run(["tar", "-c", "--numeric-owner", *excluded, "-f", part, "-C", scratch, "."], check=True)
    part.rename(archive)
    shutil.rmtree(scratch)
