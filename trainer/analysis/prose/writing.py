"""What `trainer analyze --llm` leaves beside the numeric report."""

from __future__ import annotations

import time
from pathlib import Path

from trainer.analysis.analysis import analyse
from trainer.analysis.prose import page, prompt
from trainer.analysis.prose.page import Prose
from trainer.analysis.prose.rules import Rules
from trainer.analysis.prose.run_facts import facts_of
from trainer.analysis.results import Results
from trainer.analysis.writing import as_text, writable, write
from trainer.errors import ProviderError
from trainer.language.providers.opening import open_writer
from trainer.language.providers.spec import LOCAL, RULES, parse_spec
from trainer.language.providers.spending import Budget
from trainer.language.providers.writer import Writer

PAGE, JSON = "llm_analysis.md", "llm_analysis.json"
MAX_TOKENS = 6000
"""Of an answer, the thoughts of a model that reasons included; six sections are about 1,500."""
LOCAL_TOKENS = 2000
"""Of a local model's, where each takes time."""


def open_reviewer(spec: str, spend_usd: float | None = None) -> Writer | None:
    """Open a language model, which checks all that can be checked before it is asked; None for the rules.

    Raises `ConfigError` for a spec that means nothing, a missing key, library or model.
    """
    asked = parse_spec(spec)
    if asked.provider == RULES:
        return None
    tokens = LOCAL_TOKENS if asked.provider == LOCAL else MAX_TOKENS
    return open_writer(spec, max_tokens=tokens, budget=Budget(spend_usd))


def write_prose(results: Results, folder: Path, model: Writer | None) -> Prose:
    """Write llm_analysis.md and llm_analysis.json of a run into a folder that exists.

    Raises `ProviderError` if the model gave no answer (then what an earlier one wrote is still there) or none of the
    six sections (then the page has what it wrote), `TrainerError` if the folder cannot be written.
    """
    analysis = analyse(results)
    facts = facts_of(analysis)
    writer = model or Rules(analysis, facts)
    answer = writer.write(prompt.system(), prompt.user(analysis, facts))
    prose = Prose.of(results.name, writer.name, answer, facts, time.time())
    with writable(folder):
        write(folder / PAGE, page.markdown(prose))
        write(folder / JSON, as_text(page.as_json(prose, facts)))
    if not prose.parsed.sections:
        raise ProviderError(
            f"{writer.name} wrote none of the six sections", hint=f"what it wrote is in {folder / PAGE}"
        )
    return prose
