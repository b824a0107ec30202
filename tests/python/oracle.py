"""Make wheels and bundles by the letter of the format, independently of the server that makes them for people."""

import base64
import csv
import hashlib
import io
import json
import os
import stat
import struct
import zipfile
import zlib

BOOTSTRAP = os.path.join(os.path.dirname(__file__), "..", "..", "src", "export", "bootstrap")
PREFIX = b"#!/usr/bin/env python3\n"
TEXTS = (("pylock.toml", b'lock-version = "1.0"\n'), ("README.txt", b"A bundle.\n"))
TARGET = {
    "name": "any",
    "implementation": "cpython",
    "python": "3.11",
    "python_full_version": "3.11.2",
    "abi": "cp311",
    "platform": "manylinux_2_17_x86_64",
    "arch": "x86_64",
    "libc": "glibc",
    "libc_version": "2.17",
}


class Wheel:
    """A wheel with the given files; METADATA, WHEEL and RECORD are added."""

    def __init__(self, name="demo", version="1.0", files=None, tag="py3-none-any", console_scripts=None, **rest):
        self.name = name
        self.version = version
        self.filename = "%s-%s-%s.whl" % (name, version, tag)
        self.console_scripts = console_scripts or {}
        self.files = dict(files or {})
        self.executable = rest.get("executable", ())
        self.is_native = rest.get("is_native", False)
        self.changes_record = rest.get("changes_record", lambda text: text)
        self.wheel_version = rest.get("wheel_version", "1.0")
        self.algorithm = rest.get("algorithm", "sha256")
        self.compression = rest.get("compression", zipfile.ZIP_DEFLATED)
        self.changes_info = rest.get("changes_info", lambda info: None)
        self.folders = rest.get("folders", ())
        self.data = self._pack()

    @property
    def info(self):
        return "%s-%s.dist-info" % (self.name, self.version)

    def _pack(self):
        files = {name: text.encode() if isinstance(text, str) else text for name, text in self.files.items()}
        files.setdefault(
            self.info + "/METADATA",
            ("Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (self.name, self.version)).encode(),
        )
        files.setdefault(
            self.info + "/WHEEL", ("Wheel-Version: %s\nRoot-Is-Purelib: true\n" % self.wheel_version).encode()
        )
        if self.console_scripts:
            lines = "".join("%s = %s\n" % item for item in self.console_scripts.items())
            files[self.info + "/entry_points.txt"] = ("[console_scripts]\n" + lines).encode()
        rows = [
            (name, "%s=%s" % (self.algorithm, record_hash(data, self.algorithm)), len(data))
            for name, data in files.items()
        ]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows + [(self.info + "/RECORD", "", "")])
        files[self.info + "/RECORD"] = self.changes_record(text.getvalue()).encode()
        self.unpacked = files
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", self.compression) as archive:
            for folder in self.folders:
                archive.writestr(zipfile.ZipInfo(folder, (1980, 1, 1, 0, 0, 0)), b"")
            for name, data in files.items():
                info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                info.create_system = 3
                info.compress_type = self.compression
                info.external_attr = (stat.S_IFREG | (0o755 if name in self.executable else 0o644)) << 16
                self.changes_info(info)
                archive.writestr(info, data)
        return out.getvalue()


def record_hash(data, algorithm="sha256"):
    """Hash as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()


def sha256(data):
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def bootstrap_entries():
    """The bootstrap's files as (name in the archive, bytes), in archive order."""
    names = sorted(name for name in os.listdir(BOOTSTRAP) if name.endswith(".py") and name != "__main__.py")
    entries = []
    for name in ["__main__.py"] + names:
        with open(os.path.join(BOOTSTRAP, name), "rb") as file:
            entries.append((name if name == "__main__.py" else "_bootstrap/" + name, file.read()))
    return entries


def manifest_of(wheels, name, entry_point, **changes):
    """FERRYWHEEL.json as a dictionary."""
    digest = hashlib.sha256()
    for entry, data in bootstrap_entries():
        digest.update(entry.encode() + b"\0" + str(len(data)).encode() + b"\0" + data)
    by_name = {}
    for wheel in sorted(wheels, key=lambda wheel: wheel.filename):
        item = by_name.setdefault(wheel.name, {"name": wheel.name, "version": wheel.version, "wheels": []})
        item["wheels"].append(
            {
                "filename": wheel.filename,
                "sha256": sha256(wheel.data),
                "size_bytes": len(wheel.data),
                "unpacked_size_bytes": sum(map(len, wheel.unpacked.values())),
                "is_native": wheel.is_native,
            }
        )
    scripts = [
        {"name": script, "value": value, "distribution": wheel.name, "kind": "console"}
        for wheel in wheels
        for script, value in wheel.console_scripts.items()
    ]
    manifest = {
        "format": 1,
        "name": name,
        "bootstrap_sha256": digest.hexdigest(),
        "entry_point": {"kind": entry_point[0], "value": entry_point[1]},
        "target": dict(TARGET),
        "requires_python": "",
        "texts": {text: sha256(data) for text, data in TEXTS},
        "distributions": [by_name[key] for key in sorted(by_name)],
        "console_scripts": sorted(scripts, key=lambda item: item["name"]),
        "unpacked_size_bytes": sum(len(data) for wheel in wheels for data in wheel.unpacked.values()),
        "file_count": sum(len(wheel.unpacked) for wheel in wheels),
    }
    manifest.update(changes)
    return manifest


def canonical(manifest):
    """The manifest's bytes."""
    return json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def bundle_bytes(wheels, name="hello", entry_point=("script", "hello"), prefix=PREFIX, manifest_bytes=None, **changes):
    """A whole bundle. Offsets count the prefix."""
    manifest = manifest_bytes or canonical(manifest_of(wheels, name, entry_point, **changes))
    entries = bootstrap_entries() + [("FERRYWHEEL.json", manifest)] + list(TEXTS)
    entries += [("wheels/" + wheel.filename, wheel.data) for wheel in sorted(wheels, key=lambda wheel: wheel.filename)]
    return zip_bytes(entries, prefix)


def zip_bytes(entries, prefix=b""):
    """A zip of stored entries without extra fields, dated 1980-01-01."""
    out, directory = bytearray(prefix), bytearray()
    for name, data in entries:
        raw = name.encode()
        common = struct.pack("<5H3L2H", 20, 0, 0, 0, 0x21, zlib.crc32(data), len(data), len(data), len(raw), 0)
        central = struct.pack("<3H2L", 0, 0, 0, (stat.S_IFREG | 0o644) << 16, len(out))
        directory += b"PK\x01\x02" + struct.pack("<H", 0x0314) + common + central + raw
        out += b"PK\x03\x04" + common + raw + data
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(entries), len(entries), len(directory), len(out), 0)
    return bytes(out + directory + end)
