"""Wheels made up for measuring: many small projects, one with thousands of files, one with a large file.

Project `k` of the first `tree` ones needs projects `2k+1` and `2k+2`, so that a resolver that is asked for the first has to
visit them all. Every twentieth project has 5 to 50 files, the others few.
"""

import base64
import dataclasses
import hashlib
import io
import pathlib
import random
import zipfile

STAMP = (2024, 1, 1, 0, 0, 0)
"""Time of every entry: the same size makes the same bytes."""

BIG = "load-big"
"""Project with the most files."""

BLOB = "load-blob"
"""Project whose one file is large."""

ROOT = "load-00000"
"""Project that needs all of the tree."""


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is made."""

    projects: int
    files_each: int
    tree: int
    big_files: int
    blob_bytes: int

    def file_count(self, number: int) -> int:
        """Files of project `number`."""
        return self.files_each if number % 20 else 5 + number // 20 % 46


SIZES = {
    "small": Size(projects=400, files_each=3, tree=255, big_files=1_000, blob_bytes=64 << 20),
    "full": Size(projects=10_000, files_each=4, tree=1_023, big_files=5_000, blob_bytes=64 << 20),
}


def wheel(stem: str, version: str, requires=(), payload: bytes = b"") -> bytes:
    """A sound wheel of a few hundred bytes, or of as many as `payload` has."""
    info = f"{stem}-{version}.dist-info"
    metadata = [
        f"Metadata-Version: 2.1\nName: {stem.replace('_', '-')}\nVersion: {version}\n",
        "Summary: a project made up for measuring\nRequires-Python: >=3.8\n",
        *(f"Requires-Dist: {requirement}\n" for requirement in requires),
        "\nNothing is in it.\n",
    ]
    entries = {
        f"{stem}/__init__.py": f'__version__ = "{version}"\n'.encode(),
        f"{info}/METADATA": "".join(metadata).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: load\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if payload:
        entries[f"{stem}/payload.bin"] = payload
    rows = [f"{path},sha256={_record_digest(data)},{len(data)}\n" for path, data in entries.items()]
    entries[f"{info}/RECORD"] = "".join([*rows, f"{info}/RECORD,,\n"]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path, data in entries.items():
            archive.writestr(zipfile.ZipInfo(path, STAMP), data)
    return buffer.getvalue()


def _record_digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def filename(stem: str, version: str) -> str:
    """File name of a wheel for every platform."""
    return f"{stem}-{version}-py3-none-any.whl"


def make(folder: pathlib.Path, size: Size) -> None:
    """Write the wheels of `size` into `folder`."""
    folder.mkdir(parents=True)

    def put(stem, version, **more):
        (folder / filename(stem, version)).write_bytes(wheel(stem, version, **more))

    for number in range(size.projects):
        children = [child for child in (2 * number + 1, 2 * number + 2) if child < size.tree and number < size.tree]
        for version in range(size.file_count(number)):
            put(f"load_{number:05d}", f"1.{version}.0", requires=[f"load-{child:05d}>=1.0" for child in children])
    for number in range(size.big_files):
        put("load_big", f"{number // 50}.{number % 50}.0")
    put("load_blob", "1.0.0", payload=random.Random(7).randbytes(size.blob_bytes))
