"""What real clients make of the index."""

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import pytest

from simple_index_conformance.verdict import not_tested

SECONDS = 120


@pytest.fixture(scope="module")
def subject(made):
    """A wheel that no other index has."""
    return made.need("large")


def run(command, **more):
    """Run a client with nothing of this machine's settings; returns its exit code and its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    kept.update(PIP_CONFIG_FILE=os.devnull, PIP_DISABLE_PIP_VERSION_CHECK="1", UV_NO_CONFIG="1", NO_COLOR="1", **more)
    done = subprocess.run(command, env=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=SECONDS)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def pip(option, *arguments):
    """Run pip against the index."""
    command = [sys.executable, "-m", "pip"]
    if run([*command, "--version"])[0] != 0:
        not_tested("pip is not installed")
    host = urllib.parse.urlsplit(option.index_url).netloc.rpartition("@")[2]
    return run([*command, *arguments, "--no-cache-dir", "--trusted-host", host, "--index-url", option.index_url])


def uv(option, *arguments):
    """Run uv against the index."""
    program = shutil.which("uv", path=os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", ""))
    if not program:
        not_tested("uv is not installed")
    return run([program, *arguments, "--no-cache", "--default-index", option.index_url])


def test_client_01_pip_downloads(check, option, subject):
    """MUST [clients: pip] pip finds a new wheel, checks its hash and saves it."""
    with tempfile.TemporaryDirectory() as folder:
        code, told = pip(option, "download", "--no-deps", "--dest", folder, f"{subject.name}=={subject.version}")
        check.that(code == 0 and subject.filename in os.listdir(folder), f"pip download {subject.name}", subject.filename, told)


def test_client_02_pip_lists_versions(check, option, made):
    """SHOULD [clients: pip] `pip index versions` lists every release."""
    dist = made.need("many 0")
    code, told = pip(option, "index", "versions", dist.name)
    check.that(code == 0 and dist.version in told, f"pip index versions {dist.name}", dist.version, told)


def test_client_03_pip_takes_a_local_version(check, option, made):
    """MUST [clients: pip] pip downloads a wheel with a local version."""
    dist = made.need("local")
    with tempfile.TemporaryDirectory() as folder:
        code, told = pip(option, "download", "--no-deps", "--dest", folder, f"{dist.name}=={dist.version}")
        check.that(code == 0 and dist.filename in os.listdir(folder), f"pip download {dist.name}", dist.filename, told)


def test_client_04_uv_resolves(check, option, subject):
    """MUST [clients: uv] uv reads the page and the metadata of a new wheel."""
    with tempfile.NamedTemporaryFile("w", suffix=".in") as wanted:
        wanted.write(f"{subject.name}=={subject.version}\n")
        wanted.flush()
        code, told = uv(option, "pip", "compile", "--generate-hashes", wanted.name)
    check.that(code == 0 and subject.sha256 in told, f"uv pip compile {subject.name}", f"the hash {subject.sha256}", told)


def test_client_05_uv_installs(check, option, subject, made):
    """MUST [clients: uv] uv installs a new wheel, also one with a local version."""
    for dist in [subject] + ([made.need("local")] if made.has("local") else []):
        with tempfile.TemporaryDirectory() as folder:
            code, told = uv(option, "pip", "install", "--no-deps", "--target", folder, f"{dist.name}=={dist.version}")
            check.that(code == 0 and os.listdir(folder), f"uv pip install {dist.name}", "an installed wheel", told)
