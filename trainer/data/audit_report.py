"""What an audit found: a table for people, JSON for programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

Status = Literal["ok", "flag", "fail"]
_STYLE = {"ok": "green", "flag": "yellow", "fail": "bold red"}


@dataclass(frozen=True)
class Check:
    """One question and its answer. `flag` = read this before believing figures; `fail` = do not train on it."""

    name: str
    status: Status
    value: float | None = None
    limit: float | None = None
    """Where `value` would begin to be wrong."""
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """All checks of one data set."""

    data: str
    """The folder."""
    title: str
    """What it holds, in a few words."""
    checks: list[Check]
    bayes: dict[str, float] = field(default_factory=dict)
    """`objects`: the best balanced accuracy that any model can reach after so many frames of an object's life."""

    @property
    def failed(self) -> bool:
        return any(check.status == "fail" for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return asdict(self) | {"failed": self.failed}

    def print(self, console: Console) -> None:
        """Print the checks as a table, and what they come to."""
        table = Table(
            "check", "", "value", "limit", "", title=escape(f"{self.data}: {self.title}"), title_justify="left"
        )
        for check in self.checks:
            status = f"[{_STYLE[check.status]}]{check.status}[/]"
            table.add_row(escape(check.name), status, _number(check.value), _number(check.limit), escape(check.detail))
        console.print(table)
        if self.bayes:
            curve = "  ".join(f"{frames}: {value:.2f}" for frames, value in self.bayes.items())
            console.print(f"Best balanced accuracy possible, by frames of an object's life seen: {curve}")
        number = {status: sum(check.status == status for check in self.checks) for status in _STYLE}
        console.print(f"{number['fail']} failed, {number['flag']} flagged, {number['ok']} ok")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
