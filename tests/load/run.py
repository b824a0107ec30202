#!/usr/bin/env python3
"""Ferrywheel beside nginx with static files: `python3 tests/load/run.py` after `cargo build --release`.

Makes a set of wheels, loads both servers, checks all answers, then measures the two in turn, each on one core with the client
on another, and prints a table. Needs `nginx` and `wrk`; with `uv` on the path, or after `tests/run clients`, real clients too.
Ends with `N passed, N failed`: the checks of answers, and with `--slack` the limits of the figures that other programs on the
machine hardly move.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import clients
import loading
import reads
import rows
import servers
import synthetic
import table
import wheels

ROOT = pathlib.Path(__file__).parents[2]
RATES = (50, 400)

REPEATS = 2
"""How often a row that breaks the run is measured again: a burst of other work on the machine passes."""


def options_of(arguments) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser.add_argument("--server", type=pathlib.Path, default=target / "release" / "ferrywheel", help="the program")
    parser.add_argument("--size", choices=synthetic.SIZES, default="small")
    parser.add_argument(
        "--wheels",
        action="append",
        default=[],
        metavar="DIR=REQUIREMENT",
        help="a folder of real wheels, and what real clients install from it",
    )
    parser.add_argument("--slack", type=float, metavar="FACTOR", help="fail when a steady figure is worse than its limit by more")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="only rows with this word in their name")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=1, help="length of one closed-loop run")
    parser.add_argument("--open-seconds", type=int, default=5, help="length of one open-loop run")
    parser.add_argument(
        "--folder", type=pathlib.Path, default=ROOT / "tests" / ".cache" / "load", help="where everything is kept"
    )
    parser.add_argument("--reuse", action="store_true", help="take the loaded servers of the last run of this size")
    return parser.parse_args(arguments)


class Bench:
    """One comparison: the two servers, what they hold, and what was found."""

    def __init__(self, options):
        self.options = options
        self.size = synthetic.SIZES[options.size]
        self.folder = options.folder.resolve() / options.size
        self.real = [tuple(item.rsplit("=", 1)) for item in options.wheels]
        self.rows, self.passed, self.failures = [], 0, []

    def prepare(self) -> None:
        """Make the wheels and load both servers, unless that is to be reused."""
        facts = self.folder / "loaded.json"
        if not (self.options.reuse and facts.exists()):
            shutil.rmtree(self.folder, ignore_errors=True)
        self.ours = servers.Ferrywheel(self.folder / "ferrywheel", self.options.server.resolve())
        self.nginx = servers.Nginx(self.folder / "nginx")
        made = self.folder / "wheels"
        if not facts.exists():
            say(f"making wheels, size {self.options.size}")
            synthetic.make(made, self.size)
        self.projects = wheels.projects([made, *(folder for folder, _ in self.real)])
        self.file_count = sum(map(len, self.projects.values()))
        if not facts.exists():
            say(f"loading {self.file_count:,} files of {len(self.projects):,} projects")
            loading.fill_nginx(self.nginx, self.projects)
            seconds = loading.fill_ferrywheel(self.ours, self.projects)
            facts.write_text(json.dumps({"seconds": seconds, "database_bytes": self.ours.database_bytes()}))
        self.loaded = json.loads(facts.read_text())

    def wants(self, name: str) -> bool:
        """Whether a row is to be measured."""
        return not self.options.only or any(word in name for word in self.options.only)

    def add(self, name: str, measure) -> None:
        """Measure one row or some; a steady figure that misses its limit is measured again."""
        if not self.wants(name):
            return
        try:
            found = self._rows(measure)
            for _ in range(REPEATS):
                if any(self.misses(row) for row in found):
                    found = self._rows(measure)
        except (reads.Wrong, loading.UploadFailed, RuntimeError, TimeoutError) as error:
            self.fail(f"{name}: {error}")
            return
        for row in found:
            self.rows.append(row)
            say(f"{row.name}: {table.number(row.figure)}{' × nginx' if row.nginx else f' {row.unit}'} ({row.verdict})")
            if self.misses(row):
                self.fail(f"{row.name}: {row.figure:.3g} is worse than {row.asserted:.3g} by more than the slack")
            elif self.options.slack and row.steady:
                self.passed += 1

    def _rows(self, measure) -> list:
        found = measure()
        return found if isinstance(found, list) else [found]

    def misses(self, row) -> bool:
        """Whether a figure breaks the run."""
        return bool(self.options.slack) and row.steady and not row.reaches(row.asserted, self.options.slack)

    def fail(self, sentence: str) -> None:
        """Note a failure."""
        self.failures.append(sentence)
        say(f"FAILED {sentence}")

    def measure(self) -> None:
        """Every row."""
        size_row = table.Row(
            "database, by file", "KB", [self.loaded["database_bytes"] / self.file_count / 1024], 2, 1, steady=True
        )
        self.add("database", lambda: size_row)
        probe = f"/simple/{synthetic.ROOT}/"
        self.add("start, memory", lambda: rows.starts(self.options, self.ours, probe))
        with servers.running(self.nginx, probe), servers.running(self.ours, probe):
            self._reads()
            self._others()
            self.add(
                "memory after load", lambda: table.Row("memory, after load", "MB", [self.ours.memory_mb()], 200, 100, steady=True)
            )

    def _reads(self) -> None:
        found = {server.name: reads.cases(server, self.projects) for server in (self.ours, self.nginx)}
        for name in rows.READS:
            if self.wants(name):
                checked = [self._checked(server, name, found) for server in (self.ours, self.nginx)]
                if None not in checked:
                    self.add(name, lambda: rows.pair(self.options, name, *checked))

    def _checked(self, server, name, found):
        case = found[server.name][name]
        try:
            body_bytes = reads.check(server, case)
        except reads.Wrong as error:
            self.fail(str(error))
            return None
        self.passed += 1
        return server, case, body_bytes

    def _others(self) -> None:
        options, ours, nginx = self.options, self.ours, self.nginx
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            scratch = pathlib.Path(scratch)
            self.add("largest page, first", lambda: rows.first_render(options, ours, self.size))
            requests = {
                server.name: rows.open_requests(server, self.projects, index)
                for server, index in ((ours, "/staging/simple/"), (nginx, "/simple/"))
            }
            for rate in RATES:
                self.add(f"open loop {rate}", lambda: rows.open_loop(options, ours, nginx, rate, requests, scratch))
            if clients.find_uv() is None:
                say("uv is not here: its rows are left out")
                return
            self.add("uv resolving", lambda: rows.resolving(options, ours, nginx, scratch, self.size))
            for _, requirement in self.real:
                self.add(f"uv pip {requirement}", lambda: rows.closures(options, ours, nginx, scratch, requirement))


def say(text: str) -> None:
    """One line of progress."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def busy_seconds() -> float:
    """CPU time that all programs of the machine have used."""
    user, nice, system, _, _, *interrupts = map(int, pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """CPU time of this program and of everything that it started and that has ended."""
    return sum(os.times()[:4])


def main() -> int:
    """Prepare, measure, print."""
    options = options_of(None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped too
    missing = [program for program in ("nginx", "wrk") if not shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")]
    if missing or not options.server.exists():
        print(f"missing: {' '.join(missing) or options.server}", file=sys.stderr)
        return 2
    began, busy, own = time.monotonic(), busy_seconds(), own_seconds()
    bench = Bench(options)
    bench.prepare()
    bench.measure()
    elapsed = time.monotonic() - began
    others = (busy_seconds() - busy) - (own_seconds() - own)
    (bench.folder / "rows.json").write_text(table.to_json(bench.rows))
    print(table.render(bench.rows))
    print(
        f"\n{bench.file_count:,} files of {len(bench.projects):,} projects, loaded in {bench.loaded['seconds']:.0f} s; "
        f"medians of {options.rounds} rounds in turn; {os.cpu_count()} cores, of which other programs used "
        f"{max(0.0, others) / elapsed:.2f}; load average {os.getloadavg()[0]:.1f}"
    )
    for sentence in bench.failures:
        print(f"FAILED {sentence}")
    print(f"{bench.passed} passed, {len(bench.failures)} failed")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
