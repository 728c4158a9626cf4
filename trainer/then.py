"""The stages that may follow the last one of training, by their names in `then`: a new one is a file and a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trainer.describe_stage import describe_further
from trainer.evaluate_stage import evaluate_further
from trainer.session import Session

STAGES: dict[str, Callable[[Session, dict[str, Any]], list[str]]] = {
    "evaluate": evaluate_further,
    "describe": describe_further,
}
"""Each takes the session, its best weights loaded, and adds what it finds to the content of training_results.json. It
returns what a reader must know. A resumed run comes to it again: what was finished is not done anew.
"""
