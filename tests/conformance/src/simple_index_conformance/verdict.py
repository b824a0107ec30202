"""How a rule speaks: what it saw, what it wanted, and why it could not look."""

from __future__ import annotations

import pytest

SHOWN = 5
"""Violations of one rule that are told one by one; the others are counted."""


class NotOffered(pytest.skip.Exception):
    """The index does not have an optional feature."""


class NotTested(pytest.skip.Exception):
    """The index may have the feature, but nothing at hand shows whether it keeps the rule."""


def not_offered(reason):
    """End the test: an optional feature is not there."""
    raise NotOffered(f"not offered: {reason}", _use_item_location=True)


def not_tested(reason):
    """End the test: nothing to look at."""
    raise NotTested(f"not tested: {reason}", _use_item_location=True)


class Check:
    """Collects what a rule looked at, so that one run tells every violation and no rule passes without having looked."""

    def __init__(self):
        """Start with nothing seen."""
        self.looked = 0
        self.violations = []
        self.idle = "nothing on this index to look at"

    def that(self, holds, where, wanted, seen):
        """Look at one thing: `where` it is, whether it `holds`, what was `wanted` and what was `seen` instead."""
        self.looked += 1
        if not holds:
            seen = seen.describe() if hasattr(seen, "describe") else seen
            where = where.asked() if hasattr(where, "asked") else where
            self.violations.append(f"at   {where}\nwant {wanted}\nseen {shorten(seen)}")
        return bool(holds)

    def equal(self, seen, wanted, where, what):
        """Look whether `what` at `where` is the `wanted` value."""
        return self.that(seen == wanted, where, f"{what} {shorten(repr(wanted))}", repr(seen))

    def status(self, response, *wanted):
        """Look whether an answer has one of the `wanted` statuses."""
        return self.that(response.status in wanted, response, "status " + " or ".join(map(str, wanted)), response)

    def done(self):
        """End the test: fail with every violation, or say that nothing was looked at."""
        if self.violations:
            told = "\n\n".join(self.violations[:SHOWN])
            rest = len(self.violations) - SHOWN
            more = f"\n\nand {rest} more" if rest > 0 else ""
            pytest.fail(f"{len(self.violations)} of {self.looked} looks differ\n{told}{more}", pytrace=False)
        if not self.looked:
            not_tested(self.idle)


def shorten(text, most=400):
    """Text for a message, cut in the middle where it is long."""
    text = str(text)
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 2:]}"
