"""What is in a folder of wheels: the truth that every answer is compared with."""

import collections
import dataclasses
import hashlib
import pathlib
import re
import zipfile


@dataclasses.dataclass(frozen=True)
class Wheel:
    """One file and what an index says of it."""

    path: pathlib.Path
    project: str
    version: str
    size_bytes: int
    sha256: str
    metadata: bytes
    requires_python: str | None

    @property
    def name(self) -> str:
        """File name."""
        return self.path.name


def normalized(name: str) -> str:
    """Name of a project as URLs have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(path: pathlib.Path) -> Wheel:
    """What one wheel is."""
    with zipfile.ZipFile(path) as archive:
        [member] = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith(".dist-info/METADATA")]
        metadata = archive.read(member)
    stem, version = path.name.split("-")[:2]
    requires = re.search(rb"^Requires-Python: *(.*?)\r?$", metadata.split(b"\n\n", 1)[0], re.MULTILINE | re.IGNORECASE)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Wheel(
        path=path,
        project=normalized(stem),
        version=version,
        size_bytes=path.stat().st_size,
        sha256=digest,
        metadata=metadata,
        requires_python=requires and requires[1].decode(),
    )


def projects(folders) -> dict:
    """Wheels of some folders, by project and then by file name, both in order."""
    found = collections.defaultdict(list)
    for folder in folders:
        for path in sorted(pathlib.Path(folder).glob("*.whl")):
            wheel = read(path)
            found[wheel.project].append(wheel)
    return {name: sorted(found[name], key=lambda wheel: wheel.name) for name in sorted(found)}
