#!/usr/bin/env python3
"""Loading many files at once: `python3 tests/load/bulk.py` after `cargo build --release`.

Sends 55,000 tiny wheels to a fresh server as batches of a thousand, each one archive and one commit: 5,000 files of one project
and five of each other one. What is measured is the server's time from the first byte to the answer of the commit; making the
wheels is not. The time must not grow with what is loaded already, nor with the files of a project.
"""

import contextlib
import io
import itertools
import os
import pathlib
import sys
import tarfile
import tempfile
import time

import loading
import run as bench
import servers
import synthetic
import table
import uploads
import wire
from table import Row

FILES = 55_000
BATCH_FILES = 1_000
BIG_FILES = 5_000
FILES_EACH = 5


def names(count: int):
    """Stem and version of each file; one in eleven belongs to the large project."""
    big = (("load_big", f"1.{number}") for number in range(BIG_FILES))
    small = ((f"load_{number // FILES_EACH:06d}", f"1.{number % FILES_EACH}") for number in itertools.count())
    step = FILES // BIG_FILES
    for number in range(count):
        yield (next(big, None) if number % step == 0 else None) or next(small)


def packed(files) -> bytes:
    """One archive of wheels."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for stem, version in files:
            wheel = synthetic.wheel(stem, version)
            entry = tarfile.TarInfo(synthetic.filename(stem, version))
            entry.size = len(wheel)
            archive.addfile(entry, io.BytesIO(wheel))
    return buffer.getvalue()


def load(server, count: int) -> list:
    """Seconds of each batch."""
    took, files = [], names(count)
    with contextlib.closing(wire.connect(server.port)) as connection:
        while batch := list(itertools.islice(files, BATCH_FILES)):
            body = packed(batch)
            began = time.perf_counter()
            links = uploads.post(connection, server, "/api/v1/batches", b'{"channel": "staging"}')["links"]
            uploads.post(connection, server, links["archive"], body)
            stored = uploads.post(connection, server, links["commit"], b"")["counts"]["stored"]
            took.append(time.perf_counter() - began)
            if stored != len(batch):
                raise loading.UploadFailed(f"of {len(batch)} files {stored} were stored")
    return took


def rows_of(server, count: int) -> list:
    """The whole load, and how much longer its last tenth took than its first."""
    before = server.cpu_seconds()
    took = load(server, count)
    cpu = (server.cpu_seconds() - before) * 1e3 / count
    tenth = max(1, len(took) // 10)
    growth = sum(took[-tenth:]) / sum(took[:tenth])
    return [
        Row(f"bulk load of {count:,} files", "s", [sum(took)], 60 * count / FILES, 20 * count / FILES),
        Row("its last tenth by its first", "", [growth], 1.2, 1.05),
        Row("CPU of a file of it", "ms CPU", [cpu], 1, 0.35, steady=True),
    ]


def main() -> int:
    """Measure and print."""
    options = bench.options_of(None)
    options.folder.mkdir(parents=True, exist_ok=True)
    count = FILES if options.size == "full" else FILES // 11
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        server = servers.Ferrywheel(pathlib.Path(scratch) / "bulk", options.server.resolve())
        with servers.running(server, "/-/ready", core=None):
            print(table.render(rows_of(server, count)))
    print(f"\n{os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
