"""Several descriptions.json in one page: who describes how well, and what each of them is to be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.analysis.markdown import UNKNOWN, table
from trainer.language.descriptions_page import ABOUT, seen_how_well, tables, targets
from trainer.language.rows import MODEL
from trainer.language.tables import brief_table

Content = Mapping[str, Any]


def names(contents: Sequence[Content]) -> list[str]:
    """Return what tells them apart: who describes, from which model's evidence, of which clips."""
    return [
        f"{about['provider']}, {about['extractor']} on {about['on']}"
        for about in (content["described"] for content in contents)
    ]


def comparison_page(contents: Sequence[Content], command: str, picture: str) -> str:
    """Return the page; `picture` is the file beside it, '' if there is none."""
    named = list(zip(names(contents), contents, strict=True))
    lines = ["# Descriptions compared", "", f"    {command}", "", *ABOUT, ""]
    lines += ["## From the model's evidence", ""]
    lines += [*brief_table(((name, _own(content)) for name, content in named), "described by"), "", *_cost(named), ""]
    for name, content in named:
        about = content["described"]
        lines += [f"## {name}", "", f"    {about['command']}", ""]
        lines += [f"Written {about['at']}, checkpoint {Path(about['checkpoint']).name} of epoch {about['epoch']}.", ""]
        told = [*(f"- **{flag}**" for flag in content["flags"]), *(f"- {note}" for note in about["notes"])]
        lines += [*told, ""] if told else []
        lines += [*tables(content), "", seen_how_well(content), ""]
        lines += [*targets(content), ""] if about["provider"] == "rules" else []
    lines += [f"![{named[0][0]}: what was written over what was seen]({picture})"] if picture else []
    return "\n".join(lines).rstrip() + "\n"


def _own(content: Content) -> Mapping[str, float]:
    figures: Mapping[str, float] = next(row["rates"]["all"] for row in content["rows"] if row["name"] == MODEL)
    return figures


def _cost(named: Sequence[tuple[str, Content]]) -> list[str]:
    """Return what the answers took, those of the controls included."""
    rows = []
    for name, content in named:
        used = content["usage"]
        fresh = used["answers"] - used["cached"]
        each = f"{used['seconds'] / fresh:.2f}" if fresh else UNKNOWN
        cost = "not known" if used["cost_usd"] is None else f"{used['cost_usd']:.4f}"
        tokens = f"{used['input_tokens']:,} + {used['output_tokens']:,}" if used["input_tokens"] else UNKNOWN
        rows.append((name, used["answers"], used["cached"], tokens, each, cost))
    return table(("described by", "answers:", "from the cache:", "tokens:", "s an answer:", "USD:"), rows)
