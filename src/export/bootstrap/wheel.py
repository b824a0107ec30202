"""Spread wheels into an environment as the binary distribution format and "recording installed projects" demand.

A wheel whose files are not all listed in its RECORD with the right hash is refused.
"""

import base64
import csv
import hashlib
import io
import os
import re
import sys

from . import MARKER_NAME, STATE_NAME, trust

INSTALLER = b"ferrywheel\n"
LONGEST_SHEBANG = 127
#: Files that a wheel may not bring: they say how a project was installed, and we are the installer.
INSTALLER_FILES = ("INSTALLER", "REQUESTED", "direct_url.json")
SIGNATURES = ("RECORD.jws", "RECORD.p7s")
#: Names at the top of an environment that belong to it and not to any wheel.
RESERVED = (STATE_NAME, MARKER_NAME, "pyvenv.cfg", "lib64")
RESERVED_SCRIPTS = re.compile(r"(python|pypy)[\d.]*$")
RELOCATABLE = b'#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")/python" "$0" "$@"\n\' \'\'\'\n'

WRAPPER = """\
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({attribute}())
"""
_ENTRY_VALUE = re.compile(r"\s*([\w.]+)\s*:\s*([\w.]+)\s*(\[.*\])?\s*$")
_SCRIPT_NAME = re.compile(r"[\w.-]+$")


class Tree:
    """A new environment that is being filled: where, for which final path, and what was written."""

    def __init__(self, folder, final_path, is_relocatable=False):
        self.folder = folder
        self.files = {}
        self._folders = set()
        version = "python%d.%d" % sys.version_info[:2]
        if sys.implementation.name == "pypy":
            version = "pypy%d.%d" % sys.version_info[:2]
        self.lib = "lib/%s%s" % (version, "t" if "t" in getattr(sys, "abiflags", "") else "")
        self.site = self.lib + "/site-packages"
        self.headers = "include/site/" + version
        python = os.path.join(final_path, "bin", "python")
        is_plain = re.match(r"[\w./+@:,-]+$", python) and len(os.fsencode(python)) + 2 <= LONGEST_SHEBANG
        # Written so that a folder with blanks, quotes or a long path needs no quoting: the path is not in the text.
        self.shebang = RELOCATABLE if is_relocatable or not is_plain else b"#!" + os.fsencode(python) + b"\n"

    def write(self, path, chunks, is_executable=False):
        """Write one file and return (sha256 digest, size); a file of an earlier wheel at that path is replaced."""
        target = os.path.join(self.folder, path)
        parent = os.path.dirname(target)
        if parent not in self._folders:
            os.makedirs(parent, 0o755, exist_ok=True)
            self._folders.add(parent)
        if path in self.files:
            os.unlink(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(target, flags, 0o755 if is_executable else 0o644)
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                while chunk:
                    chunk = chunk[os.write(descriptor, chunk) :]
        finally:
            os.close(descriptor)
        self.files[path] = (digest.hexdigest(), size, is_executable)
        return digest.digest(), size

    def write_script(self, name, body):
        """Write a Python script to `bin` that runs with the environment's interpreter."""
        return self.write("bin/" + name, [self.shebang + body], True)


class Installation:
    """One wheel on its way into a `Tree`."""

    def __init__(self, tree, source, filename, scripts):
        self.tree = tree
        self.source = source
        self.scripts = scripts
        found = {
            name.split("/")[0] for name in source.entries if "/" in name and name.split("/")[0].endswith(".dist-info")
        }
        if len(found) != 1:
            raise trust.damaged(filename, "it must have exactly one .dist-info folder.")
        self.info = found.pop()
        self.data = self.info[: -len(".dist-info")] + ".data/"
        self.project = filename.split("-")[0]
        self.filename = filename
        self.rows = []

    def run(self):
        """Install everything and write the RECORD."""
        self._check_wheel_version()
        listed = self._read_record()
        for entry in self.source.entries.values():
            self._install(entry, listed)
        for name, value in self.scripts:
            self._write_wrapper(name, value)
        self._add(self.info + "/INSTALLER", INSTALLER)
        self._write_record()

    def _check_wheel_version(self):
        text = self.source.read(self.info + "/WHEEL").decode("utf-8", "replace")
        version = re.search(r"^Wheel-Version:\s*(\d+)", text, re.M)
        if not version or int(version.group(1)) != 1:
            raise trust.damaged(self.filename, "its Wheel-Version is not 1; a newer Ferrywheel is needed.")

    def _read_record(self):
        text = self.source.read(self.info + "/RECORD").decode("utf-8", "replace")
        return {row[0]: row[1] for row in csv.reader(io.StringIO(text, newline="")) if len(row) >= 2}

    def _install(self, entry, listed):
        name = entry.name
        top, _, rest = name.partition("/")
        if top == self.info and (rest == "RECORD" or rest in SIGNATURES or rest in INSTALLER_FILES):
            return
        algorithm, _, expected = listed.get(name, "").partition("=")
        if algorithm not in ("sha256", "sha384", "sha512"):
            raise trust.damaged(self.filename, "its RECORD has no usable hash of %s." % name)
        target, is_script = self._route(name)
        if target is None:
            return
        own = None if algorithm == "sha256" else hashlib.new(algorithm)
        chunks = self.source.chunks(entry)
        if is_script:
            head = b"".join(chunks)
            digest = hashlib.new(algorithm, head).digest()
            written = self._write_data_script(target, head)
        else:
            written = self.tree.write(target, chunks if own is None else _observed(chunks, own), entry.is_executable)
            digest = written[0] if own is None else own.digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=") != expected.rstrip("=").encode():
            raise trust.damaged(self.filename, "%s has another hash than its RECORD says." % name)
        self._record(target, *written)

    def _write_data_script(self, target, content):
        first, newline, rest = content.partition(b"\n")
        if not first.startswith(b"#!python"):
            return self.tree.write(target, [content], True)
        return self.tree.write(target, [self.tree.shebang + rest], True)

    def _route(self, name):
        """Where a wheel's file goes in the environment, and whether it is a script; (None, False) skips it."""
        if not name.startswith(self.data):
            return self.tree.site + "/" + name, False
        scheme, _, rest = name[len(self.data) :].partition("/")
        if scheme in ("purelib", "platlib") and rest:
            return self.tree.site + "/" + rest, False
        if scheme == "headers" and rest:
            return "%s/%s/%s" % (self.tree.headers, self.project, rest), False
        if scheme == "scripts" and rest and "/" not in rest and not RESERVED_SCRIPTS.match(rest):
            return (None, False) if self._is_leftover(rest) else ("bin/" + rest, True)
        is_reserved = rest.split("/")[0] in RESERVED or (rest.startswith("bin/") and RESERVED_SCRIPTS.match(rest[4:]))
        if scheme == "data" and rest and not is_reserved:
            return rest, False
        raise trust.damaged(self.filename, "%s has no place in an environment." % name)

    def _is_leftover(self, script):
        # setuptools once shipped launchers beside the entry point that they launch.
        names = {name + ending for name, _ in self.scripts for ending in ("", ".exe", "-script.py", ".pya")}
        return script in names

    def _write_wrapper(self, name, value):
        found = _ENTRY_VALUE.match(value)
        if not found or not _SCRIPT_NAME.match(name) or RESERVED_SCRIPTS.match(name):
            raise trust.damaged(self.filename, "its console script %r = %r cannot be made." % (name, value))
        module, attribute = found.group(1), found.group(2)
        body = WRAPPER.format(module=module, first=attribute.split(".")[0], attribute=attribute)
        self._record("bin/" + name, *self.tree.write_script(name, body.encode()))

    def _add(self, name, content):
        self._record(self.tree.site + "/" + name, *self.tree.write(self.tree.site + "/" + name, [content]))

    def _record(self, path, digest, size):
        text = "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        inside = self.tree.site + "/"
        name = path[len(inside) :] if path.startswith(inside) else "../" * inside.count("/") + path
        self.rows.append((name, text, str(size)))

    def _write_record(self):
        name = self.info + "/RECORD"
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(self.rows + [(name, "", "")])
        self.tree.write(self.tree.site + "/" + name, [text.getvalue().encode("utf-8")])


def _observed(chunks, digest):
    for chunk in chunks:
        digest.update(chunk)
        yield chunk


def install(tree, bundle_zip, distribution, wheel, scripts):
    """Check one wheel's SHA-256 against the manifest and install it into `tree`."""
    name = "wheels/" + wheel.filename
    if bundle_zip.sha256(name) != wheel.sha256:
        raise trust.damaged(
            bundle_zip.title, "%s has another SHA-256 than the manifest says. Fetch the file again." % wheel.filename
        )
    own = [(script, value) for script, value, owner in scripts if normalized(owner) == normalized(distribution.name)]
    Installation(tree, bundle_zip.inner(name), wheel.filename, own).run()


def normalized(name):
    """Project name as the specification compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def check_archive(bundle_zip, manifest, wheels, bundle):
    """Raise exit 66 unless the bootstrap, the texts and the given wheels in the archive are what the manifest says."""
    if bundle_zip.read("FERRYWHEEL.json") != bundle.manifest_bytes:
        raise trust.damaged(bundle.title, "it was replaced while it was being read. Start it again.")
    digest = hashlib.sha256()
    for name in bundle_zip.entries:
        if name == "__main__.py" or name.startswith("_bootstrap/"):
            content = bundle_zip.read(name)
            digest.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
    if digest.hexdigest() != manifest.bootstrap_sha256:
        raise trust.damaged(
            bundle.title, "its bootstrap has another SHA-256 than the manifest says. Fetch the file again."
        )
    digests = dict(manifest.texts)
    digests.update(("wheels/" + wheel.filename, wheel.sha256) for wheel in wheels)
    for name in sorted(digests):
        if bundle_zip.sha256(name) != digests[name]:
            raise trust.damaged(
                bundle.title, "%s has another SHA-256 than the manifest says. Fetch the file again." % name
            )
