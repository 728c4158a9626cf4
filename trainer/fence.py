"""The older copy of a run keeps its hands off the checkpoints once a newer attempt has begun.

A cluster may lose sight of a node on which the trainer still runs, and the run goes on elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from trainer.errors import Overtaken
from wire.run_dir import RunDir, attempt_number


def demand_newest(path: Path) -> None:
    """Raise `Overtaken` if `path` belongs to the run of our supervisor and another attempt has taken the run over."""
    folder, own = os.environ.get("TRAJVID_RUN_DIR", ""), attempt_number(os.environ.get("TRAJVID_ATTEMPT", ""))
    if not folder or own is None or Path(folder) not in path.parents:
        return
    run = RunDir(folder)
    # The newest may be no more than a folder yet, its launch under way, and the one before it have taken over.
    newer = next((n for n in range(run.last_attempt(), own, -1) if Path(run.attempt(n).job).exists()), 0)
    if newer:
        raise Overtaken(f"attempt {newer} has taken the run over: this one, {own}, writes nothing more")
