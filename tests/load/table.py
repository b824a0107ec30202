"""Rows of figures: median, spread, what must be reached and what is aimed at, and how they are printed."""

import dataclasses
import json
import statistics


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure, measured several times: a ratio to nginx, or a value of ours alone.

    `steady` says that the figure is of CPU time or of bytes and hardly moves when other programs use the machine. `held` is what
    a run with slack asserts instead of `must`, for a row that is known to miss that.
    """

    name: str
    unit: str
    ours: list
    must: float
    aim: float
    nginx: list = dataclasses.field(default_factory=list)
    steady: bool = False
    more_is_better: bool = False
    remark: str = ""
    held: float | None = None

    @property
    def figures(self) -> list:
        """What is compared with the limits: each of our values by nginx's of the same minute, if nginx was measured."""
        return [ours / nginx for ours, nginx in zip(self.ours, self.nginx, strict=True)] if self.nginx else self.ours

    @property
    def figure(self) -> float:
        """The median."""
        return statistics.median(self.figures)

    def reaches(self, limit: float, slack: float = 1.0) -> bool:
        """Whether the figure is as good as a limit, or worse by no more than the slack."""
        return self.figure * slack >= limit if self.more_is_better else self.figure <= limit * slack

    @property
    def asserted(self) -> float:
        """The limit that a run with slack asserts."""
        return self.must if self.held is None else self.held

    @property
    def verdict(self) -> str:
        """The figure beside what is wanted."""
        return "aim" if self.reaches(self.aim) else "must" if self.reaches(self.must) else "MISSED"


def number(value: float) -> str:
    """Three digits that matter."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def render(rows) -> str:
    """The table in Markdown."""
    head = ["what", "nginx", "ours", "ratio", "from", "to", "must", "aim", "reached", "remark"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        mark = "× " if row.nginx else ""
        sign = "≥ " if row.more_is_better else ""
        lines.append(
            [
                row.name,
                f"{number(statistics.median(row.nginx))} {row.unit}" if row.nginx else "",
                f"{number(statistics.median(row.ours))} {row.unit}",
                number(row.figure) if row.nginx else "",
                number(min(row.figures)),
                number(max(row.figures)),
                f"{sign}{number(row.must)} {mark}".strip(),
                f"{sign}{number(row.aim)} {mark}".strip(),
                row.verdict,
                row.remark,
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def to_json(rows) -> str:
    """Every value, for other programs."""
    return json.dumps([{**dataclasses.asdict(row), "figure": row.figure} for row in rows], indent=1)
