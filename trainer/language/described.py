"""What is left of clips that were described: every word with its scores, and the rates beside what they are worth."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from renderer.descriptions import describe
from renderer.equations import equation
from trainer.errors import TrainerError
from trainer.language.describer import Description
from trainer.language.descriptions_page import page
from trainer.language.descriptions_sheet import PANELS, draw_sheet
from trainer.language.evidence import Evidence
from trainer.language.gathering import Gathered
from trainer.language.providers.plain import plain
from trainer.language.rates import FAMILIES, rates, worth
from trainer.language.rows import Row
from trainer.language.scored import score
from trainer.language.truth import truths
from trainer.trained import Trained
from wire.codec import finite
from wire.run_dir import replace_file

NAME = "descriptions"
"""Stem of the three files."""
MAX_CHARS = 4000
"""Of anybody's text that is written down."""


@dataclass(frozen=True)
class Described:
    """Descriptions of clips from one model's evidence, with the rows that they are compared with."""

    about: Mapping[str, Any]
    """Checkpoint, data set, provider, command, notes: who described what."""
    gathered: Gathered
    rows: list[Row] = field(default_factory=list)
    """What is described so far; the first row is the model's own."""

    def content(self) -> dict[str, Any]:
        """Return descriptions.json."""
        recipe = self.gathered.sample.recipe
        known, families = truths(recipe), [FAMILIES[label] for label in recipe.label]
        scored = [[score(*pair) for pair in zip(row.descriptions, known, strict=False)] for row in self.rows]
        rows = [
            {
                "name": row.name,
                "problem": row.problem,
                **_answered(row),
                "rates": rates(scores, families[: len(scores)]),
            }
            for row, scores in zip(self.rows, scored, strict=True)
        ]
        said = self.rows[0].descriptions
        truth = [{"family": family} for family in families]
        for one, line, text in zip(truth, equation(recipe, "camera"), describe(recipe), strict=True):
            one |= {"equation": line, "text": text}
        content: dict[str, Any] = finite(
            {
                "described": {**self.about, "clips": len(said), "of": len(recipe)},
                "flags": worth(rows),
                "rows": rows,
                "detector_px": detector_error(self.gathered),
                "class_head": class_head(self.gathered.evidence[: len(said)], families),
                "usage": usage(one for row in self.rows for one in row.descriptions),
                "clips": [
                    {"row": int(row), **evidence_summary(seen), **words(one), "scores": scores, "truth": true}
                    for row, seen, one, scores, true in zip(
                        self.gathered.sample.rows, self.gathered.evidence, said, scored[0], truth, strict=False
                    )
                ],
            }
        )
        return content

    def write(self, folder: Path, content: Mapping[str, Any]) -> None:
        """Write descriptions.json, its page and its sheet of clips. Raises `TrainerError`."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            picture = self._draw(folder / f"{NAME}.png", content)
            replace_file(str(folder / f"{NAME}.md"), page(content, f"{NAME}.png" if picture else "").encode())
            text = json.dumps(content, indent=1, allow_nan=False)
            replace_file(str(folder / f"{NAME}.json"), text.encode() + b"\n")
        except OSError as exc:
            raise TrainerError(f"cannot write into {folder}: {exc.strerror}", hint="name a folder with --out") from exc

    def _draw(self, path: Path, content: Mapping[str, Any]) -> bool:
        shown = content["clips"][:PANELS]
        if shown:
            source, about = self.gathered.sample.source, content["described"]
            videos = np.empty((len(shown), source.frames, 3, source.size_px, source.size_px), np.uint8)
            source.fill(np.arange(len(shown)), 0, videos)
            title = f"{about['provider']} on {about['on']}, {about['part']}: what was written over what was seen"
            draw_sheet(path, shown, videos, self.gathered.evidence[0].view, title)
        return bool(shown)


def about_model(trained: Trained, place: str, part: str, provider: str, command: str) -> dict[str, Any]:
    """Return who describes what, as JSON values."""
    config = trained.config
    return {
        "provider": provider,
        "checkpoint": str(trained.path),
        "extractor": "+".join(config.fuse) or config.extractor,
        "epoch": trained.epoch,
        "commit": trained.commit,
        "on": place,
        "part": part,
        "command": command,
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def command_of(
    checkpoint: str, on: str, part: str, clips: int, provider: str, equations: str = "", *further: str
) -> str:
    """Return the command that describes the same clips in the same way, as one line for a shell."""
    words = ["trainer", "describe", checkpoint, "--on", on, "--split", part, "--clips", str(clips)]
    words += ["--provider", provider, *(["--equations", equations] if equations else [])]
    return shlex.join([*words, *further])


def detector_error(gathered: Gathered) -> dict[str, float]:
    """Return how far our detector is from the truth on these clips, the root of the mean square, in pixels."""
    seen, true = (np.array([one.track for one in every]) for every in (gathered.evidence, gathered.ceiling))
    off = seen - true
    centre, radius = np.square(off[..., :2]).mean(), np.square(off[..., 2]).mean()
    return {"centre": float(np.sqrt(centre)), "radius": float(np.sqrt(radius))}


def class_head(evidence: Sequence[Evidence], families: Sequence[str]) -> float | None:
    """Return the share of clips whose likeliest class is the true one; None where the classes are not known."""
    told = [one.class_names[int(one.probabilities.argmax())] for one in evidence if one.probabilities is not None]
    right = sum(name == family for name, family in zip(told, families, strict=False))
    return right / len(told) if told else None


def _answered(row: Row) -> dict[str, Any]:
    """Return how many clips something was said of, and why nothing was said of the first of the others."""
    silent = [one for one in row.descriptions if not (one.equation or one.text or one.claims)]
    lost = plain(silent[0].problem, MAX_CHARS) if silent else ""
    return {"answered": len(row.descriptions) - len(silent), "lost": lost}


def evidence_summary(seen: Evidence) -> dict[str, Any]:
    """Return what was known of a clip, rounded."""
    shares = seen.probabilities
    return {
        "probabilities": None if shares is None else dict(zip(seen.class_names, shares.round(4).tolist(), strict=True)),
        "forecast": None if seen.forecast is None else seen.forecast.round(4).tolist(),
        "track": None if seen.track is None else seen.track.round(3).tolist(),
    }


def words(said: Description) -> dict[str, Any]:
    """Return what was said of a clip: nothing in it that a terminal obeys."""
    texts = {name: plain(getattr(said, name), MAX_CHARS) for name in ("equation", "text", "provider", "problem")}
    return {**texts, "claims": dict(said.claims), "usage": asdict(said.usage)}


def usage(said: Iterable[Description]) -> dict[str, Any]:
    """Return what all answers took, each once, in however many rows it stands; cost None: one's is not known."""
    every = list({id(one): one.usage for one in said}.values())
    costs = [one.cost_usd for one in every]
    return {
        "answers": len(every),
        "cached": sum(one.cached for one in every),
        "input_tokens": sum(one.input_tokens for one in every),
        "output_tokens": sum(one.output_tokens for one in every),
        "seconds": round(sum(one.seconds for one in every if not one.cached), 3),
        "cost_usd": None if None in costs else sum(cost for cost in costs if cost is not None),
    }
