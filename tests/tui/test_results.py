"""What ended runs and progress reports are said to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tui.desk import desk
from tests.tui.screen_text import plain
from tests.tui.worlds import WALL, disk_watch, ended, plain_command, result, running
from tui.format import Line, wrapped
from tui.progress import news, phase_words, prepared_share
from tui.results import best_control, ended_words, result_lines, result_words, took_words
from tui.words import count_words, last_words, share_done
from wire.records import Progress, RunSummary
from wire.state import State


def texts(lines: list[Line]) -> list[str]:
    return ["".join(text for text, _ in line).rstrip() for line in lines]


def progress(phase: str, message: str, **more: object) -> Progress:
    return Progress("a.1", 1, WALL, phase, message=message, **more)  # type: ignore[arg-type]


def test_a_result_is_one_line_with_its_interval() -> None:
    row = result(ended("a", State.COMPLETED, 0, ""))
    assert last_words(row) == ("accuracy 0.972 (0.94-0.98) · mse 0.021 · skill 0.75", "")


def test_no_skill_is_said_once_and_as_a_warning() -> None:
    row = result(ended("a", State.COMPLETED, 0, ""), "no skill", -0.3, ("no skill", "investigate: accuracy is odd"))
    assert last_words(row) == (
        "no skill (-0.30): accuracy 0.972 (0.94-0.98) · mse 0.021 · ▲ investigate: accuracy is odd", "warn",
    )  # fmt: skip


def test_a_result_without_figures_still_says_its_verdict() -> None:
    assert result_words(RunSummary("a.1", 0.0, "completed")) == ("completed", "")
    assert result_words(RunSummary("a.1", 0.0, "no skill")) == ("no skill", "warn")


@pytest.mark.parametrize("width", [48, 51, 100])
def test_every_figure_stands_beside_its_best_control(width: int) -> None:
    row = result(ended("a", State.COMPLETED, 0, ""))
    assert row.result is not None
    lines = texts(result_lines(row.result, 11, width))
    assert lines[0].startswith("result     acc   0.972 (0.94-0.98)") and lines[0].endswith("majority 0.25")
    assert "mse   0.021" in lines[1] and ("constant velocity 0.083" in lines[1] or width < 60)
    assert all(len(line) <= width for line in lines)


def test_the_best_control_is_the_hardest_one_and_odd_rows_are_passed_over() -> None:
    rows = {"a": {"pred_mse": 0.2}, "b_c": {"pred_mse": 0.1}, "d": {"pred_mse": None}, "e": 3, "f": {"pred_mse": True}}
    assert best_control(rows, "pred_mse") == ("b c", 0.1)
    assert best_control({"x": {"accuracy": 0.2}, "y": {"accuracy": 0.3}}, "accuracy") == ("y", 0.3)
    assert best_control(rows, "accuracy") is None


def test_a_plain_command_says_how_it_ended_not_its_last_beat() -> None:
    assert last_words(disk_watch()) == ("exit code 0: 71.3 GiB free", "dim")
    assert share_done(disk_watch()) is None
    assert last_words(plain_command("a"))[0] == "no progress reported"


def test_a_failed_run_says_why() -> None:
    row = ended("a", State.FAILED, 3, "exit code 3: CUDA out of memory")
    assert ended_words(row) == ("exit code 3: CUDA out of memory", "bad")


def test_how_long_a_run_took() -> None:
    row = ended("a", State.COMPLETED, 0, "")
    assert took_words(row) == "after 2 min 5 s"
    assert took_words(replace(row, attempt=f"{row.run}.2")) == "attempt 2"
    assert took_words(running("a")) == ""
    assert row.spec is not None and row.facts is not None
    assert took_words(replace(row, spec=replace(row.spec, created_s=WALL + 60))) == ""
    for skew_s in (0.9, -0.9):
        assert took_words(replace(row, facts=replace(row.facts, clock_skew_s=skew_s))) == "after 2 min 5 s"
    fast = replace(row, facts=replace(row.facts, clock_skew_s=60.0))
    assert took_words(fast) == "after 1 min 5 s", "a clock that runs ahead stamped the end"


def test_news_is_what_is_not_shown_beside_it() -> None:
    said = "train epoch 3/6 step 68/162 train_loss 2.406 val_loss 3.021 val_accuracy 36.4 % 2 min 43 s left"
    figures = {"train_loss": 2.406, "val_loss": 3.021, "val_accuracy": 0.364}
    report = progress("train", said, step=68, total_steps=162, total_epochs=6, metrics=figures, eta_s=163.0)
    assert news(report) == "" and phase_words(report) == "train · step 68/162"
    assert news(replace(report, message="loading torch")) == "loading torch"
    assert news(progress("custom", "halfway there, 3 min left")) == "halfway there, 3 min left"


def test_preparing_shows_the_bytes_of_the_download_and_never_a_full_bar_of_packages() -> None:
    loading = progress(
        "prepare", "installing torch 2.13.0, 95 of 190 MB, 9 s left (package 6 of 6)", step=6, total_steps=6
    )
    assert prepared_share(loading) == 0.5
    row = running("a", state=State.PREPARING, progress=loading, metrics=())
    assert (share_done(row), count_words(row)) == (0.5, "50 %")
    unpacking = replace(loading, message="installing 30 packages: unpacking, 11 s so far")
    assert prepared_share(unpacking) is None
    assert (share_done(replace(row, progress=unpacking)), count_words(replace(row, progress=unpacking))) == (None, "")
    assert prepared_share(replace(loading, message="installing tiny 1.0, 0 of 0 MB")) is None


def test_text_is_broken_between_words() -> None:
    assert wrapped("waiting for keypoint-a: installing numpy", 28) == ["waiting for keypoint-a:", "installing numpy"]
    assert wrapped("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


async def test_a_line_of_wide_letters_is_wrapped_and_loses_nothing() -> None:
    text = "漢字" * 60
    async with desk([running("a", log_tail=(text,))], (40, 12), "l") as (app, _, _):
        assert plain(app).count("漢") == 60


def test_a_hostile_message_costs_no_time() -> None:
    report = progress(
        "train", "1 s " * 50_000, total_epochs=3, eta_s=1.0, metrics={f"m{at}": 0.0 for at in range(5000)}
    )
    assert len(news(report)) <= 400
