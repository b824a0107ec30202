"""Real clients: uv resolving the made-up tree, uv and pip installing and downloading real wheels."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import servers
import synthetic

PINNED = pathlib.Path(__file__).parents[1] / ".cache" / "venv" / "bin"
"""Programs of the virtual environment that `tests/run` makes."""


@dataclasses.dataclass(frozen=True)
class Run:
    """Seconds that a client took, CPU seconds of the server meanwhile, and how much came of it."""

    seconds: float
    server_cpu_seconds: float
    count: int


def find_uv() -> str | None:
    """The pinned uv, else that of the path."""
    pinned = PINNED / "uv"
    return str(pinned) if pinned.exists() else shutil.which("uv")


def resolve(server, scratch: pathlib.Path) -> Run:
    """`uv pip compile` of the project that needs the whole tree, without a cache."""

    def command(folder):
        (folder / "in.txt").write_text(f"{synthetic.ROOT}\n")
        return [
            find_uv(),
            "pip",
            "compile",
            "-q",
            "--python",
            sys.executable,
            *_uv_index(server),
            "-o",
            folder / "out.txt",
            folder / "in.txt",
        ]

    return _timed(server, scratch, command, lambda folder: (folder / "out.txt").read_text().count("=="))


def install(server, scratch: pathlib.Path, requirement: str) -> Run:
    """`uv pip install` of a requirement with all it needs into an empty folder, without a cache."""

    def command(folder):
        return [
            find_uv(),
            "pip",
            "install",
            "-q",
            "--python",
            sys.executable,
            *_uv_index(server),
            "--only-binary",
            ":all:",
            "--target",
            folder / "target",
            requirement,
        ]

    return _timed(server, scratch, command, lambda folder: len(list((folder / "target").glob("*.dist-info"))))


def download(server, scratch: pathlib.Path, requirement: str) -> Run:
    """`pip download` of a requirement with all it needs, without a cache."""

    def command(folder):
        return [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-cache-dir",
            "--index-url",
            f"{server.url}/simple/",
            "--only-binary",
            ":all:",
            "-d",
            folder / "target",
            requirement,
        ]

    return _timed(server, scratch, command, lambda folder: len(list((folder / "target").glob("*.whl"))))


def _uv_index(server) -> list:
    return ["--default-index", f"{server.url}/simple/"]


def _timed(server, scratch, command, count) -> Run:
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        folder = pathlib.Path(folder)
        environment = servers.bare_environment(
            HOME=str(folder),
            UV_CACHE_DIR=str(folder / "cache"),
            UV_NO_CONFIG="1",
            PIP_CONFIG_FILE=os.devnull,
            NO_COLOR="1",
            PIP_DISABLE_PIP_VERSION_CHECK="1",
        )
        before, began = server.cpu_seconds(), time.perf_counter()
        done = subprocess.run(
            servers.on_core(servers.CLIENT_CORE, command(folder)), env=environment, capture_output=True, text=True
        )
        seconds, cpu = time.perf_counter() - began, server.cpu_seconds() - before
        if done.returncode != 0:
            raise RuntimeError(f"a client of {server.name} ended with {done.returncode}: {done.stderr[-2000:]}")
        return Run(seconds, cpu, count(folder))
