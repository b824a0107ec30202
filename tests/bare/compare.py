#!/usr/bin/env python3
"""Time to lock and build the pandas bundle, beside shiv and pex on the same wheels: `compare.py BINARY`, used by hand.

BINARY is a release build of `ferrywheel`. Run it with CPython 3.11, because shiv and pex build for the Python they run on.
Each tool is measured from the wheels on disk to the finished file; the best of the runs counts.
"""
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from server import DEBIAN_12, FRAME, Server, download_wheels

PEERS = ("shiv==1.0.8", "pex==2.105.2")
RUNS = 3
PLAIN = [requirement.split("==")[0] for requirement in FRAME]


def measure(action):
    """Best wall and processor seconds of an action; it gets the number of the run and returns the seconds if it knows."""
    best = None
    for number in range(RUNS):
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        own = action(number)
        wall, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = own if own is not None else after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        best = min(best or (wall, spent), (wall, spent))
    return best


def server_seconds(server):
    """Processor seconds of the server so far."""
    fields = pathlib.Path("/proc/%d/stat" % server.process.pid).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ours(server):
    """Measurements of the server: the lock alone, and lock and bundle; every run is a bundle of another name."""
    recipe = {"requirements": PLAIN, "target": DEBIAN_12[0]}

    def ask(path, wish):
        before = server_seconds(server)
        server.post(path, wish)
        return server_seconds(server) - before

    yield "ferrywheel, lock alone", measure(lambda _: ask("/api/v1/locks", recipe))
    build = measure(lambda number: ask("/api/v1/bundles", {**recipe, "name": "frame-%d" % number}))
    yield "ferrywheel, lock and build", build
    yield "ferrywheel, asked again", measure(lambda _: ask("/api/v1/bundles", {**recipe, "name": "frame-0"}))


def peers(folder, wheels):
    """Measurements of shiv and pex in a virtual environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    tools = folder / "venv" / "bin"
    subprocess.run([tools / "pip", "install", "--quiet", *PEERS], check=True)
    source = ["--no-index", "--find-links", wheels]

    def run(*command, **variables):
        environment = {**os.environ, **variables}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    yield "shiv", measure(lambda _: run(tools / "shiv", *source, "-o", folder / "shiv.pyz", *PLAIN))

    def pex(root, *options):
        run(tools / "pex", *source, *options, "-o", folder / "x.pex", *PLAIN, PEX_ROOT=str(root))

    yield "pex, empty cache", measure(lambda number: pex(folder / ("root-%d" % number)))
    yield "pex, full cache", measure(lambda _: pex(folder / "root-0"))
    stored = "--no-pre-install-wheels"
    yield "pex, wheels stored, full cache", measure(lambda _: pex(folder / "root-0", stored))


def main(binary):
    """Print a line for each measurement, with the ratio to ours."""
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        wheels = download_wheels()
        server = Server(pathlib.Path(binary).resolve(), folder)
        try:
            server.fill(wheels)
            rows = list(ours(server))
        finally:
            server.stop()
        rows += peers(folder, wheels)
    finally:
        shutil.rmtree(folder)
    base = dict(rows)["ferrywheel, lock and build"][0]
    print("load %s, best of %d" % (" ".join("%.1f" % load for load in os.getloadavg()), RUNS))
    print("%-32s %9s %9s %9s" % ("", "wall s", "cpu s", "× ours"))
    for title, (wall, spent) in rows:
        print("%-32s %9.3f %9.3f %9.1f" % (title, wall, spent, wall / base))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: compare.py BINARY")
    main(sys.argv[1])
