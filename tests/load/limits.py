"""What this disk can do: durable files and durable commits a second, which no upload can beat."""

import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import sqlite3
import tempfile
import time

SECONDS = 1.5
"""How long each limit is measured."""


def _rate(work, threads: int = 1) -> float:
    """How often a second `work` is done, in some threads."""
    counter = itertools.count()
    end = time.perf_counter() + SECONDS

    def repeat(_):
        done = 0
        while time.perf_counter() < end:
            work(next(counter))
            done += 1
        return done

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(repeat, range(threads)))
    return done / (time.perf_counter() - began)


def files_per_second(folder: pathlib.Path, size_bytes: int, threads: int = 1) -> float:
    """Files written, flushed and renamed a second (R1)."""
    data = os.urandom(size_bytes)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:

        def write(number):
            path = pathlib.Path(scratch, str(number))
            with open(path, "xb", buffering=0) as file:
                file.write(data)
                os.fdatasync(file.fileno())
            path.rename(f"{path}.done")

        return _rate(write, threads)


def commits_per_second(folder: pathlib.Path) -> float:
    """Transactions of one row a second in SQLite, each flushed (R2)."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        with contextlib.closing(sqlite3.connect(f"{scratch}/db", isolation_level=None, check_same_thread=False)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, data BLOB)")
            return _rate(lambda _: database.execute("INSERT INTO rows (data) VALUES (randomblob(300))"))
