#!/usr/bin/env python3
"""Uploads a second beside what the disk can do: `python3 tests/load/uploads.py` after `cargo build --release`.

Sends tiny wheels one by one and eight at once, wheels of 8 MB, and a thousand tiny ones in one archive, all or nothing, to a
fresh server, and the tiny ones to the index that `tests/load/run.py` loaded last, where there is one. Each file must be on its
page in the first answer after the upload.
"""

import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import sys
import tarfile
import tempfile
import threading
import time

import limits
import loading
import run as bench
import servers
import synthetic
import table
import wire
from table import Row

TINY_BYTES = 4 << 10
LARGE_BYTES = 8 << 20
LARGE_COUNT = 12


class Uploads:
    """Rounds of uploads to one server."""

    def __init__(self, server, stem: str = ""):
        self.server = server
        self.stem = stem
        self.local = threading.local()

    def send(self, count: int, workers: int, payload_bytes: int = 0):
        """Upload `count` new wheels; their rate, latencies in ms, and CPU time each in ms."""
        files = [self._wheel(number, payload_bytes) for number in range(count)]
        before, began = self.server.cpu_seconds(), time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            took = sorted(pool.map(self._one, files))
        seconds, cpu = time.perf_counter() - began, self.server.cpu_seconds() - before
        self._see(files)
        return count / seconds, took, cpu * 1e3 / count

    def _wheel(self, number, payload_bytes):
        now = int(time.time() * 1e6)
        stem, version = (self.stem, f"{now}.{number}") if self.stem else (f"load_up_{now}_{number}", "1.0")
        return synthetic.filename(stem, version), synthetic.wheel(stem, version, payload=os.urandom(payload_bytes))

    def _one(self, file) -> float:
        if not hasattr(self.local, "connection"):
            self.local.connection = wire.connect(self.server.port)
        began = time.perf_counter()
        loading.put(self.local.connection, self.server, *file)
        return (time.perf_counter() - began) * 1e3

    def _see(self, files) -> None:
        """The last of them is on its page at once."""
        name = files[-1][0]
        page = f"/staging/simple/{name.split('-')[0].replace('_', '-')}/"
        with contextlib.closing(wire.connect(self.server.port)) as connection:
            if name not in wire.files_of(wire.get(connection, page, {"Accept": wire.JSON}), page):
                raise loading.UploadFailed(f"{name} is not on its page right after its upload")


def send_batch(server, count: int):
    """Send `count` new tiny wheels in one archive and commit them; their rate, and CPU time each in ms."""
    now = int(time.time() * 1e6)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for number in range(count):
            stem = f"load_batch_{now}_{number}"
            wheel = synthetic.wheel(stem, "1.0")
            entry = tarfile.TarInfo(synthetic.filename(stem, "1.0"))
            entry.size = len(wheel)
            archive.addfile(entry, io.BytesIO(wheel))
    before, began = server.cpu_seconds(), time.perf_counter()
    with contextlib.closing(wire.connect(server.port)) as connection:
        batch = post(connection, server, "/api/v1/batches", b'{"channel": "staging"}')["links"]
        taken = post(connection, server, batch["archive"], packed.getvalue())
        stored = post(connection, server, batch["commit"], b"")
        seconds, cpu = time.perf_counter() - began, server.cpu_seconds() - before
        if (taken["counts"]["accepted"], stored["counts"]["stored"]) != (count, count):
            raise loading.UploadFailed(f"of {count} wheels {taken['counts']} were taken and {stored['counts']} stored")
        page = f"/staging/simple/load-batch-{now}-{count - 1}/"
        if not wire.files_of(wire.get(connection, page, {"Accept": wire.JSON}), page):
            raise loading.UploadFailed(f"{page} does not show its file right after the commit")
    return count / seconds, cpu * 1e3 / count


def post(connection, server, path: str, body: bytes) -> dict:
    """What the server answers in JSON to a body, which it must accept."""
    headers = {**server.upload_headers(), "Content-Type": "application/json"}
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    if not 200 <= answer.status < 300:
        raise loading.UploadFailed(f"{path} answered {answer.status}: {text[:1000]!r}")
    return json.loads(text)


def rows_of(options, scratch: pathlib.Path) -> list:
    """Every row; the disk is measured beside each round, because its figures change from minute to minute."""
    tiny, eight, large, cpu, waits = [], [], [], [], []
    alone, together, singly, batches, shares = [], [], [], [], []
    fresh = servers.Ferrywheel(scratch / "fresh", options.server.resolve())
    with servers.running(fresh, "/-/ready", core=None):
        uploads = Uploads(fresh)
        for _ in range(options.rounds):
            files = limits.files_per_second(scratch, TINY_BYTES)
            floor = 1 / (1 / files + 1 / limits.commits_per_second(scratch))
            rate, _, spent = uploads.send(200, 1)
            tiny.append(rate / floor)
            alone.append(rate)
            cpu.append(spent)
            rate, took, _ = uploads.send(400, 8)
            eight.append(rate / floor)
            together.append(rate / limits.files_per_second(scratch, TINY_BYTES, 8))
            waits.append(took[int(len(took) * 0.99)] / took[len(took) // 2])
            floor = 1 / (1 / limits.files_per_second(scratch, LARGE_BYTES) + 1 / limits.commits_per_second(scratch))
            rate, _, _ = uploads.send(LARGE_COUNT, 1, LARGE_BYTES)
            large.append(rate / floor)
            singly.append(rate)
            rate, spent = send_batch(fresh, 1_000)
            batches.append(rate)
            shares.append(spent)
    return [
        Row("tiny wheels one by one, by floor", "", tiny, 0.6, 0.9, more_is_better=True, remark=_rate(alone)),
        Row("eight at once, by the same floor", "", eight, 1.5, 2.25, more_is_better=True),
        Row("eight at once, by eight writers of files", "", together, 0.5, 0.8, more_is_better=True),
        Row("eight at once, p99 by p50", "", waits, 5, 3),
        Row("CPU of a tiny upload", "ms CPU", cpu, 2, 1, steady=True),
        Row("wheels of 8 MB, by floor", "", large, 0.7, 0.9, more_is_better=True, remark=_rate(singly)),
        Row("batch of 1,000 in one archive", "a second", batches, 1_000, 3_000, more_is_better=True),
        Row("CPU of a wheel of a batch", "ms CPU", shares, 2, 1, steady=True),
        *_loaded_rows(options, scratch),
    ]


def _rate(values) -> str:
    return f"{sorted(values)[len(values) // 2]:.0f} a second"


def _loaded_rows(options, scratch) -> list:
    """Time of an upload into a loaded index, and into its largest project, by that into an empty one."""
    folder = options.folder.resolve() / options.size / "ferrywheel"
    if not folder.exists():
        bench.say("no index was loaded by run.py: its rows are left out")
        return []
    empty = servers.Ferrywheel(scratch / "empty", options.server.resolve())
    loaded = servers.Ferrywheel(folder, options.server.resolve())
    found = {"loaded index": [], "largest project": []}
    with servers.running(empty, "/-/ready", core=None), servers.running(loaded, "/-/ready", core=None):
        jobs = {"loaded index": Uploads(loaded), "largest project": Uploads(loaded, "load_big")}
        for _ in range(options.rounds):
            rate, _, _ = Uploads(empty).send(100, 1)
            for name, uploads in jobs.items():
                found[name].append(rate / uploads.send(100, 1)[0])
    return [Row(f"tiny wheels into the {name}, by empty", "", ratios, 1.2, 1.05) for name, ratios in found.items()]


def main() -> int:
    """Measure and print."""
    options = bench.options_of(None)
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
        print(table.render(rows_of(options, pathlib.Path(scratch))))
    print(f"\nmedians of {options.rounds} rounds; {os.cpu_count()} cores; load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
