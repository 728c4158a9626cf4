"""Stage `evaluate`: once trained, a run evaluates its best checkpoint on further data sets, as `trainer evaluate` does.

Each has a folder of its own in artifacts/evaluations. One that is there, of the same training and the same clips, is
not evaluated again, so a run that was killed in between goes on with the next one.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from trainer.analysis.results import EVALUATION_NAME
from trainer.data.places import open_clips
from trainer.errors import ConfigError, Interrupted, TrainerError
from trainer.findings import examine
from trainer.results import figure_words
from trainer.session import Session
from trainer.trained import Trained, require_fit, trained_by
from wire.state import Phase

FOLDER = "evaluations"
"""Within artifacts/."""
SPLIT = "test"


def check_further(session: Session) -> None:
    """Refuse what the stage could not be done on, before anything is trained. Raises `ConfigError`, `DataError`."""
    for place in session.config.evaluate_on:
        if place in session.problem.tests:
            raise ConfigError(
                f"evaluate_on: {place!r} is a held-out test of the run itself, which it is tested on in any case",
                hint=f"a folder of that name is ./{place}",
            )
        clips = open_clips(place, SPLIT, session.config, session.stop.check)
        require_fit(trained_by(session), clips.source, place)


def evaluate_further(session: Session, results: dict[str, Any]) -> list[str]:
    """Add each data set's figures, beside its controls, to the tests of `results`; return what to be wary of.

    A data set that went away meanwhile is said and left out: training is not lost by it.
    """
    reporter, places, flags = session.reporter, session.config.evaluate_on, []
    for number, place in enumerate(places, 1):
        reporter.standing_message = f"evaluate {number} of {len(places)}: {place}"
        reporter.update(force=True, stage="evaluate", phase=Phase.EVALUATE.value, eta_s=None)
        folder = Path(session.run.artifacts) / FOLDER / f"{number}-{re.sub(r'[^A-Za-z0-9.]+', '-', place).strip('-.')}"
        try:
            content = _evaluation(session, trained_by(session), place, folder)
        except Interrupted:
            raise
        except TrainerError as exc:
            flags.append(f"not evaluated on {place}: {exc}")
            reporter.update(message=flags[-1])
            continue
        summary = content["summary"]
        results["tests"][place] = {name: summary[name] for name in ("metrics", "controls")}
        flags += [f"on {place}: {flag}" for flag in summary["flags"]]
        reporter.update(message=f"{place}: {figure_words(summary['metrics'])}")
    reporter.standing_message = ""
    return flags


def _evaluation(session: Session, trained: Trained, place: str, folder: Path) -> dict[str, Any]:
    """Return the content of evaluation.json, which an earlier attempt may have written."""
    try:
        before: dict[str, Any] = json.loads((folder / EVALUATION_NAME).read_bytes())
        told = before["evaluated"]["on"], before["summary"]["train_s"], before["data"]["digest"]
    except (OSError, ValueError, KeyError):
        pass  # there is none yet
    else:
        clips = open_clips(place, SPLIT, session.config, session.stop.check)
        if told == (place, trained.train_s, clips.facts["digest"]):
            return before

    def on_batch(done: int, total: int) -> None:
        session.reporter.update()
        session.stop.check()

    findings = examine(trained, place, SPLIT, on_batch)
    findings.write(folder)
    return findings.content
