"""The server that keeps every rule passes every rule, with uploads and without."""

import json
import subprocess
import sys

import server


def run_kit(url, tmp_path, *more):
    """Run the kit as a user does; its report and its output."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "simple_index_conformance", "--index-url", f"{url}/simple/", "--report", str(report), *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    told = done.stdout.decode("utf-8", "replace")
    assert report.exists(), told
    return json.loads(report.read_text()), told


def test_a_server_that_keeps_the_rules_passes_them(tmp_path):
    with server.Running() as running:
        uploads = ["--upload-url", f"{running.url}/upload/", "--token", "secret", "-k", "not test_client"]
        report, told = run_kit(running.url, tmp_path, *uploads, "--other-index-url", f"{running.url}/simple/")
    failed = [rule for rule in report["rules"] if rule["verdict"] == "failed"]
    assert not failed, told
    passed = sum(level["passed"] for level in report["counts"].values())
    assert passed > 280, told


def test_a_closed_server_that_keeps_the_rules_passes_them(tmp_path):
    with server.Running({"closed": True}) as running:
        report, told = run_kit(running.url.replace("//", "//__token__:secret@"), tmp_path, "-k", "auth or file or route")
    rules = {rule["id"]: rule for rule in report["rules"]}
    assert not [rule for rule in rules.values() if rule["verdict"] == "failed"], told
    assert all(rules[f"AUTH-0{number}"]["verdict"] == "passed" for number in range(1, 6)), told


def test_reading_alone_is_enough_for_most_rules(tmp_path):
    with server.Running() as running:
        report, told = run_kit(running.url, tmp_path)
    assert sum(level["failed"] for level in report["counts"].values()) == 0, told
    assert sum(level["passed"] for level in report["counts"].values()) > 200, told


def test_a_level_leaves_the_other_rules_out(tmp_path):
    with server.Running() as running:
        report, told = run_kit(running.url, tmp_path, "--level", "must", "-k", "neg")
    assert {rule["level"] for rule in report["rules"]} == {"MUST"}, told


def test_the_index_url_is_needed():
    done = subprocess.run([sys.executable, "-m", "simple_index_conformance"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 4 and b"--index-url is needed" in done.stdout


def test_markdown_reports_are_tables(tmp_path):
    path = tmp_path / "report.md"
    with server.Running() as running:
        run_kit(running.url, tmp_path, "-k", "route", "--report", str(path))
    text = path.read_text()
    assert "| ROUTE-01 | MUST | passed |" in text and "| level | passed |" in text
