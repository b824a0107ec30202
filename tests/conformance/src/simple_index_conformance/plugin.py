"""Options, choice of levels, verdicts and reports."""

from __future__ import annotations

import pytest

from .report import LEVELS, Table
from .subjects import seed_of
from .verdict import Check

TABLE = pytest.StashKey()


def pytest_addoption(parser):
    """Options of the kit."""
    group = parser.getgroup("simple index conformance")
    group.addoption("--index-url", metavar="URL", help="base URL of the simple index, such as http://host/simple/")
    group.addoption("--upload-url", metavar="URL", help="upload endpoint of the same index; small projects are uploaded to it")
    group.addoption("--other-index-url", metavar="URL", help="another simple index of the same server")
    group.addoption(
        "--legacy-json-url", metavar="URL", help="base of the JSON API, as in URL/NAME/json (default: beside /simple/)"
    )
    group.addoption("--username", help="user for uploads")
    group.addoption("--password", help="password for uploads")
    group.addoption("--token", help="token for uploads, sent as the password of the user __token__")
    group.addoption(
        "--level",
        choices=[level.lower() for level in LEVELS],
        default="may",
        help="must: only what must hold; should: also what should; may: everything (default)",
    )
    group.addoption("--sample", type=int, default=12, metavar="N", help="projects of the index to look at (default 12)")
    group.addoption(
        "--project", action="append", default=[], metavar="NAME", help="a project to look at instead of a sample; may be repeated"
    )
    group.addoption("--seed", help="chooses the sample and the names of this run (default: random, printed)")
    group.addoption("--report", action="append", default=[], metavar="FILE", help="write a report, .json or .md; may be repeated")


def pytest_configure(config):
    """Prepare the table of this run."""
    if not config.option.index_url and not config.option.collectonly:
        raise pytest.UsageError("--index-url is needed: the base URL of the index, such as http://host/simple/")
    config.option.seed = seed_of(config.option.seed)
    config.stash[TABLE] = Table()
    config.stash[TABLE].about = {
        "index": config.option.index_url,
        "uploads": bool(config.option.upload_url),
        "seed": config.option.seed,
        "sample": config.option.sample,
    }


def pytest_report_header(config):
    """The seed, so that a run can be repeated."""
    return f"seed {config.option.seed}"


def pytest_collection_modifyitems(config, items):
    """Keep the chosen levels; every test must state its rule."""
    wanted = LEVELS[: LEVELS.index(config.option.level.upper()) + 1]
    table, kept, dropped = config.stash[TABLE], [], []
    owners = {}
    for item in items:
        try:
            rule = table.rule(item)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from error
        function = item.function.__qualname__
        if owners.setdefault(rule.id, function) != function:
            raise pytest.UsageError(f"{rule.id} is stated by {owners[rule.id]} and by {function}")
        (kept if rule.level in wanted else dropped).append(item)
    table.rules = {id: rule for id, rule in table.rules.items() if rule.level in wanted}
    items[:] = kept
    if dropped:
        config.hook.pytest_deselected(items=dropped)


@pytest.fixture
def check():
    """What the test looked at; closed when the test's body ends."""
    return Check()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Let the check speak within the test, so that its violations are a failure and not an error."""
    result = yield
    if "check" in pyfuncitem.funcargs:
        pyfuncitem.funcargs["check"].done()
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Put the verdict into the table and the rule's sentence on top of a failure."""
    report = yield
    if report.when == "teardown" and not report.failed or report.when == "setup" and report.passed:
        return report
    rule = item.config.stash[TABLE].rule(item)
    case = f"[{item.callspec.id}] " if hasattr(item, "callspec") else ""
    if report.skipped:
        reason = call.excinfo.value.msg if call.excinfo else ""
        verdict, _, detail = reason.partition(": ")
        rule.add(*((verdict, detail) if verdict in ("not offered", "not tested") else ("not tested", reason)))
    elif report.failed:
        told = str(call.excinfo.value) if call.excinfo else str(report.longrepr)
        rule.add("failed", case + told)
        if isinstance(report.longrepr, str):
            report.longrepr = f"{rule.id} {rule.level} [{rule.source}]\n{rule.sentence}\n{report.longrepr}"
    else:
        rule.add("passed", "")
    return report


def pytest_terminal_summary(terminalreporter, config):
    """Counts for each level, what failed and why, and the reports."""
    table = config.stash[TABLE]
    terminalreporter.section("conformance")
    for line in table.lines():
        terminalreporter.write_line(line)
    terminalreporter.write_line("")
    for path in config.option.report:
        table.write(path)
        terminalreporter.write_line(f"report: {path}")
    terminalreporter.write_line(f"seed {config.option.seed}")
    counts = table.count()
    terminalreporter.write_line("rules: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
