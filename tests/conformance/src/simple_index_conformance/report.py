"""What came of each rule: the summary on the terminal and the reports in JSON and Markdown."""

from __future__ import annotations

import json
import pathlib
import re
import textwrap
from dataclasses import asdict, dataclass, field

from . import __version__

LEVELS = ("MUST", "SHOULD", "MAY")
VERDICTS = ("passed", "failed", "not offered", "not tested")

DOCSTRING = re.compile(r"(MUST|SHOULD|MAY) \[([^\]]+)\] (.+)\Z", re.DOTALL)
NAME = re.compile(r"test_([a-z]+)_(\d+)_")


@dataclass
class Rule:
    """One normative sentence and what came of it."""

    id: str
    level: str
    source: str
    sentence: str
    area: str
    verdict: str = "not tested"
    detail: str = ""
    tests: dict = field(default_factory=dict)

    def add(self, verdict, detail):
        """Take in one test of the rule: a failure outweighs a pass, a pass what could not be looked at."""
        self.tests[verdict] = self.tests.get(verdict, 0) + 1
        weight = ("not tested", "not offered", "passed", "failed")
        if len(self.tests) == 1 and sum(self.tests.values()) == 1 or weight.index(verdict) > weight.index(self.verdict):
            self.verdict, self.detail = verdict, detail


def rule_of(function):
    """The rule that a test states: `test_AREA_NN_words` and a docstring `LEVEL [source, section] sentence`."""
    name = NAME.match(function.__name__)
    stated = DOCSTRING.match(" ".join((function.__doc__ or "").split()))
    if not name or not stated:
        raise ValueError(f"{function.__name__}: a rule is named `test_area_01_words`, its docstring is `LEVEL [source] sentence`")
    area = (function.__globals__.get("__doc__") or "").strip().splitlines()[0].rstrip(".")
    return Rule(f"{name[1].upper()}-{name[2]}", *stated.groups(), area=area)


class Table:
    """All rules of a run."""

    def __init__(self):
        """Start empty."""
        self.rules = {}
        self.about = {}

    def rule(self, item):
        """The rule of a pytest item, made when first asked for."""
        made = rule_of(item.function)
        return self.rules.setdefault(made.id, made)

    def count(self, level=None):
        """Rules by verdict, of one level or of all."""
        chosen = [rule for rule in self.rules.values() if level in (None, rule.level)]
        return {verdict: sum(rule.verdict == verdict for rule in chosen) for verdict in VERDICTS}

    def lines(self):
        """The summary for the terminal."""
        yield f"{'level':8}" + "".join(f"{verdict:>13}" for verdict in VERDICTS)
        for level in LEVELS:
            yield f"{level:8}" + "".join(f"{count:>13}" for count in self.count(level).values())
        failed = [rule for rule in self.rules.values() if rule.verdict == "failed"]
        if failed:
            yield from ("", "failed:")
        for rule in failed:
            yield f"  {rule.id:10} {rule.level:6} {rule.sentence} [{rule.source}]"
        for verdict in ("not offered", "not tested"):
            reasons = {}
            for rule in self.rules.values():
                if rule.verdict == verdict:
                    reasons.setdefault(first_line(rule.detail), []).append(rule.id)
            if reasons:
                yield from ("", f"{verdict}:")
            for reason, ids in reasons.items():
                yield f"  {reason}"
                yield from textwrap.wrap(" ".join(ids), 110, initial_indent="      ", subsequent_indent="      ")

    def write(self, path):
        """Write a report; the ending of the name chooses the form."""
        path = pathlib.Path(path)
        text = self.markdown() if path.suffix == ".md" else self.json()
        path.write_text(text, encoding="utf-8")

    def json(self):
        """The report as JSON."""
        about = {"kit": __version__, **self.about, "counts": {level: self.count(level) for level in LEVELS}}
        return json.dumps({**about, "rules": [asdict(rule) for rule in self.rules.values()]}, indent=1) + "\n"

    def markdown(self):
        """The report as a table of Markdown."""
        lines = [f"# Conformance of {self.about.get('index')}", "", f"Kit {__version__}, seed `{self.about.get('seed')}`.", ""]
        lines += ["| level | " + " | ".join(VERDICTS) + " |", "|---" * (len(VERDICTS) + 1) + "|"]
        for level in LEVELS:
            lines.append(f"| {level} | " + " | ".join(map(str, self.count(level).values())) + " |")
        lines += ["", "| rule | level | verdict | sentence | source | detail |", "|---|---|---|---|---|---|"]
        for rule in self.rules.values():
            cells = [rule.id, rule.level, rule.verdict, rule.sentence, rule.source, rule.detail.replace("\n", "<br>")]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(lines) + "\n"


def first_line(text):
    """The first line of a text."""
    return text.strip().splitlines()[0] if text.strip() else ""
