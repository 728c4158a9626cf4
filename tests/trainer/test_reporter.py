"""Rate limits, pace and truncation, with a clock of our own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.reporter import Reporter
from trainer.words import duration
from wire.records import Progress, RunSummary
from wire.run_dir import RunDir


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(tmp_path: Path) -> tuple[Reporter, Clock, list[str]]:
    clock, said = Clock(), []
    reporter = Reporter(
        RunDir(str(tmp_path)),
        "r.1",
        lambda progress, important: said.append(progress.message) if important else None,
        clock,
    )
    return reporter, clock, said


def read(tmp_path: Path) -> Progress:
    return Progress.from_bytes((tmp_path / "progress.json").read_bytes())


def test_progress_is_written_at_most_twice_a_second(tmp_path: Path) -> None:
    reporter, clock, _ = make(tmp_path)
    reporter.update(phase="train", step=1)
    for step in range(2, 102):
        clock.now += 0.01
        reporter.update(step=step)
    assert read(tmp_path).seq == 3
    reporter.update(force=True, step=200)
    assert (read(tmp_path).seq, read(tmp_path).step) == (4, 200)


def test_a_new_phase_is_written_at_once(tmp_path: Path) -> None:
    reporter, _, _ = make(tmp_path)
    reporter.update(phase="train")
    reporter.update(phase="evaluate")
    assert read(tmp_path).phase == "evaluate"


def test_the_sequence_grows_across_a_resume(tmp_path: Path) -> None:
    make(tmp_path)[0].update(force=True)
    make(tmp_path)[0].update(force=True)
    assert read(tmp_path).seq == 2


def test_time_left_is_the_mean_pace_of_this_attempt(tmp_path: Path) -> None:
    reporter, clock, _ = make(tmp_path)
    reporter.update(phase="train", step=50, total_steps=100)
    assert read(tmp_path).eta_s is None
    reporter.start_pace(50)
    clock.now += 20
    reporter.update(step=60)
    assert read(tmp_path).eta_s == pytest.approx(80)
    reporter.update(force=True, step=100)
    assert read(tmp_path).eta_s == 0


def test_messages_are_said_at_once_and_do_not_stick(tmp_path: Path) -> None:
    reporter, clock, said = make(tmp_path)
    reporter.update(message="loading torch")
    reporter.update(force=True, phase="train", step=3, total_steps=9, total_epochs=2)
    assert said == ["loading torch"]
    assert read(tmp_path).message == "train epoch 1/2 step 3/9"
    clock.now += 10
    reporter.update(metrics={"train_loss": 0.5})
    assert said == ["loading torch"]
    assert read(tmp_path).message == "train epoch 1/2 step 3/9 train_loss 0.5"
    page = (tmp_path / "PROGRESS.txt").read_text()
    assert "3 of 9" in page and "33.3 %" in page and "train_loss" in page


def test_lines_of_lost_work_are_cut_and_the_file_is_a_new_one(tmp_path: Path) -> None:
    reporter, _, _ = make(tmp_path)
    for step in range(1, 6):
        reporter.log_metrics(step, step / 2, {"train_loss": float("nan") if step == 2 else step})
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + b'{"step": 6, "epo')
    before = path.stat().st_ino
    reporter.cut_metrics(3)
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == [1, 2, 3] and path.stat().st_ino != before
    assert json.loads(path.read_text().splitlines()[1])["values"] == {"train_loss": None}
    unchanged = path.stat().st_ino
    reporter.cut_metrics(3)
    assert path.stat().st_ino == unchanged


def test_a_failed_write_is_said_once_and_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reporter, _, _ = make(tmp_path / "gone")
    reporter.update(force=True)
    reporter.log_metrics(1, 1, {})
    reporter.write_result(RunSummary(attempt="r.1", at_s=0.0, verdict="completed"))
    assert reporter.failures == 4
    assert capfd.readouterr().err.count("WARNING cannot write progress.json") == 1


def test_durations_read_well() -> None:
    assert [duration(value) for value in (4.2, 185, 7620, None)] == ["4 s", "3 min 05 s", "2 h 07 min", "unknown"]
