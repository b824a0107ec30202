"""Runs the kit's own tests and then the kit against a Ferrywheel server; ends with one line: N passed, N failed."""

import argparse
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "src"), str(HERE.parent / "clients")]

import support  # noqa: E402

from simple_index_conformance.dists import wheel  # noqa: E402
from simple_index_conformance.upload import Uploader  # noqa: E402
from simple_index_conformance.wire import Http  # noqa: E402

STATUSES = ("archived", "quarantined", "deprecated")


def run_pytest(*arguments):
    """Run pytest as a program of its own; returns how many tests passed and failed, a crash counts as a failure."""
    environment = support.bare_environment(PYTHONPATH=str(HERE / "src"), PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run([sys.executable, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = done.stdout.decode("utf-8", "replace")
    print(told, flush=True)
    last = [line for line in told.splitlines() if re.search(r"\d+ (passed|failed|error).* in ", line)]
    passed, failed = (
        sum(int(n) for n in re.findall(rf"(\d+) {word}", last[-1] if last else "")) for word in ("passed", "failed|error")
    )
    return passed, failed or int(done.returncode != 0)


def run_kit(server, *more, reader=""):
    """Run the kit against a server: read and upload in one channel, read in the other. `reader` is a user part for the URLs."""
    root = server.url.replace("//", f"//{reader}", 1)
    arguments = ["--index-url", f"{root}/staging/simple/", "--other-index-url", f"{root}/blessed/simple/"]
    arguments += ["--upload-url", f"{server.url}/staging/legacy/", "--token", server.token]
    return run_pytest("-m", "simple_index_conformance", *arguments, *more)


def seed(server):
    """What no upload can make: yanked files, with a reason and without, and a project of every status."""
    uploader = Uploader(f"{server.url}/staging/legacy/", "__token__", server.token)
    dists = {word: wheel(f"seed-{word}", "1.0") for word in ("yanked", "withdrawn", *STATUSES)}
    for dist in dists.values():
        answer = uploader.send(dist)
        assert answer.status == 200, answer.describe()
    for word, reason in (("yanked", None), ("withdrawn", 'breaks <everything> & "more"')):
        call(server, "PATCH", f"files/{dists[word].filename}", {"yanked": True, **({"reason": reason} if reason else {})})
    for status in STATUSES:
        call(server, "PUT", f"projects/seed-{status}/status", {"status": status, "reason": "an é & a reason"})


def call(server, method, path, body):
    """One change of the channel that is looked at."""
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    url = f"{server.url}/api/v1/channels/staging/{path}"
    answer = Http().request(method, url, headers, json.dumps(body).encode())
    assert answer.status == 200, f"{answer.asked()}: {answer.describe()}"


def main():
    """The kit's own tests, then a server that anybody may read and one that asks for credentials."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, type=pathlib.Path, help="the ferrywheel program")
    parser.add_argument("--report", action="append", default=[], help="where the kit writes its report on the open server")
    parser.add_argument("more", nargs="*", help="more arguments for the kit, after --")
    given = parser.parse_args()
    support.PROGRAM = given.server.resolve()
    counts = [run_pytest("-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "selftest"))]
    server = support.Server()
    try:
        seed(server)
        counts.append(run_kit(server, *[f"--report={path}" for path in given.report], *given.more))
    finally:
        server.stop()
    server = support.Server(read="token")
    try:
        seed(server)
        counts.append(run_kit(server, *given.more, reader=f"__token__:{server.token}@"))
    finally:
        server.stop()
    passed, failed = (sum(column) for column in zip(*counts))
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
