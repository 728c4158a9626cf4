"""The older copy of a run, on a node that was out of sight, cannot write over the newer one's checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.durable import write_durably
from trainer.errors import Overtaken
from wire.run_dir import TEMPORARY_PREFIX


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of attempt 1, which this process is; its checkpoint says `one`."""
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    (run / "attempts" / "1").mkdir(parents=True)
    (run / "attempts" / "1" / "job").write_text("{}")
    monkeypatch.setenv("TRAJVID_RUN_DIR", str(run))
    monkeypatch.setenv("TRAJVID_ATTEMPT", "run.1")
    write(run / "checkpoints" / "last.pt", b"one")
    return run


def write(path: Path, content: bytes) -> None:
    write_durably(path, lambda file: file.write(content))


def test_a_newer_attempt_fences_the_older(run: Path) -> None:
    (run / "attempts" / "2").mkdir()
    write(run / "checkpoints" / "last.pt", b"still one")  # a launch that died before its job record took nothing over
    (run / "attempts" / "2" / "job").write_text("{}")
    with pytest.raises(Overtaken, match="attempt 2 has taken the run over"):
        write(run / "checkpoints" / "last.pt", b"late")
    assert (run / "checkpoints" / "last.pt").read_bytes() == b"still one"
    assert not list((run / "checkpoints").glob(f"{TEMPORARY_PREFIX}*"))


def test_a_launch_under_way_does_not_hide_who_took_over(run: Path) -> None:
    (run / "attempts" / "2").mkdir()
    (run / "attempts" / "2" / "job").write_text("{}")
    (run / "attempts" / "3").mkdir()
    with pytest.raises(Overtaken, match="attempt 2 has taken the run over"):
        write(run / "checkpoints" / "last.pt", b"late")


def test_what_is_not_of_the_run_is_free(run: Path, tmp_path: Path) -> None:
    (run / "attempts" / "2").mkdir()
    (run / "attempts" / "2" / "job").write_text("{}")
    write(tmp_path / "elsewhere.pt", b"mine")
    assert (tmp_path / "elsewhere.pt").read_bytes() == b"mine"
