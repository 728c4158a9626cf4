"""descriptions.md: the rates of equations and texts beside their ablations and ceiling, then clips with their words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from trainer.analysis.markdown import UNKNOWN, table
from trainer.language.describing import CEILING, MODEL
from trainer.language.rates import FAMILIES, FIGURES, WITHOUT_BENDING

SHOWN = 24
"""Clips on the page; descriptions.json has all."""
ABOUT = """\
Each clip was described from what a model and our detector saw of it: class probabilities, forecast, the track (u, v,
radius) of the brightest object. *Parses*: the equation can be read. *Same family*: it is of the path's kind.
*Parameters*: every scalar within 10 %, directions within 10 degrees, centre within 5 % of the path's extent. *RMSE*:
the path that it gives is within 5 % of that extent over all T + 5 frames, whatever its kind. Each of the first three
needs the one before it. *Claim-F1* compares the JSON of claims with the truth, slot by slot; *coherent*: something is
claimed, and neither claims nor prose contradict each other. A clip without an answer counts as wrong in all of them.
Brackets: 95 % Wilson interval."""
ROWS = {
    MODEL: "from the model and the detector",
    "no visual evidence": "control: nothing of the clip",
    "class only": "control: the class probabilities alone",
    "shuffled evidence": "control: another clip's evidence, so another clip's text",
    CEILING: "ceiling: the same describer on the true track",
}


def page(content: Mapping[str, Any], picture: str) -> str:
    """Return the page; `picture` is the file beside it, '' if there is none."""
    about = content["described"]
    lines = [f"# Descriptions by {about['provider']}", "", summary(content), "", f"    {about['command']}", ""]
    lines += [f"- **{flag}**" for flag in content["flags"]]
    lines += [f"- {note}" for note in about["notes"]]
    lines += ["", *ABOUT.splitlines(), "", "## Rates", "", *rates_table(content), "", "## By family", ""]
    lines += [*family_table(content), ""]
    lines += [f"![what was written over what was seen]({picture})", ""] if picture else []
    lines += ["## Clips", ""]
    for clip in content["clips"][:SHOWN]:
        lines += clip_lines(clip)
    left = len(content["clips"]) - SHOWN
    lines += [f"{left} more are in descriptions.json."] if left > 0 else []
    return "\n".join(lines).rstrip() + "\n"


def summary(content: Mapping[str, Any]) -> str:
    """Return one sentence: who described what, at what cost."""
    about, used = content["described"], content["usage"]
    clips = f"{about['clips']} of {about['of']} clips" if about["clips"] < about["of"] else f"{about['of']} clips"
    spent = f", {used['answers']} answers ({used['cached']} from the cache)"
    spent += f", {used['input_tokens']:,} + {used['output_tokens']:,} tokens" if used["input_tokens"] else ""
    cost = used["cost_usd"]
    spent += ", cost not known" if cost is None else f", {cost:.4f} USD" if cost else ""
    return f"{clips} of {about['on']}, {about['part']}, seen by {about['checkpoint']} (epoch {about['epoch']}){spent}."


def figure_words(content: Mapping[str, Any]) -> str:
    """Return the figures of the model's own row in one line."""
    row = content["rows"][0]
    figures = row["rates"]["all"]
    said = ", ".join(f"{name} {share(figures[key])}" for key, name in FIGURES.items() if key in figures)
    return ", ".join(filter(None, [said, f"n {figures['n']}", row["problem"] and f"ended early: {row['problem']}"]))


def rates_table(content: Mapping[str, Any]) -> list[str]:
    """Return every row with its figures over all clips."""
    head = ("evidence", "n:", *(f"{name}:" for name in FIGURES.values()))
    rows = [
        (ROWS.get(row["name"], row["name"]), figures["n"], *(cell(figures, name) for name in FIGURES))
        for row in content["rows"]
        for figures in [row["rates"]["all"]]
    ]
    return table(head, rows)


def family_table(content: Mapping[str, Any]) -> list[str]:
    """Return the model's figures for each family, each with the ceiling behind it."""
    by_name = {row["name"]: row["rates"] for row in content["rows"]}
    own, top = by_name[MODEL], by_name.get(CEILING, {})
    head = ("family", "n:", *(f"{name}:" for name in FIGURES.values()))
    rows = [
        (name, own[name]["n"], *(_with_ceiling(own[name], top.get(name, {}), figure) for figure in FIGURES))
        for name in (*FAMILIES, WITHOUT_BENDING)
        if own[name]["n"]
    ]
    return [*table(head, rows), "", "Behind each figure: its ceiling."] if top else table(head, rows)


def _with_ceiling(own: Mapping[str, float], top: Mapping[str, float], figure: str) -> str:
    return f"{share(own.get(figure))} / {share(top.get(figure))}" if top else share(own.get(figure))


def share(value: float | None) -> str:
    """Return `.97`, `1.00`, or `-` for what is not known."""
    return UNKNOWN if value is None else f"{value:.2f}".removeprefix("0") if value < 0.995 else f"{value:.2f}"


def cell(figures: Mapping[str, float], name: str) -> str:
    """Return a figure with its interval, if it has one."""
    if name not in figures:
        return UNKNOWN
    inside = f" [{share(figures[f'{name}_low'])}, {share(figures[f'{name}_high'])}]" if f"{name}_low" in figures else ""
    return f"{share(figures[name])}{inside}"


def clip_lines(clip: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of a clip. Anybody's words stand in code blocks: no link in them is one."""
    yield f"### Clip {clip['row']}: {clip['truth']['family']}, {marks(clip['scores'])}"
    yield ""
    if clip["problem"]:
        yield from (*_block(f"({clip['problem']})"), "")
    yield from (*_block(clip["text"]), "")
    yield from (*_block(clip["equation"].replace("; ", "\n")), "")
    claims = ", ".join(f"{name} {_short(value)}" for name, value in clip["claims"].items())
    yield from (*_block(f"claims: {claims or 'none'}"), "")
    if clip["probabilities"]:
        told = ", ".join(f"{name} {value:.2f}" for name, value in clip["probabilities"].items())
        yield f"The classifier: {told}."
    yield from (f"The truth: {clip['truth']['text']}", "")
    yield from (*_block(clip["truth"]["equation"].replace("; ", "\n")), "")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _block(text: str) -> list[str]:
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, 108) or [""]]
    return [f"    {line}" for line in lines]


def marks(scores: Mapping[str, Any]) -> str:
    """Return the four rates of one clip as check marks, and its claim-F1."""
    short = ("parses", "family", "parameters", "rmse")
    said = " ".join(f"{name} {'✓' if scores[name] else '✗'}" for name in short)
    return f"{said} claims {share(scores['claim_f1'])}"
