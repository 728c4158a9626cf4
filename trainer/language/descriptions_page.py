"""descriptions.md: the rates of equations and texts beside their ablations and ceiling, then clips with their words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from trainer.analysis.markdown import table
from trainer.language.rates import FIGURES
from trainer.language.rows import CEILING, MODEL
from trainer.language.tables import brief_table, family_table, share
from trainer.language.targets import judged

SHOWN = 24
"""Clips on the page; descriptions.json has all."""
WIDTH = 72
"""Of a line of anybody's words."""
ABOUT = (
    "Each clip was described from what a model and our detector saw of it: class probabilities, forecast, the track "
    "(u, v, radius) of the brightest object.",
    "",
    "- **parses**: the equation can be read.",
    "- **family**: and it is of the path's kind.",
    "- **param.**: and every scalar is within 10 %, directions within 10 degrees, the centre within 5 % of the path's "
    "extent.",
    "- **RMSE**: the path that it gives is within 5 % of that extent over all T + 5 frames, whatever its kind.",
    "- **claims**: F1 of the JSON of claims beside the prose, slot by slot, against the truth.",
    "- **coher.**: something is claimed, and neither claims nor prose contradict each other.",
    "",
    "A clip without an answer counts as wrong in all of them.",
)
KINDS = (
    "*model*: from what model and detector saw. Controls: *no visual evidence*, nothing of the clip; *class only*, its "
    "probabilities; *shuffled evidence*, another clip's, and so another clip's text. *true tracks*: the ceiling, the "
    "same describer on a detector without error."
)


def page(content: Mapping[str, Any], picture: str) -> str:
    """Return the page; `picture` is the file beside it, '' if there is none."""
    about = content["described"]
    lines = [f"# Descriptions by {about['provider']}", "", summary(content), "", f"    {about['command']}", ""]
    told = [*(f"- **{flag}**" for flag in content["flags"]), *(f"- {note}" for note in about["notes"])]
    lines += [*told, ""] if told else []
    lines += [*ABOUT, "", "## Rates", "", *tables(content), "", seen_how_well(content), ""]
    lines += ["## Targets", "", "Set for `rules` on `medium`, before anything was measured.", "", *targets(content), ""]
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


def tables(content: Mapping[str, Any]) -> list[str]:
    """Return the figures of every row, then those of the families and of their ceiling."""
    rates = {row["name"]: row["rates"] for row in content["rows"]}
    lines = [*brief_table((name, each["all"]) for name, each in rates.items()), "", KINDS]
    lines += ["", "By family:", "", *family_table(rates[MODEL])]
    return [*lines, "", "And their ceiling:", "", *family_table(rates[CEILING])] if CEILING in rates else lines


def seen_how_well(content: Mapping[str, Any]) -> str:
    """Return one sentence on what the evidence was worth."""
    off, head = content["detector_px"], content["class_head"]
    pixels = f"{off['centre']:.3f} px in u and v, {off['radius']:.3f} px in the radius"
    told = f"On these clips our detector was off by {pixels}"
    return f"{told}; the classifier alone was right in {share(head)}." if head is not None else f"{told}."


def targets(content: Mapping[str, Any]) -> list[str]:
    """Return the table of what was to be reached."""
    return table(("figure", "target", "reached [95 %]", ""), judged(content))


def clip_lines(clip: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section of a clip. Anybody's words stand in code blocks: no link in them is one."""
    yield f"### Clip {clip['row']}: {clip['truth']['family']}, {marks(clip['scores'])}"
    yield ""
    if clip["problem"]:
        yield from (*_block(f"({clip['problem']})"), "")
    for said in (_block(clip["text"]), _equation(clip["equation"])):
        yield from (*said, "") if said else ()
    claims = ", ".join(f"{name} {_short(value)}" for name, value in clip["claims"].items())
    yield from (*_block(f"claims: {claims or 'none'}"), "")
    if clip["probabilities"]:
        told = ", ".join(f"{name} {value:.2f}" for name, value in clip["probabilities"].items())
        yield f"The classifier: {told}."
    yield from (f"The truth: {clip['truth']['text']}", "")
    yield from (*_equation(clip["truth"]["equation"]), "")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _equation(text: str) -> list[str]:
    """Return a block with a line for each coordinate; what goes on stands behind its equals sign."""
    return _block(text.replace("; ", "\n"), " " * len("x(t) = "))


def _block(text: str, hanging: str = "") -> list[str]:
    wrapped = (textwrap.wrap(line, WIDTH, subsequent_indent=hanging) for line in text.splitlines())
    return [f"    {part}" for lines in wrapped for part in lines or [""]]


def marks(scores: Mapping[str, Any]) -> str:
    """Return the four rates of one clip as check marks, and its claim-F1."""
    short = ("parses", "family", "parameters", "rmse")
    said = " ".join(f"{name} {'✓' if scores[name] else '✗'}" for name in short)
    return f"{said} claims {share(scores['claim_f1'])}"
