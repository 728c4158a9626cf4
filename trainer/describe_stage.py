"""Stage `describe`: once trained, a run describes clips of its test split, as `trainer describe` does.

Answers of language models are kept in the run's checkpoints, so a run that was stopped here asks for nothing twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainer.errors import Interrupted, TrainerError
from trainer.language.described import Described, about_model, command_of
from trainer.language.describer import Describer
from trainer.language.descriptions_page import figure_words
from trainer.language.gathering import gather, sample_clips
from trainer.language.providers.opening import open_pair
from trainer.language.providers.spending import Budget
from trainer.language.rates import named
from trainer.language.rows import describe_rows, plan
from trainer.session import Session
from trainer.trained import trained_by
from trainer.trajectories_problem import trajectories_of
from wire.state import Phase

ANSWERS = "answers"
"""Within checkpoints/: what a resumed run needs, and nobody reads."""


def check_describe(session: Session) -> None:
    """Refuse what could not be described, and a provider that could not be asked: a wrong name, a missing key, library
    or model. Raises `ConfigError`, `DataError`.
    """
    if "describe" in session.config.then:
        sample_clips(trajectories_of(session).data.test, session.config.data, 1)
        _open(session)


def _open(session: Session) -> Describer:
    config = session.config
    budget = Budget(config.describe_spend or None)
    return open_pair(
        config.describe_with, config.equations_with, cache=Path(session.run.checkpoints) / ANSWERS, budget=budget
    )


def describe_further(session: Session, results: dict[str, Any]) -> list[str]:
    """Write artifacts/descriptions.*, put their figures into `results`; return what to be wary of.

    A provider that cannot be asked any more, or gives no answer, is said: training is not lost by it.
    """
    reporter = session.reporter
    reporter.update(force=True, stage="describe", phase=Phase.EVALUATE.value, eta_s=None, message="describing clips")
    try:
        described = _describe(session, _open(session))
    except Interrupted:
        raise
    except TrainerError as exc:
        problem = f"not described: {exc}"
        reporter.update(message=problem)
        return [problem]
    finally:
        reporter.standing_message = ""
    content = described.content()
    reporter.guard("descriptions", lambda: described.write(Path(session.run.artifacts), content))
    results["language"] = {name: content[name] for name in ("described", "rows", "flags", "usage")}
    results["language"]["figures"] = named(content["rows"][0]["rates"]["all"])
    reporter.update(message=f"described by {content['described']['provider']}: {figure_words(content)}")
    return [f"descriptions: {flag}" for flag in content["flags"]]


def _describe(session: Session, describer: Describer) -> Described:
    """Describe test clips from the model's evidence, then from less and from more."""
    config, trained, data = session.config, trained_by(session), trajectories_of(session).data

    def on_batch(done: int, total: int) -> None:
        session.reporter.update()
        session.stop.check()

    def tell(name: str, done: int, total: int) -> None:
        session.reporter.standing_message = f"describe by {describer.name}, {name}: {done} of {total} clips"
        on_batch(done, total)

    gathered = gather(trained, data.test, config.data, config.describe_clips, on_batch, data.validation)
    place = config.data or config.tier
    command = command_of(
        session.run.path, place, "test", config.describe_clips, config.describe_with, config.equations_with
    )
    about = about_model(trained, place, "test", describer.name, command)
    described = Described({**about, "notes": list(gathered.notes)}, gathered)
    describe_rows(describer, plan(gathered.evidence, gathered.ceiling, True), described.rows, tell)
    return described
