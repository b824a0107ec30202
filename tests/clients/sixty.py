"""Sixty real projects, downloaded once into `tests/.cache` from the user's own index, as `sixty.txt` pins them."""
import hashlib
import pathlib
import shutil
import sys

import support

HERE = pathlib.Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "sixty"

ROOTS = HERE / "sixty.in"
"""What a person would ask for; everything else in `sixty.txt` follows from it."""

PINS = HERE / "sixty.txt"


def folder():
    """Folder with one wheel for each pin."""
    key = hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    place = CACHE / key
    if not place.exists():
        part = CACHE / f"{key}.part"
        shutil.rmtree(CACHE, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", part, "-r", PINS]
        support.run(command)
        part.rename(place)
    return place


def pinned():
    """Versions by normalized name."""
    lines = PINS.read_text().splitlines()
    return dict(line.split("==") for line in lines if line)
