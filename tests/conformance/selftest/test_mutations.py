"""Every rule can fail: for each mutation of the good server the rules that it breaks say so."""

import importlib
import pathlib

import mutations
import mutations_http
import pytest
import server
from simple_index_conformance import plugin, rules
from simple_index_conformance.report import NAME

RULES = pathlib.Path(rules.__file__).parent

GROUPS = [
    mutations.ROUTING,
    mutations.NEGOTIATION,
    mutations.HTML_FORM,
    mutations.JSON_FORM,
    mutations.FILES,
    mutations_http.CACHING,
    mutations_http.CODINGS,
    mutations_http.RANGES,
    mutations_http.UPLOADS,
    mutations_http.BESIDE,
]

ALL = [mutation for group in GROUPS for mutation in group if mutation.rules]

WITHOUT = {
    **dict.fromkeys(["CACHE-24", "COMP-02", "FORMAT-04", "UPLOAD-30"], "optional: it is there or it is not offered"),
    **dict.fromkeys([f"CLIENT-0{number}" for number in range(1, 6)], "real programs, which fail by themselves"),
    "FILE-14": "the good server has no certificate",
}
"""Rules that no mutation breaks, and why."""


def rule_tests():
    """Where each rule is: its pytest address by id."""
    found = {}
    for path in sorted(RULES.glob("test_*.py")):
        module = importlib.import_module(f"simple_index_conformance.rules.{path.stem}")
        for name in vars(module):
            match = NAME.match(name)
            if match:
                found[f"{match[1].upper()}-{match[2]}"] = f"{path}::{name}"
    return found


TESTS = rule_tests()


class Listener:
    """Takes the table of a run out of it."""

    def pytest_sessionfinish(self, session):
        """The run is over."""
        self.rules = session.config.stash[plugin.TABLE].rules


def run(url, ids, *more):
    """Run some rules in this very process; the verdicts by id."""
    listener = Listener()
    own = [
        "-p",
        "simple_index_conformance.plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:terminal",
        "-c",
        "/dev/null",
        f"--rootdir={RULES}",
        "-s",
    ]
    pytest.main(
        [*own, "--index-url", f"{url}/simple/", "--seed", "selftest", *more, *[TESTS[id] for id in ids]], plugins=[listener]
    )
    return listener.rules


@pytest.mark.parametrize("mutation", ALL, ids=lambda mutation: mutation.name)
def test_a_broken_server_is_found_out(mutation):
    with server.Running(mutation.hooks, seeded=mutation.seeded) as running:
        more = ["--other-index-url", f"{running.url}/simple/"]
        more += ["--upload-url", f"{running.url}/upload/", "--token", "secret"] if mutation.uploads else []
        url = running.url.replace("//", "//__token__:secret@") if mutation.closed else running.url
        verdicts = run(url, mutation.rules, *more)
    missed = {id: (verdicts[id].verdict, verdicts[id].detail) for id in mutation.rules if verdicts[id].verdict != "failed"}
    assert not missed


def test_every_rule_has_a_mutation_that_breaks_it():
    covered = {id for mutation in ALL for id in mutation.rules}
    unproven = set(TESTS) - covered
    assert unproven == set(WITHOUT), sorted(unproven ^ set(WITHOUT))
