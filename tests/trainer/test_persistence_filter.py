"""A filter put to use: its whole interface, what it refuses, and that it says when it decided."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.video import render
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.objects.tracks import Track
from trainer.persistence.build import build_pipeline, description_of
from trainer.persistence.figures import Scored
from trainer.persistence.filter import FILTER_NAME, PersistenceFilter
from trainer.persistence.lines import clip_lines, read_tracks, track_lines
from trainer.persistence.promoting import choose_threshold, promoted_threshold
from trainer.persistence.rules import RULES, best_threshold, binary_metrics, evidence, rule_table

from .test_persistence_pipeline import recipe_of, straight


def filter_in(folder: Path, features: str = "statistical", threshold: float = 0.5) -> PersistenceFilter:
    torch.manual_seed(3)
    pipeline = build_pipeline(features)  # type: ignore[arg-type]
    known = {**description_of(pipeline), "frames": 25, "size_px": 64}
    torch.save({"persistence": known, "model": pipeline.state_dict()}, folder / FILTER_NAME)
    return PersistenceFilter(folder, threshold)


@pytest.fixture
def clip() -> np.ndarray:
    return render(recipe_of(clips=1))[0]


@pytest.fixture
def tracks() -> list[Track]:
    return [straight(np.arange(20)), straight(np.arange(3, 7), (40, 10)), straight(np.array([5]), (50, 50))]


def test_the_interface(tmp_path: Path, clip: np.ndarray, tracks: list[Track]) -> None:
    chosen = filter_in(tmp_path)
    persistent, confidence, attention = chosen.predict(clip)
    assert persistent == (confidence >= 0.5)
    assert attention.shape == (4, 4, 25, 25)
    assert np.allclose(attention.sum(axis=-1), 1, atol=1e-5)
    scores = chosen.get_persistence_scores(tracks)
    assert scores.shape == (3,)
    chosen.update_threshold(float(np.sort(scores)[1]))
    kept = chosen.filter_tracks(tracks)
    assert kept == [one for one, score in zip(tracks, scores, strict=True) if score >= chosen.threshold]
    assert chosen.batch_filter_tracks([tracks, []]) == [kept, []]
    why = chosen.get_explanation(clip)
    assert len(why["frame_scores"]) == len(why["attention_received"]) == 25
    assert set(why["log_odds_lost_without"]) == {"presence", "position", "size", "speed", "coherence"}
    json.dumps(why, allow_nan=False)


def test_looking_at_pixels_needs_pixels(tmp_path: Path, clip: np.ndarray, tracks: list[Track]) -> None:
    chosen = filter_in(tmp_path, "hybrid")
    with pytest.raises(DataError, match="looks at pixels"):
        chosen.filter_tracks(tracks)
    assert len(chosen.get_persistence_scores(tracks, clip)) == 3
    assert "looks" in chosen.get_explanation(clip)["log_odds_lost_without"]


def test_an_early_decision_is_one_of_what_was_seen_by_then(tmp_path: Path, clip: np.ndarray) -> None:
    chosen = filter_in(tmp_path)
    early = chosen.decide(clip[:10])
    assert early.decided_at_frame == 10
    assert chosen.decide(clip).decided_at_frame == 25
    # the frames to come change nothing: the trap is to read it off a decision that saw them
    other = np.concatenate([clip[:10], np.zeros_like(clip[10:])])
    assert chosen.decide(other[:10]).confidence == early.confidence
    assert chosen.decide(clip).confidence != early.confidence
    metrics = Scored(np.array([0.9, 0.2]), np.array([1, 0])).metrics(decided_at_frame=10)
    assert metrics["decided_at_frame"] == 10


def test_a_clip_of_nothing_persists_not(tmp_path: Path) -> None:
    decision = filter_in(tmp_path).decide(np.zeros((25, 3, 64, 64), np.uint8))
    assert not decision.is_persistent
    assert decision.tracks == ()
    assert decision.attention.shape == (4, 4, 0, 0)
    why = filter_in(tmp_path).get_explanation(np.zeros((25, 3, 64, 64), np.uint8))
    assert why["words"].startswith("nothing was followed")


def test_bad_tracks_and_clips_are_refused_by_name(tmp_path: Path, clip: np.ndarray) -> None:
    chosen = filter_in(tmp_path)
    broken = straight(np.arange(5))
    broken.boxes[2, 0] = np.nan
    with pytest.raises(DataError, match=r"track 0: box 2 .* not finite"):
        chosen.filter_tracks([broken])
    with pytest.raises(DataError, match="not ascending from 0 to 24"):
        chosen.filter_tracks([straight(np.arange(20, 30))])
    with pytest.raises(DataError, match="colours come last"):
        chosen.predict(clip.transpose(0, 2, 3, 1))
    with pytest.raises(DataError, match="65 frames"):
        chosen.predict(np.zeros((65, 3, 64, 64), np.uint8))
    with pytest.raises(ConfigError, match="threshold cannot be"):
        chosen.update_threshold(1.5)


def test_what_is_no_filter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        PersistenceFilter(tmp_path / "none")
    with pytest.raises(CheckpointError, match="holds neither"):
        PersistenceFilter(tmp_path)
    (tmp_path / FILTER_NAME).write_bytes(b"no")
    with pytest.raises(CheckpointError, match="no filter"):
        PersistenceFilter(tmp_path)
    torch.save({"model": {}}, tmp_path / FILTER_NAME)
    with pytest.raises(CheckpointError, match="another kind of experiment"):
        PersistenceFilter(tmp_path)


def test_lines_in_and_out(tmp_path: Path, clip: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = filter_in(tmp_path)
    np.save(tmp_path / "clips.npy", clip[None])
    (line,) = clip_lines(chosen, tmp_path / "clips.npy", "test", 0, explain=False)
    assert line["clip"].endswith("clips.npy:0")
    assert line["score"] == max(one["score"] for one in line["tracks"])
    text = {"frames": 25, "tracks": [{"id": 7, "frames": [0, 1], "boxes": [[1, 1, 6, 6], [2, 1, 7, 6]]}]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(text) + "\n"))
    (line,) = track_lines(chosen, "-")
    assert [one["id"] for one in line["tracks"]] == [7]
    (tmp_path / "bad").write_text('{"tracks": [{"frames": [0], "boxes": [[5, 5, 4, 6]]}]}\n')
    with pytest.raises(DataError, match=r"bad:1: track 0: box 0 .* negative size"):
        list(track_lines(chosen, str(tmp_path / "bad")))
    with pytest.raises(DataError, match="no line of tracks"):
        read_tracks("[]")
    with pytest.raises(DataError, match="2 frames, 1 boxes"):
        read_tracks('{"tracks": [{"frames": [0, 1], "boxes": [[1, 1, 2, 2]]}]}')


def test_the_threshold_is_the_one_that_is_right_most_often(tmp_path: Path) -> None:
    score, label = np.array([0.1, 0.3, 0.6, 0.7, 0.9]), np.array([0, 0, 0, 1, 1])
    assert 0.6 < choose_threshold(score, label) < 0.7
    assert choose_threshold(np.array([0.1, 0.9]), np.array([0, 1])) == 0.5
    assert promoted_threshold(tmp_path) == 0.5
    (tmp_path / "filter.json").write_text('{"threshold": 0.7}')
    assert promoted_threshold(tmp_path) == 0.7
    (tmp_path / "filter.json").write_text("{}")
    with pytest.raises(DataError, match=r"filter\.json cannot be read"):
        promoted_threshold(tmp_path)


def test_rules_learn_their_thresholds_from_the_training_split() -> None:
    clips = [[straight(np.arange(length))] for length in (20, 18, 5, 4)] + [[]]
    label = np.array([1, 1, 0, 0, 0])
    assert evidence(clips)[:, 0].tolist() == [20, 18, 5, 4, 0]
    table = rule_table((evidence(clips), label), (evidence(clips[::-1]), label[::-1]))
    assert set(table) == {"majority", *RULES}
    assert table["hits"]["accuracy"] == 1
    assert table["hits"]["h"] == 18
    assert table["majority"]["accuracy"] == 0.6
    assert best_threshold(np.array([1.0, 2, 3]), np.array([1, 0, 0])) == (2.0, 0)


def test_f1_is_that_of_what_persists() -> None:
    metrics = binary_metrics(np.array([1, 1, 1, 0]), np.array([1, 1, 0, 1]))
    assert metrics["precision"] == metrics["recall"] == metrics["f1"] == pytest.approx(2 / 3)
    assert metrics["accuracy"] == 0.5
