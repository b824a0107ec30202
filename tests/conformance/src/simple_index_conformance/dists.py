"""Wheels and source distributions, made in memory with the standard library."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from dataclasses import dataclass

from .names import normal_version, normalize

TIME = (2024, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Dist:
    """A distribution to upload: what it is and its bytes."""

    name: str
    version: str
    filename: str
    metadata: bytes
    content: bytes
    filetype: str
    requires_python: str = ""
    metadata_version: str = "2.1"

    @property
    def project(self):
        """Normalized name."""
        return normalize(self.name)

    @property
    def sha256(self):
        """Digest of the bytes, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


def core_metadata(name, version, metadata_version="2.1", requires_python="", lines=(), summary="Made by a conformance test"):
    """Text of METADATA or PKG-INFO. Without a summary it has the three required fields only."""
    head = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    head += [f"Summary: {summary}"] if summary else []
    head += [f"Requires-Python: {requires_python}"] if requires_python else []
    return ("\n".join([*head, *lines]) + "\n").encode()


def wheel(name, version, salt="", metadata_version="2.1", requires_python="", lines=(), summary="Made by a conformance test"):
    """A pure wheel with a complete RECORD; another `salt` gives other bytes under the same file name."""
    module = re.sub(r"[-_.]+", "_", name).lower()
    stem = f"{module}-{normal_version(version)}"
    metadata = core_metadata(name, version, metadata_version, requires_python, lines, summary)
    members = {
        f"{module}.py": f"SALT = {salt!r}\n".encode(),
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: conformance\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for path, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(content)])
    writer.writerow([f"{stem}.dist-info/RECORD", "", ""])
    members[f"{stem}.dist-info/RECORD"] = rows.getvalue().encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in members.items():
            entry = zipfile.ZipInfo(path, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)
    return Dist(
        name, version, f"{stem}-py3-none-any.whl", metadata, packed.getvalue(), "bdist_wheel", requires_python, metadata_version
    )


def sdist(name, version, salt="", metadata_version="2.2", requires_python="", lines=()):
    """A source distribution with PKG-INFO and a pyproject.toml."""
    stem = f"{re.sub(r'[-_.]+', '_', name).lower()}-{normal_version(version)}"
    metadata = core_metadata(name, version, metadata_version, requires_python, lines)
    members = {"PKG-INFO": metadata, "pyproject.toml": b"[build-system]\nrequires = []\n", "module.py": f"{salt!r}\n".encode()}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, content in members.items():
            entry = tarfile.TarInfo(f"{stem}/{path}")
            entry.size, entry.mtime, entry.mode = len(content), 1704067200, 0o644
            archive.addfile(entry, io.BytesIO(content))
    content = gzip.compress(packed.getvalue(), mtime=0)
    return Dist(name, version, f"{stem}.tar.gz", metadata, content, "sdist", requires_python, metadata_version)


def metadata_inside(filename, content):
    """Bytes of METADATA of a wheel, or of PKG-INFO of a source distribution; None where there is none."""
    if filename.endswith(".whl"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner = [path for path in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", path)]
            return archive.read(inner[0]) if inner else None
    if filename.endswith((".tar.gz", ".tgz")):
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for entry in archive:
                if re.fullmatch(r"[^/]+/PKG-INFO", entry.name):
                    return archive.extractfile(entry).read()
    return None


def requires_python_of(metadata):
    """Requires-Python of a METADATA file, None without."""
    head = metadata.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")[0]
    found = re.search(r"^Requires-Python:[ \t]*(.*)$", head, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() or None if found else None
