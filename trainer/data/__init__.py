"""From a recipe on disk to batches: splits, manifest, loading, rendering; and the plain doors for notebooks."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "RecipeDataset": "trainer.data.recipe_dataset",
    "TrajectoryRenderer": "trainer.data.plain",
    "generate_dataset": "trainer.data.plain",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for: most of this package is needed without torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
