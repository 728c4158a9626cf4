"""A kill in the middle of writing a checkpoint: the one before it is whole, and the run ends as if nothing had been."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.trainer.conftest import environment
from tests.trainer.sessions import Run, assert_same_weights, tiny, values
from trainer.durable import write_durably

CONFIG = tiny("epochs=2", "checkpoint_every_epochs=1", "seed=1")
"""The second epoch is the better one, so all three are written after it."""
NAMES = ("best.pt", "checkpoint_epoch_2.pt", "last.pt")
WRITE_HALF = """
import os, signal, sys
from pathlib import Path
from trainer.durable import write_durably

def half(file):
    file.write(sys.stdin.buffer.read())
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)

write_durably(Path(sys.argv[1]), half)
"""


class Killed(BaseException):
    """Stands for the death of this process: another one has died in its place."""


def killed_writing(doomed: str) -> Callable[[Path, Callable[[BinaryIO], object]], None]:
    """Return a `write_durably` whose process is killed when it has written half of the file named `doomed`."""

    def write(path: Path, content: Callable[[BinaryIO], object]) -> None:
        if path.name != doomed:
            return write_durably(path, content)
        whole = io.BytesIO()
        content(whole)
        half = whole.getvalue()[: len(whole.getvalue()) // 2]
        done = subprocess.run([sys.executable, "-c", WRITE_HALF, str(path)], input=half, env=environment())
        assert done.returncode == -signal.SIGKILL
        raise Killed

    return write


@pytest.fixture(scope="module")
def one_epoch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "one"
    Run(folder, CONFIG).die_after_epoch()
    return folder


@pytest.fixture(scope="module")
def straight(one_epoch: Path) -> Path:
    folder = shutil.copytree(one_epoch, one_epoch.with_name("straight"))
    Run(folder, CONFIG).trainer.fit()
    return folder


@pytest.mark.parametrize("doomed", [NAMES[0], NAMES[-1]])
def test_the_one_before_is_usable(
    doomed: str, one_epoch: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = shutil.copytree(one_epoch, tmp_path / "split")
    folder = split / "checkpoints"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("trainer.checkpoint.write_durably", killed_writing(doomed))
        Run(split, CONFIG).trainer.fit()
    assert [path.name.startswith(f".tmp-{doomed}") for path in folder.glob(".tmp-*")] == [True], "half of it lies there"
    for name in NAMES[NAMES.index(doomed) :]:
        then, now = one_epoch / "checkpoints" / name, folder / name
        assert now.exists() == then.exists() and (not then.exists() or now.read_bytes() == then.read_bytes())

    Run(split, CONFIG).trainer.fit()
    assert values(split) == values(straight)
    for name in NAMES:
        assert_same_weights(split, straight, name)
    assert not list(folder.glob(".tmp-*"))
