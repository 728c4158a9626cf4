"""`trainer generate`: what it says, what it refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from renderer.catalogue import DATASETS
from renderer.noise import MODES
from tests.trainer.conftest import Start, environment
from trainer.__main__ import main
from trainer.data.dataset import RECIPE_NAME, load_dataset
from trainer.data.manifest import MANIFEST_NAME
from trainer.meter import Meter
from wire.records import Progress

Answer = tuple[int, str, str]
Ask = Callable[..., Answer]


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Ask]:
    """Give `trainer generate` some words in an empty folder; return its status, stdout and stderr."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)}
    monkeypatch.chdir(tmp_path)

    def answer(*words: str) -> Answer:
        try:
            code = main(["generate", *words])
        except SystemExit as exc:
            code = int(exc.code or 0)
        return (code, *capfd.readouterr())

    yield answer
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_a_data_set_is_drawn_and_told_in_one_line(ask: Ask) -> None:
    code, out, err = ask("trajectories", "--clips", "80", "--tier", "easy")
    assert (code, err) == (0, "") and out.count("\n") == 1
    assert "data/trajectories-easy: trajectories, tier easy, 80 clips (56 train, 12 validation, 12 test)" in out
    assert len(load_dataset(Path("data/trajectories-easy")).recipe) == 80


def test_the_same_wish_again_is_already_there(ask: Ask) -> None:
    ask("objects", "--clips", "80", "--out", "d")
    before = {path: path.stat().st_mtime_ns for path in Path("d").rglob("*")}
    code, out, _ = ask("objects", "--clips", "80", "--out", "d")
    assert code == 0 and out.startswith("d: already there: objects, tier standard, 80 clips")
    assert {path: path.stat().st_mtime_ns for path in Path("d").rglob("*")} == before


def test_a_folder_with_another_data_set_is_left_alone(ask: Ask) -> None:
    ask("trajectories", "--clips", "80", "--out", "d")
    before = Path("d", MANIFEST_NAME).read_bytes()
    code, _, err = ask("trajectories", "--clips", "80", "--seed", "3", "--split", ".6", ".2", ".2", "--out", "d")
    assert code == 2 and "d holds another data set (seed 0, not 3, split (0.7, 0.15, 0.15), not (0.6, 0.2, 0.2))" in err
    assert Path("d", MANIFEST_NAME).read_bytes() == before


def test_a_folder_with_other_files_is_left_alone(ask: Ask) -> None:
    Path("d").mkdir()
    Path("d/thesis.tex").write_text("years of work")
    code, _, err = ask("trajectories", "--clips", "80", "--out", "d")
    assert code == 2 and "d is not empty and holds no data set (but thesis.tex)" in err
    assert [path.name for path in Path("d").iterdir()] == ["thesis.tex"]
    Path("e/tests").mkdir(parents=True)
    Path("e/tests/.tmp-mine").write_text("")
    code, _, err = ask("trajectories", "--clips", "80", "--out", "e")
    assert code == 2 and "e is not empty and holds no data set (but tests/.tmp-mine)" in err
    Path("f").write_text("")
    code, _, err = ask("trajectories", "--clips", "80", "--out", "f")
    assert code == 2 and "f is not a folder" in err


def test_what_a_kill_left_is_written_over(ask: Ask) -> None:
    ask("trajectories", "--clips", "80", "--out", "whole")
    shutil.copytree("whole", "d")
    Path("d", MANIFEST_NAME).unlink()
    Path("d", RECIPE_NAME).write_bytes(b"of another wish")
    Path("d/tests/.tmp-noisy.npz.1.2").write_bytes(b"half")
    assert ask("trajectories", "--clips", "80", "--out", "d")[0] == 0
    assert not subprocess.run(["diff", "-r", "whole", "d"], capture_output=True, check=False).stdout


def test_a_damaged_data_set_is_not_called_there(ask: Ask) -> None:
    ask("trajectories", "--clips", "80", "--out", "d")
    os.truncate(f"d/{RECIPE_NAME}", 1000)
    code, out, err = ask("trajectories", "--clips", "80", "--out", "d")
    assert (code, out) == (1, "") and "d/recipe.npz: content differs from its manifest" in err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["trajektories"], "no data set 'trajektories'; did you mean 'trajectories'?; known: trajectories, pers"),
        (["trajectories", "--tier", "mediun"], "did you mean 'medium'?; known: medium"),
        (["trajectories", "--clips", "0"], "clips cannot be 0: a number from 1 to 10,000,000 is needed"),
        (["trajectories", "--clips", "-4"], "clips cannot be -4"),
        (["trajectories", "--clips", "10000001"], "clips cannot be 10000001"),
        (["trajectories", "--clips", "1000000", "--variants", "180"], "clips cannot be 1000000: a number from 1 to 55"),
        (["trajectories", "--clips", "many"], "argument --clips: invalid int value: 'many'"),
        (["trajectories", "--size", "0"], "size_px cannot be 0: a whole number from 8 to 2048 is needed"),
        (["trajectories", "--size", "-64"], "size_px cannot be -64"),
        (["trajectories", "--size", "1000000000"], "size_px cannot be 1000000000"),
        (["trajectories", "--frames", "0"], "trajectories has 16 or 32 frames, not 0"),
        (["objects", "--frames", "16"], "objects has 32 frames, not 16"),
        (["trajectories", "--seed", "-1"], "seed cannot be -1: a number from 0 to 2,147,483,647"),
        (["trajectories", "--cue", "motion"], "no cue of trajectories 'motion'"),
        (["objects", "--style", "trail"], "no style of objects 'trail'"),
        (["objects", "--variants", "2"], "variants of objects cannot be 2: only 1 is possible"),
        (["trajectories", "--variants", "181"], "variants of trajectories cannot be 181: a number from 1 to 180"),
        (["persistence", "--clutter", "3"], "clutter of persistence cannot be 3: only 0 is possible"),
        (["trajectories", "--noise", "loud"], "no noise 'loud'; known: exact, bank"),
        (["trajectories", "--split", "0.9", "0.2", "0.1"], "the shares add up to 1.2, not 1; for example 0.7 0.15"),
        (["trajectories", "--split", "1", "0", "0"], "three shares between 0 and 1 are needed"),
        (["trajectories", "--clips", "8"], "the validation split lacks class linear, circular, helical, parabolic"),
        (["trajectories", "--clips", "3"], "lacks class"),
        (["trajectories", "--export", "avi"], "invalid choice: 'avi'"),
        (["trajectories", "--workers", "2"], "--workers is about pixels; add --export npy"),
        (["trajectories", "--export", "npy", "--workers", "0"], "--workers cannot be 0: a number from 1 to 256"),
        (["trajectories", "--export", "npy", "--shard-clips", "-1"], "--shard-clips cannot be -1"),
        (["trajectories", "epochs=3"], "unknown argument epochs=3"),
        (["trajectories", "--colour"], "unknown option --colour"),
    ],
)
def test_a_wrong_wish_is_one_clear_line_and_leaves_nothing(ask: Ask, words: list[str], problem: str) -> None:
    code, out, err = ask(*words)
    assert code in (1, 2) and out == "" and problem in err.splitlines()[-1], err
    assert list(Path().iterdir()) == []


def test_a_disk_too_small_for_the_pixels_is_told_before_the_first_byte(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    code, out, err = ask("trajectories", "--clips", "10000", "--export", "npy")
    assert (code, out) == (1, "")
    assert "1.97 GB and a margin of 33.6 MB are needed, but 1 GB are free" in err
    assert list(Path().iterdir()) == []


def mount(size: str, *options: str) -> None:
    words = ["mount", "-t", "tmpfs", "-o", ",".join((*options, f"size={size}")), "tmpfs", "small"]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")


@pytest.fixture
def small_disk(ask: Ask) -> Iterator[Path]:
    """A disk of 40 MiB in the folder `small`."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small disk")
    Path("small").mkdir()
    mount("40m")
    yield Path("small")
    subprocess.run(["umount", "small"], check=True)


def test_a_really_small_disk_is_told_before_the_first_byte(ask: Ask, small_disk: Path) -> None:
    code, _, err = ask("trajectories", "--clips", "100", "--export", "npy", "--out", "small/d")
    assert code == 1 and "19.7 MB and a margin of 33.6 MB are needed, but 41.9 MB are free" in err
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_really_fills_up_is_told_and_gone_on_from(
    ask: Ask, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else takes the room after it was asked for."""
    words = ["trajectories", "--clips", "100", "--export", "npy", "--checkpoint-clips", "10"]
    (small_disk / "other").write_bytes(bytes(30 * 1024**2))
    usage = shutil.disk_usage(small_disk)._replace(free=10**12)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage)
        code, _, err = ask(*words, "--out", "small/d")
    assert code == 1 and err.endswith(
        "the disk is full; make room and give the same command again: it goes on from there\n"
    )
    assert Path("small/d/.tmp-export.jsonl").read_bytes().count(b"\n") == 6, "the plan, and 5 blocks of 1.97 MB"
    mount("200m", "remount")
    assert ask(*words, "--out", "small/d")[0] == ask(*words, "--out", "whole")[0] == 0
    assert not subprocess.run(["diff", "-r", "whole", "small/d"], capture_output=True, check=False).stdout


def test_two_at_once_in_one_folder_are_refused(ask: Ask) -> None:
    Path("d").mkdir()
    descriptor = os.open("d", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    code, _, err = ask("trajectories", "--clips", "80", "--out", "d")
    os.close(descriptor)
    assert code == 2 and "d: another `trainer generate` is at work there; wait for it" in err


@pytest.mark.parametrize("size", [8, 128])
def test_variants_are_views_of_one_scene_in_one_split(ask: Ask, size: int) -> None:
    code, out, _ = ask("trajectories", "--clips", "40", "--variants", "7", "--size", str(size), "--out", "d")
    assert code == 0 and "280 clips" in out
    data = load_dataset(Path("d"))
    assert np.bincount(data.recipe.scene).tolist() == [7] * 40
    assert {len(test) for test in data.tests.values()} == {len(data.rows["test"]) // 7}
    assert len(np.unique(data.recipe.noise_seed)) == 280
    views = {(row.tobytes(), level) for row, level in zip(data.recipe.motion, data.recipe.noise_sigma, strict=True)}
    assert len(views) > 120, "a scene is seen in phases and noise levels of all kinds"


def test_help_teaches_every_choice(ask: Ask) -> None:
    code, out, _ = ask("--help")
    assert code == 0
    for name, data in DATASETS.items():
        listed = f"tiers {', '.join(data.tiers)}"
        assert f"  {name}" in out and listed in " ".join(out.split()), (name, listed)
        for choice in (*data.styles, *data.cues):
            assert choice in out
    assert all(mode in out for mode in MODES) and "examples:" in out


def test_choices_come_without_torch() -> None:
    """A wrong option is an answer within a moment, and generating needs no torch at all."""
    code = "import sys, trainer.__main__, trainer.generate, trainer.data.generate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 0


def test_progress_is_plain_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("trainer.meter.LINE_INTERVAL_S", 0.0)
    with Meter("render", 4000, 1000) as meter:
        meter.advance(500)
    line = capfd.readouterr().err
    assert "render: 1,500 of 4,000 clips, " in line and " clips/s, " in line and line.endswith(" s left\n")


def test_progress_is_a_bar_with_rate_and_remaining_time_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Meter("render", 4000, 1000) as meter:
        meter.advance(500)
    shown = terminal.getvalue()
    assert "render" in shown and "1500/4000" in shown and "/s" in shown and "left" in shown


def test_ctrl_c_says_how_to_go_on(start: Start, tmp_path: Path) -> None:
    """An export of 400 MB cannot be over before its first checkpoint is seen."""
    words = ["generate", "trajectories", "--clips", "2000", "--export", "npy", "--checkpoint-clips", "20", "--out", "d"]
    process = start(*words)
    journal = tmp_path / "d/.tmp-export.jsonl"
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 2):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=30)[0].decode()
    assert process.returncode == 130 and text.endswith(
        "stopped by SIGINT; the same command goes on from the last checkpoint\n"
    )
    assert not (tmp_path / "d/videos.npy").exists() and not (tmp_path / "d/metadata.json").exists()


def test_a_worker_that_generates_reports_its_clips(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJVID_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("TRAJVID_ATTEMPT", "r.1")
    assert ask("trajectories", "--clips", "40", "--size", "16", "--export", "npy", "--checkpoint-clips", "20")[0] == 0
    progress = Progress.from_bytes((tmp_path / "progress.json").read_bytes())
    assert (progress.attempt, progress.phase, progress.eta_s) == ("r.1", "done", 0.0)
    assert progress.samples_done == progress.samples_total == 40 and "npy" in progress.message
    assert (tmp_path / "artifacts/data/trajectories-medium/videos.npy").is_file()
    assert "clips       40 of 40" in (tmp_path / "PROGRESS.txt").read_text()
