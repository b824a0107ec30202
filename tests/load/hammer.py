"""Closed loop: `wrk` asks as fast as answers come, on a core of its own."""

import dataclasses
import json
import pathlib
import subprocess
import tempfile

import servers

SCRIPT = pathlib.Path(__file__).with_name("wrk.lua")


@dataclasses.dataclass(frozen=True)
class Run:
    """One short run against one server."""

    count: float
    answers_per_second: float
    cpu_us: float
    bytes_per_second: float
    body_bytes: float
    p50_ms: float
    p99_ms: float
    errors: int


def run(server, case, seconds: int) -> Run:
    """Send the requests of a case over and over for some seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requests:
        for path, headers in case.requests:
            requests.write("\t".join([path, *(f"{name}: {value}" for name, value in headers.items())]) + "\n")
        requests.flush()
        command = ["wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s", "--timeout", "60s", "-s", SCRIPT, server.url]
        before = server.cpu_seconds()
        done = subprocess.run(
            servers.on_core(servers.CLIENT_CORE, [*command, "--", requests.name]), capture_output=True, text=True
        )
        cpu = server.cpu_seconds() - before
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        raise RuntimeError(f"wrk said nothing: {done.stdout}{done.stderr}")
    result = json.loads(lines[0].removeprefix("RESULT"))
    # A large answer that is still on its way at the end counts by the part that has come.
    count = result["bytes"] / case.size_bytes if case.size_bytes else max(result["count"], 1)
    elapsed = result["elapsed_us"] / 1e6
    return Run(
        count=count,
        answers_per_second=count / elapsed,
        cpu_us=cpu * 1e6 / count,
        bytes_per_second=result["bytes"] / elapsed,
        body_bytes=result["bytes"] / count,
        p50_ms=result["p50_us"] / 1e3,
        p99_ms=result["p99_us"] / 1e3,
        errors=result["errors"],
    )
