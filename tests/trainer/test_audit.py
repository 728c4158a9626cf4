"""`trainer audit`: the three kinds pass it, declared leaks are flagged, what cannot be loaded is a failed check."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from renderer.catalogue import DATASETS, Wanted, make
from renderer.raster import draw
from renderer.scenes import CLUTTER, SceneRecipe
from tests.trainer.folders import write_folder
from trainer.__main__ import main
from trainer.data.audit import _in_view, audit
from trainer.data.audit_report import Check, Report
from trainer.data.dataset import RECIPE_NAME, write_dataset
from trainer.data.export import Layout, export
from trainer.data.leaks import of_tracks
from trainer.data.sightings import blocks, static, stuck, track


def report_of(folder: Path, name: str, tier: str, clips: int, **options: str) -> Report:
    write_dataset(folder, Wanted(name, tier, clips, 3, frames=DATASETS[name].frames[0], size_px=32, **options))
    return audit(folder)


def statuses(report: Report) -> dict[str, str]:
    return {check.name: check.status for check in report.checks}


@pytest.mark.parametrize(
    ("name", "tier", "probe"),
    [
        ("trajectories", "medium", "frame 8 alone"),
        ("persistence", "matched", "frames and things that are shown"),
        ("objects", "standard", "time of birth"),
    ],
)
def test_each_kind_passes(tmp_path: Path, name: str, tier: str, probe: str) -> None:
    report = report_of(tmp_path, name, tier, 160)
    assert not report.failed and statuses(report)[f"probe: {probe}"] == "ok"
    assert bool(report.bayes) == (name == "objects") and report.bayes.get("32", 1.0) == 1.0


@pytest.mark.parametrize(
    ("name", "tier", "options", "probe", "words"),
    [
        ("persistence", "easy", {}, "frames and things that are shown", "solved by counting"),
        ("objects", "easy", {}, "time of birth", "solved by counting"),
        ("objects", "standard", {"cue": "colour"}, "one sight of an object", "cue: colour"),
    ],
)
def test_a_leak_that_a_tier_declares_is_flagged_with_its_sentence(
    tmp_path: Path, name: str, tier: str, options: dict[str, str], probe: str, words: str
) -> None:
    report = report_of(tmp_path, name, tier, 120, **options)
    check = next(check for check in report.checks if check.name == f"probe: {probe}")
    assert check.status == "flag" and check.value is not None and check.value > 0.9 and words in check.detail
    assert not report.failed


def test_an_object_that_is_shown_outside_the_middle_fails_and_clutter_does_not() -> None:
    recipe = make(Wanted("objects", "standard", 4, 3, frames=32)).recipe
    assert isinstance(recipe, SceneRecipe)
    far = recipe.motion.copy()
    far[0, 0] += 9.0
    assert _in_view("", recipe.replace(motion=far)).status == "fail"
    assert (
        _in_view("", recipe.replace(motion=far, shown=recipe.shown * (recipe.identity > recipe.identity[0]))).status
        == "ok"
    )
    assert _in_view("", recipe.replace(motion=far, kind=np.full_like(recipe.kind, CLUTTER))).status == "ok"


def test_what_cannot_be_loaded_is_a_failed_check(tmp_path: Path) -> None:
    assert audit(tmp_path).failed
    report_of(tmp_path, "trajectories", "easy", 28)
    (tmp_path / RECIPE_NAME).write_bytes(b"damaged")
    report = audit(tmp_path)
    assert report.failed and [check.name for check in report.checks] == ["loading"]
    assert "content differs" in report.checks[0].detail


def test_exported_pixels_are_checked_beside_their_recipe(tmp_path: Path) -> None:
    from trainer.data.dataset import load_dataset

    report_of(tmp_path, "trajectories", "easy", 28)
    export(tmp_path, load_dataset(tmp_path), Layout("npy"))
    assert statuses(audit(tmp_path))["exported files"] == "ok"
    video = np.load(tmp_path / "videos.npy", mmap_mode="r+")
    video[3, 2, 1, 0, 0] ^= 1
    video.flush()
    assert statuses(audit(tmp_path))["exported files"] == "fail"


def test_the_verb_prints_a_table_or_json_and_exits_by_the_worst(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(write_folder(tmp_path))
    assert main(["audit", folder]) == 0
    assert "twins but for noise" in capsys.readouterr().out
    assert main(["audit", folder, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failed"] is False and {"name", "status", "value", "limit", "detail"} == set(report["checks"][0])
    assert main(["audit", str(tmp_path / "nowhere")]) == 1


def test_words_in_brackets_are_printed_as_they_are() -> None:
    console = Console(file=io.StringIO(), width=200)
    Report("a[bold]b", "[red]", [Check("[x]", "ok", detail="clips [1, 2]")]).print(console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(text in said for text in ("a[bold]b: [red]", "[x]", "clips [1, 2]", "0 failed, 0 flagged, 1 ok"))


def test_a_track_is_found_to_a_tenth_of_a_pixel_on_any_background() -> None:
    rng = np.random.default_rng(2)
    place = rng.uniform(8, 56, (6, 2))[:, None] + np.cumsum(rng.normal(0, 0.4, (6, 8, 2)), axis=1)
    clip, frame = (part.reshape(-1) for part in np.indices((6, 8)))
    video = np.zeros((6, 8, 3, 64, 64), np.uint8)
    draw(video, clip, frame, place.reshape(-1, 2), np.full(48, 2.5), np.full((48, 3), 200, np.uint8))
    noise = rng.normal(0, 6, video.shape)
    for background in (0, 30, 255):
        shown = np.clip(np.abs(background - video.astype(float)) + noise, 0, 255).astype(np.uint8)
        found, weight = track(shown)
        assert np.abs(found - place).max() < 0.2 and not static(shown).any() and not stuck(found, 64).any()
        assert weight.min() > 0
    nothing, weight = track(np.zeros((1, 8, 3, 64, 64), np.uint8))
    assert np.isnan(nothing).all() and weight.max() == 0


def test_a_stuck_track_is_told_from_one_that_runs_along_the_border() -> None:
    free = np.stack([np.linspace(-20, 60, 16), np.linspace(20, 40, 16)], axis=1)
    along = np.stack([np.full(16, 4.0), np.linspace(10, 50, 16)], axis=1)
    turning = np.stack([3 + (np.arange(16) - 8) ** 2 * 0.15, np.linspace(10, 50, 16)], axis=1)
    tracks = np.stack([np.clip(free, 3.2, 60.8), np.clip(free[::-1], 3.2, 60.8), along, turning])
    assert stuck(tracks, 64).tolist() == [True, True, False, False]


@pytest.mark.parametrize("block_px", [2, 3, 4, 20])
def test_blocks_are_means_of_squares(block_px: int) -> None:
    video = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 45, 45)).astype(np.uint8)
    video[0] = 255
    count = 45 // block_px
    cut = video[..., : count * block_px, : count * block_px]
    expected = cut.reshape(2, 3, 3, count, block_px, count, block_px).mean(axis=(4, 6))
    assert blocks(video, block_px) == pytest.approx(expected, abs=1e-4)


def test_the_brightness_of_a_trail_is_that_of_its_first_frame() -> None:
    """Later ones show how far the path went, which is no leak: `--style trail` would fail every audit."""
    weight = np.arange(32.0).reshape(2, 16) + 1
    seen = (np.zeros((2, 16, 2)), weight, np.arange(2), np.arange(2))
    light = {frames: of_tracks(*seen, frames)[-1] for frames in ((0,), (0, 8, 15))}
    assert {probe.name for probe in light.values()} == {"mean brightness"}
    assert light[(0,)].features[:, 0] == pytest.approx(np.sqrt(weight[:, 0]))
    assert light[(0, 8, 15)].features[:, 0] == pytest.approx(np.sqrt(weight.mean(axis=1)))


def test_ctrl_c_ends_an_audit_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(folder: Path) -> Report:
        raise KeyboardInterrupt

    monkeypatch.setattr("trainer.data.audit.audit", interrupted)
    assert main(["audit", str(tmp_path)]) == 130
    assert capsys.readouterr().err == "trainer: stopped by SIGINT\n"


def test_an_unknown_option_names_the_help_of_its_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["generate", "objects", "--teir", "fast"])
    assert "unknown option --teir; `trainer generate --help` lists what there is" in capsys.readouterr().err


def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path, **options: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", forbidden)
    monkeypatch.setattr(Path, "read_bytes", forbidden)
    check = audit(tmp_path).checks[0]
    assert check.status == "fail" and "metadata.json: cannot be read: Permission denied" in check.detail
