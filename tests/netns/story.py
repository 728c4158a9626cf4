"""What each fault looked like: a table at the end of the run, and in docs/faults.md where that is asked for."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = ("fault", "the screen says", "after", "true again after", "lost or doubled")


@dataclass
class Story:
    """One row a fault."""

    rows: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)

    def tell(self, fault: str, says: str, after_s: float | None, again_s: float | None, kept: str) -> None:
        """`again_s`: from the end of the fault, None where nothing had to come back; `kept`: what was counted.

        `after_s`: None where nothing was said.
        """
        after, again = ("" if seconds is None else f"{seconds:.1f} s" for seconds in (after_s, again_s))
        says = re.sub(r"\s+", " ", re.sub(r"\(\w+@([\d.]+):\d+\)", r"(\1)", says)).replace("|", "/")
        self.rows[fault] = (says, after, again, kept)

    def table(self) -> list[str]:
        """Markdown."""
        lines = [f"| {' | '.join(HEAD)} |", "|---|---|--:|--:|---|"]
        return lines + [f"| {fault} | {' | '.join(row)} |" for fault, row in self.rows.items()]


def write(table: list[str], page: Path = PAGE) -> None:
    """Put the table into the page, for the one that is there. Rows of tests that did not run stay as they were."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {HEAD[0]} |"))
    end = start
    while end < len(lines) and lines[end].startswith("|"):
        end += 1
    rows = {line.split("|")[1].strip(): line for line in (*lines[start + 2 : end], *table[2:])}
    page.write_text("\n".join([*lines[:start], *table[:2], *rows.values(), *lines[end:]]) + "\n", encoding="utf-8")


def wanted() -> bool:
    return bool(os.environ.get("TRAJVID_WRITE_FAULTS"))
