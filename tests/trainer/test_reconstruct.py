"""Points of the world from two cameras: exact where pictures are, as far off as predicted where they are not."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from renderer.camera import looking
from renderer.scenes import Persistence
from renderer.stereo import make_pair
from trainer.__main__ import main
from trainer.errors import DataError
from trainer.objects.persistence_curve import Clip
from trainer.objects.perturbed import true_detections
from trainer.objects.sightings import mean, sight
from trainer.objects.tracks import Track
from trainer.objects.true_objects import TrueObjects
from trainer.reconstruct import Row, _cell
from trainer.stereo import pictures
from trainer.stereo.association import associate, epipolar_px
from trainer.stereo.camera import Camera, check_apart
from trainer.stereo.filters import NO_FILTER, PERFECT, RULE, filters
from trainer.stereo.outcome import ONE_CAMERA, measure, outcome
from trainer.stereo.reconstruction import reconstruct
from trainer.stereo.scenes import Scene, scenes_of
from trainer.stereo.seen import Seen
from trainer.stereo.smoothing import REACH, SWERVE, smooth
from trainer.stereo.triangulation import triangulate

K = np.array([[70.0, 0, 32], [0, 70, 32], [0, 0, 1]])
T = 14
RADIUS = 8 / 70


def camera(azimuth_deg: float, elevation_deg: float = 30.0, distance: float = 3.2) -> Camera:
    a, e = np.radians([azimuth_deg, elevation_deg])
    C = distance * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    R = looking(-C[None] / distance)[0]
    return Camera(K, R, -R @ C)


BOTH = (camera(-20), camera(15, 40))


def boxes_of(eye: Camera, path: np.ndarray) -> np.ndarray:
    """The boxes of a sphere on a path (n, 3)."""
    pixels, depth = eye.project(path)
    reach = (70 * RADIUS / depth)[:, None]
    return np.concatenate([pixels - reach, pixels + reach], axis=1).astype(np.float32)


def track(number: int, eye: Camera, path: np.ndarray, frames: Sequence[int] = range(T)) -> Track:
    rows = np.arange(len(frames)) + 100 * number
    return Track(number, np.array(frames), boxes_of(eye, path[list(frames)]), np.ones(len(frames), np.float32), rows)


def line(start: Sequence[float], step: Sequence[float], frames: int = T) -> np.ndarray:
    return np.array(start) + np.arange(frames)[:, None] * np.array(step)


SLOW = line([0.3, -0.4, 0.1], [-0.05, 0.04, 0.02])
OTHER = line([-0.5, 0.3, -0.3], [0.03, -0.02, 0.05])


def test_points_are_exact_where_their_pictures_are() -> None:
    world = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    for eye in BOTH:
        assert np.linalg.norm(eye.centre) > 3 and np.abs(eye.R - np.eye(3)).max() > 0.5
    seen = [eye.project(world)[0] for eye in BOTH]
    found = triangulate(*BOTH, *seen)
    assert found.sound.all() and found.position == pytest.approx(world, abs=1e-9)
    assert found.error_px.max() < 1e-9
    wrong = [Camera(K, eye.R, eye.centre) for eye in BOTH]  # t = C
    off = np.linalg.norm(triangulate(*wrong, *seen).position - world, axis=1)
    assert np.median(off) > 0.5


def test_noise_moves_points_as_far_as_their_covariance_says() -> None:
    rng = np.random.default_rng(1)
    world = rng.uniform(-0.7, 0.7, (3000, 3))
    off_of = {}
    for name, second, noise_px in (("far", BOTH[1], 0.4), ("less", BOTH[1], 0.2), ("near", camera(-5), 0.4)):
        eyes = (BOTH[0], second)
        seen = [eye.project(world)[0] + rng.normal(0, noise_px, (3000, 2)) for eye in eyes]
        found = triangulate(*eyes, *seen)
        off = found.position - world
        off_of[name] = np.sqrt(np.square(off).sum(axis=1).mean())
        squares = np.einsum("ni,nij,nj->n", off, np.linalg.inv(found.covariance * noise_px**2), off)
        assert np.median(squares) == pytest.approx(2.366, rel=0.06), "the median of chi squared of three"
        assert np.sqrt(np.square(2 * found.error_px).mean()) == pytest.approx(noise_px, rel=0.05)
    assert off_of["far"] == pytest.approx(2 * off_of["less"], rel=0.06)
    assert off_of["near"] > 1.8 * off_of["far"], "cameras that are nearer to each other tell less of depth"


def test_points_behind_a_camera_and_of_hardly_any_parallax_are_refused() -> None:
    ahead = np.zeros((1, 3))
    behind = 1.5 * BOTH[0].centre[None]
    far = -400 * (BOTH[0].centre + BOTH[1].centre)[None]
    world = np.concatenate([ahead, behind, far])
    found = triangulate(*BOTH, *(eye.project(world)[0] for eye in BOTH))
    assert found.sound.tolist() == [True, False, False]


def test_epipolar_distance_is_what_a_point_leaves_unexplained() -> None:
    rng = np.random.default_rng(2)
    world = rng.uniform(-0.7, 0.7, (50, 3))
    seen = [eye.project(world)[0][None] for eye in BOTH]
    assert epipolar_px(*seen, *BOTH).max() < 1e-9
    seen = [pixels + rng.normal(0, 0.5, pixels.shape) for pixels in seen]
    unexplained = 2 * triangulate(*BOTH, seen[0][0], seen[1][0]).error_px
    assert epipolar_px(*seen, *BOTH)[0, 0] == pytest.approx(unexplained, rel=0.02)


def test_tracks_are_paired_by_object_and_broken_ones_again() -> None:
    first = [track(0, BOTH[0], SLOW), track(1, BOTH[0], OTHER)]
    second = [
        track(0, BOTH[1], OTHER),
        track(1, BOTH[1], SLOW, range(6)),
        track(2, BOTH[1], SLOW, range(7, T)),
    ]
    found = reconstruct((first, second), BOTH, (T, T))
    assert set(map(tuple, found.pairs.tolist())) == {(1, 0), (0, 1), (0, 2)}
    assert len(found) == 2 * T - 1
    for number, (one, _) in enumerate(found.pairs.tolist()):
        mine = found.pair == number
        path = (SLOW, OTHER)[one][found.frame[mine]]
        assert found.points.position[mine] == pytest.approx(path, abs=1e-5)  # boxes are float32
    assert found.rows[0].tolist() == [7, 200]  # of track 0 in frame 7, and the first box of track 2


def test_two_objects_are_no_pair_by_line_nor_by_size() -> None:
    only_first, only_second = [track(0, BOTH[0], SLOW)], [track(0, BOTH[1], OTHER)]
    assert len(reconstruct((only_first, only_second), BOTH, (T, T))) == 0
    one = Seen.of(only_first, T)
    on_its_line = Seen.of([track(0, BOTH[1], SLOW)], T)
    assert len(associate(one, on_its_line, *BOTH).first) == 1
    too_large = Seen(on_its_line.centres, 1.6 * on_its_line.sides, on_its_line.rows)
    assert len(associate(one, too_large, *BOTH).first) == 0
    behind = Camera(K, np.diag([-1.0, 1, -1]) @ BOTH[1].R, np.diag([-1.0, 1, -1]) @ BOTH[1].t)  # looks away
    assert len(associate(one, on_its_line, BOTH[0], behind).first) == 0
    once = [track(0, BOTH[1], SLOW, [3])]
    assert len(reconstruct((only_first, once), BOTH, (T, T))) == 0, "one frame is no evidence"


def test_what_cannot_be_reconstructed_is_refused_by_name() -> None:
    tracks = [track(0, BOTH[0], SLOW)]
    with pytest.raises(DataError, match="coincide"):
        reconstruct((tracks, tracks), (BOTH[0], BOTH[0]), (T, T))
    turned = Camera(K, np.eye(3), -BOTH[0].centre)
    with pytest.raises(DataError, match="coincide"):
        check_apart(BOTH[0], turned)
    with pytest.raises(DataError, match="14 frames, the other 13"):
        reconstruct((tracks, tracks), BOTH, (T, T - 1))
    with pytest.raises(DataError, match="camera 2: track 0 has frames 0 to 13"):
        reconstruct(([], tracks), BOTH, (5, 5))
    spoiled = track(0, BOTH[1], SLOW)
    spoiled.boxes[3, 1] = np.nan
    with pytest.raises(DataError, match=r"camera 2: track 0: box 3 .* not finite"):
        reconstruct((tracks, [spoiled]), BOTH, (T, T))
    for part, value, said in (("R", np.ones((3, 3)), "no rotation"), ("K", np.zeros((3, 3)), "focal"), ("t", [1], "t")):
        with pytest.raises(DataError, match=said):
            Camera.read(**{"K": K, "R": np.eye(3), "t": np.zeros(3)} | {part: value})


def test_nothing_seen_is_nothing_reconstructed() -> None:
    found = reconstruct(([], []), BOTH, (T, T))
    assert len(found) == 0 and found.smoothed("kalman").shape == (0, 3) == found.smoothed("average").shape


def test_a_moving_average_is_the_mean_of_what_is_near_in_time() -> None:
    frame = np.array([0, 1, 2, 5, 0, 1])
    pair = np.array([3, 3, 3, 3, 7, 7])
    position = np.array([0.0, 3, 6, 30, 100, 200])[:, None] * np.ones(3)
    found = smooth("average", position, np.tile(np.eye(3), (6, 1, 1)), pair, frame, 1.0)[:, 0]
    assert REACH == 2 and found.tolist() == [3, 3, 3, 30, 150, 150]


def test_the_kalman_smoother_is_the_path_of_least_squares() -> None:
    """Beside a direct solution for a start and an acceleration a frame."""
    rng = np.random.default_rng(3)
    frame = np.array([0, 1, 2, 4, 5, 8])
    position = line([0.1, 0.2, 0.3], [0.05, 0, -0.03], 9)[frame] + rng.normal(0, 0.02, (6, 3))
    spread = rng.normal(0, 1, (6, 3, 3))
    covariance = np.eye(3) * 0.5 + spread @ spread.transpose(0, 2, 1)
    noise_px = 0.02
    rows, right = [], []
    for t, place, cov in zip(frame, position, covariance, strict=True):
        weight = np.linalg.inv(np.linalg.cholesky(cov * noise_px**2))
        parts = [np.eye(3), t * np.eye(3), *(max(0, t - s - 0.5) * np.eye(3) for s in range(8))]
        rows.append(weight @ np.concatenate(parts, axis=1))
        right.append(weight @ place)
    rows.append(np.concatenate([np.zeros((24, 6)), np.eye(24) / SWERVE], axis=1))
    right.append(np.zeros(24))
    solved = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0].reshape(10, 3)
    expected = [solved[0] + t * solved[1] + sum(max(0, t - s - 0.5) * solved[2 + s] for s in range(8)) for t in frame]
    found = smooth("kalman", position, covariance, np.zeros(6, int), frame, noise_px)
    assert found == pytest.approx(np.array(expected), abs=1e-5)


def clip(eye: Camera, paths: Sequence[np.ndarray], lives: Sequence[range], kinds: Sequence[int]) -> Clip:
    """A view of objects in black pictures."""
    counts = np.array([[t in life for t in range(T)] for life in lives])
    boxes = np.array([boxes_of(eye, path) for path in paths]) * counts[..., None]
    colours = np.array([[200, 120, 120], [120, 200, 120], [120, 120, 200]][: len(paths)], np.uint8)
    m = len(paths)
    objects = TrueObjects(np.arange(m), np.array(kinds, np.uint8), colours, boxes.astype(np.float32),
                          counts.astype(np.float32), counts, np.zeros_like(counts))  # fmt: skip
    seen = sight(np.zeros((T, 3, 64, 64), np.uint8), true_detections(objects))
    return Clip(seen, mean(seen, objects), objects)


def test_figures_of_a_scene_made_by_hand() -> None:
    """One object that stays, one that passes in five frames, one that stays but hides from the second camera."""
    hidden = line([0.4, 0.5, 0.4], [0, -0.01, 0])
    paths, kinds = (SLOW, OTHER, hidden), [Persistence.PERSISTENT, Persistence.TRANSIENT, Persistence.PERSISTENT]
    lives = [range(T), range(4, 9), range(T)]
    views = clip(BOTH[0], paths, lives, kinds), clip(BOTH[1], paths, [*lives[:2], range(0)], kinds)
    world = np.array(paths)
    world[0, :, 2] += 0.01  # the truth is elsewhere than it was seen, by so much
    figures = measure([Scene(views, BOTH, world, RADIUS)], filters())
    none, rule, perfect = (figures[name] for name in (NO_FILTER, RULE, PERFECT))
    assert (none["points"], none["persistent"], none["transient"], none["wrong"]) == (T + 5, T, 5, 0)
    assert (rule["points"], rule["spurious_removed"], rule["persistent_kept"]) == (T, 1.0, 1.0)
    assert (perfect["points"], perfect["found"]) == (T, 1.0)
    for name in ("median_none", "rmse_none", "median_kalman", "rmse_kalman"):
        assert rule[name] == pytest.approx(0.01, abs=1e-4)
    assert figures[ONE_CAMERA]["median_none"] == pytest.approx(0.01, abs=1e-3)
    assert none["astray_none"] == none["astray_kalman"] == pytest.approx(5 / (T + 5)) and rule["astray_none"] == 0
    assert none["spurious_removed"] == 0 and none["persistent_kept"] == 1 and "points" not in figures[ONE_CAMERA]


def test_on_drawn_scenes_filters_remove_what_passes_and_smoothing_what_trembles() -> None:
    scenes = scenes_of(make_pair("standard", 4, 3), "perturbed", 3)
    figures = measure(scenes, filters())
    none, rule = figures[NO_FILTER], figures[RULE]
    assert none["transient"] > 40 and none["wrong"] < 0.05 * none["points"]
    assert rule["spurious_removed"] > 0.9 and rule["persistent_kept"] > 0.85
    assert none["median_kalman"] < none["median_average"] < none["median_none"] < 0.06
    assert none["median_none"] < 0.6 * figures[ONE_CAMERA]["median_none"]
    strangers = [replace(one, views=(one.views[0], other.views[1])) for one, other in pairwise([*scenes, scenes[0]])]
    by_chance = sum(len(outcome(scene, filters()[NO_FILTER]).found) for scene in strangers)
    assert by_chance < 0.15 * none["points"], "views of two scenes have next to nothing in common"


def test_the_verb_measures_draws_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(pictures, "SHOWN", 1)
    words = ["reconstruct", "easy", "--clips", "2", "--boxes", "truth", "--seed", "1", "2", "--out", str(tmp_path)]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "hits >= 9" in said and "Kalman" in said and "mean and deviation of the seeds 1, 2" in said
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert [row["filter"] for row in rows] == [NO_FILTER, ONE_CAMERA, RULE, PERFECT]
    assert len(rows[0]["figures"]) == 2 and rows[0]["figures"][0]["persistent"] > 30
    for name in ("paths", "views"):
        assert (tmp_path / f"easy-truth-{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize(("values", "shown"), [
    ([10.011], "10.0110"), ([20.5, 20.5], "20.5000±.0000"), ([0.25], ".2500"), ([-0.5], "-.5000"), ([], "-"),
])  # fmt: skip
def test_figures_lose_no_digit(values: list[float], shown: str) -> None:
    row = Row("easy", "truth", "none", [0], [{"rmse_none": value} for value in values])
    assert _cell(row, "rmse_none") == shown


@pytest.mark.parametrize(("words", "said"), [
    (["nowhere"], "no tier of objects 'nowhere'"),
    ([], "nothing to look at"),
    (["easy", "--boxes", "detector"], "--detector RUN go together"),
    (["easy", "--clips", "0"], "--clips cannot be 0"),
    (["easy", "--least-hits", "3"], "--least-hits is for --scene"),
    (["easy", "--noise", "2"], "--noise is for --scene"),
    (["--scene", "x.json", "--noise", "-1"], "--noise cannot be -1"),
    (["--scene", "x.json", "--boxes", "truth"], "--boxes is for tiers"),
])  # fmt: skip
def test_wrong_options_are_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconstruct", *words]) == 2
    assert said in capsys.readouterr().err


def scene() -> dict:
    """What a file of one's own holds."""
    cameras = [{"K": eye.K.tolist(), "R": eye.R.tolist(), "t": eye.t.tolist()} for eye in BOTH]
    boxes = [[[box] for box in boxes_of(eye, SLOW).astype(float).tolist()] for eye in BOTH]
    return {"cameras": cameras, "boxes": boxes}


def test_a_scene_of_large_pictures_needs_more_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As if of 640 px: all lengths are ten times as long, centres off by 4 px."""
    content, rng = scene(), np.random.default_rng(4)
    for one, eye in enumerate(BOTH):
        content["cameras"][one]["K"] = (np.diag([10, 10, 1]) @ eye.K).tolist()
        off = np.tile(rng.normal(0, 4, (T, 2)), (1, 2))
        content["boxes"][one] = (10 * boxes_of(eye, SLOW) + off)[:, None].astype(float).tolist()
    (tmp_path / "large.json").write_text(json.dumps(content))
    assert main(["reconstruct", "--scene", str(tmp_path / "large.json"), "--noise", "4"]) == 0
    points = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert len(points) >= T - 1
    true = SLOW[[point["frame"] for point in points]]
    off, smoothed = (
        np.linalg.norm([point[how] for point in points] - true, axis=1) for how in ("position", "smoothed")
    )
    assert np.median(smoothed) < np.median(off) < 0.08


def test_a_scene_of_ones_own_is_answered_point_by_point(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "scene.json").write_text(json.dumps(scene()))
    assert main(["reconstruct", "--scene", str(tmp_path / "scene.json")]) == 0
    points = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [point["frame"] for point in points] == list(range(T))
    assert [point["position"] for point in points] == pytest.approx(SLOW, abs=1e-4)


@pytest.mark.parametrize(("change", "said"), [
    (lambda one: one["boxes"][1].pop(), "14 frames, the other 13"),
    (lambda one: one["boxes"][0].__setitem__(2, [[1, 2, float("nan"), 4]]), "camera 1, frame 2: box 0 .* not finite"),
    (lambda one: one["cameras"].__setitem__(1, one["cameras"][0]), "coincide"),
    (lambda one: one["boxes"].__setitem__(1, [[]] * T), "nothing was seen by both"),
    (lambda one: one.pop("cameras"), "does not hold two cameras"),
    (lambda one: one["boxes"].pop(), "boxes of 1 cameras"),
    (lambda one: one.update(boxes=[[], []]), "no frames"),
    (lambda one: one["boxes"][1].__setitem__(0, [[-1e300, 0, 1e300, 5]]), "camera 2, frame 0: box 0 .* not finite"),
    (lambda one: one["cameras"][0].update(K=[[70, 70, 0], [70, 70, 0], [0, 0, 1]]), "camera 1: K needs"),
    (lambda one: one["cameras"][1].update(t=[1e200, 0, 0]), "camera 2: t is not numbers"),
])  # fmt: skip
def test_a_scene_that_cannot_be_is_refused_by_name(change, said: str, tmp_path: Path,  # type: ignore[no-untyped-def]
                                                    capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    content = scene()
    change(content)
    (tmp_path / "scene.json").write_text(json.dumps(content))
    assert main(["reconstruct", "--scene", str(tmp_path / "scene.json")]) == 1
    error = capsys.readouterr().err
    assert re.search(said, error) and "scene.json" in error
