"""The fit finds paths of each family again, through noise, outliers and errors that last, and listens to the head."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from renderer.equations import equation_of, evaluate
from renderer.motion import Family, Floats
from renderer.sampling import Window
from renderer.tiers import TIERS
from renderer.trajectories import TrajectoryRecipe, make_recipe
from trainer.language.evidence import Evidence, View
from trainer.language.fit import FitError, fit, fit_all, forecast
from trainer.language.fit_starts import starts
from trainer.language.observations import DETECTOR_SD_PX, RADIUS_BIAS_GROWTH, RADIUS_BIAS_PX, observations
from trainer.language.path_terms import TERMS, Bounds, free_terms, moved
from trainer.language.reprojection import refine, residuals, sensitivity
from trainer.language.selection import correlation_time, posterior

NAMES = tuple(family.name.lower() for family in Family)
MEDIUM = make_recipe("medium", 16, 11).recipe
FREE = Bounds(0, np.inf, 0)


def seen(recipe: TrajectoryRecipe, scale: float = 0.0, rho: float = 0.0, seed: int = 0) -> list[Evidence]:
    """Return the track of every clip, with errors `scale` times those of the detector, which last as `rho` says."""
    rng, frames = np.random.default_rng(seed), recipe.window.frames
    camera = recipe.camera_path(0, frames)
    radius = recipe.focal_px * recipe.sphere_radius / camera[..., 2:]
    error = rng.standard_normal(camera.shape)
    for frame in range(1, frames):
        error[:, frame] = rho * error[:, frame - 1] + np.sqrt(1 - rho**2) * error[:, frame]
    tracks = np.concatenate([recipe.cameras.project(camera), radius], axis=2) + error * scale * DETECTOR_SD_PX
    tracks[..., 2] += RADIUS_BIAS_PX * (1 + RADIUS_BIAS_GROWTH * min(max(scale - 1, 0), 3))
    view = View(recipe.focal_px, recipe.window.size_px, recipe.sphere_radius, frames, recipe.window.fps)
    return [Evidence(view, NAMES, None, None, None, one) for one in tracks]


def accuracy(recipe: TrajectoryRecipe, evidence: list[Evidence]) -> float:
    return float(np.mean([one.family == label for one, label in zip(fit_all(evidence), recipe.label, strict=True)]))


@pytest.mark.parametrize("tier", [pytest.param("easy", marks=pytest.mark.slow), *sorted({*TIERS} - {"easy"})])
def test_a_track_without_errors_gives_back_every_parameter(tier: str) -> None:
    recipe = make_recipe(tier, 12, 5).recipe
    motion = recipe.camera_motion.to_array()
    for row, one in enumerate(fit_all(seen(recipe))):
        assert one.family == recipe.label[row] and one.weights.argmax() == one.family
        assert one.motion.to_array()[0] == pytest.approx(motion[row], abs=2e-3, rel=2e-3)
        assert forecast(one) == pytest.approx(recipe.camera_path()[row, recipe.window.frames :], abs=1e-3)
        assert one.error_px < 1e-3
        line = equation_of(one.motion, one.window)[0]
        assert evaluate(line, np.array([0.0])) == pytest.approx(recipe.camera_path()[row, :1], abs=1e-3)


def test_another_clock_and_more_frames_change_nothing() -> None:
    recipe = make_recipe("medium", 4, 5, Window(frames=32, fps=12.5, size_px=128)).recipe
    fits = fit_all(seen(recipe))
    found = np.concatenate([one.motion.to_array() for one in fits])
    assert found == pytest.approx(recipe.camera_motion.to_array(), abs=2e-3, rel=2e-3)


def test_the_deviations_are_those_of_the_errors() -> None:
    """Over all clips the errors are as large as they are said to be: a sixth of a clip's parameters are off by more."""
    fits = fit_all(seen(MEDIUM, 1.0))
    assert [one.family for one in fits] == list(MEDIUM.label)
    found, said = (np.concatenate([getattr(one, part).to_array() for one in fits]) for part in ("motion", "deviation"))
    off = (found - MEDIUM.camera_motion.to_array())[said > 0] / said[said > 0]
    assert 0.8 < np.sqrt(np.square(off).mean()) < 1.35
    assert np.mean([one.error_px for one in fits]) == pytest.approx(DETECTOR_SD_PX[0], rel=0.3)
    noisy = fit_all(seen(MEDIUM, 4.0))
    assert np.median([b.deviation.centre / a.deviation.centre for a, b in zip(fits, noisy, strict=True)]) > 2.5


def test_outliers_are_left_out() -> None:
    rng, clean = np.random.default_rng(3), seen(MEDIUM, 1.0)
    hit = []
    for one in clean:
        track = np.array(one.track)
        track[rng.choice(16, 3, replace=False)] = rng.uniform((2, 2, 1), (62, 62, 5), (3, 3))
        hit.append(replace(one, track=track))
    fits = fit_all(hit)
    assert np.mean([one.family == label for one, label in zip(fits, MEDIUM.label, strict=True)]) >= 0.95
    apart = [np.abs(forecast(a) - forecast(b)).max() for a, b in zip(fits, fit_all(clean), strict=True)]
    assert np.median(apart) < 0.02 and np.mean(np.array(apart) < 0.2) > 0.9


def head(labels: np.ndarray, right: np.ndarray) -> Floats:
    """Return probabilities that are sure of the label where it is right, and of another class where not."""
    top = np.where(right, labels, (labels + 1) % 4)
    return 0.96 * np.eye(4)[top] + 0.01


@pytest.mark.parametrize(("scale", "rho"), [(1.0, 0.0), (10.0, 0.8), (100.0, 0.0)])
def test_with_a_head_it_is_never_worse_than_the_head_alone(scale: float, rho: float) -> None:
    evidence, right = seen(MEDIUM, scale, rho), np.arange(16) != 5
    told = [replace(one, probabilities=row) for one, row in zip(evidence, head(MEDIUM.label, right), strict=True)]
    assert accuracy(MEDIUM, told) >= right.mean() - 1e-9
    if scale == 1.0:
        assert accuracy(MEDIUM, told) == 1, "a fit that speaks clearly overrules a head that is sure"


def test_the_head_decides_where_the_fit_cannot() -> None:
    evidence = seen(MEDIUM, 100.0)
    for name in NAMES[1::2]:
        probabilities = np.array([0.97 if name == other else 0.01 for other in NAMES])
        families = [one.family for one in fit_all([replace(one, probabilities=probabilities) for one in evidence])]
        assert np.mean([family.name.lower() == name for family in families]) > 0.6


def test_a_sure_head_is_doubted_as_far_as_a_fit_is_clear() -> None:
    sure = np.eye(4)[[1]]
    for nats, family in ((8.0, 1), (10.0, 0)):
        evidence = np.array([[0.0, -nats, -99.0, -99.0]])
        assert posterior(evidence, sure, np.ones(1)).argmax() == family
        assert posterior(evidence, sure, np.full(1, 80.0)).argmax() == 1, "a track that errs has to be clearer"


def test_the_classes_are_known_by_their_names() -> None:
    one = replace(seen(MEDIUM, 300.0)[0], probabilities=np.array([0.0, 0.0, 1.0, 0.0]))
    backwards = replace(one, class_names=NAMES[::-1], probabilities=np.array([0.0, 1.0, 0.0, 0.0]))
    assert np.array_equal(fit(one).weights, fit(backwards).weights)


def test_errors_that_last_count_as_fewer() -> None:
    counts = []
    for rho in (0.0, 0.8):
        evidence = seen(MEDIUM, 3.0, rho)
        rest = np.zeros((16, 21, 3))
        error = [np.array(one.track) - true.track for one, true in zip(evidence, seen(MEDIUM), strict=True)]
        rest[:, :16] = np.stack(error) / DETECTOR_SD_PX
        counts.append(np.median(correlation_time(observations(evidence), rest)))
    assert counts[0] < 2 and counts[1] > 3


def test_a_forecast_is_weak_evidence_and_stands_in_for_a_track() -> None:
    future = MEDIUM.camera_path()[:, 16:]
    wrong = [replace(one, forecast=path + 0.3, forecast_sd=np.full((5, 3), 0.1))
             for one, path in zip(seen(MEDIUM, 1.0), future, strict=True)]  # fmt: skip
    assert accuracy(MEDIUM, wrong) == 1
    apart = [np.abs(forecast(one) - path).max() for one, path in zip(fit_all(wrong), future, strict=True)]
    assert np.median(apart) < 0.02
    alone = [replace(one, track=None, forecast=path) for one, path in zip(wrong, future, strict=True)]
    for one, path in zip(fit_all(alone, Family.LINEAR), future, strict=True):
        assert one.family is Family.LINEAR and np.isnan(one.error_px) and np.abs(forecast(one) - path).max() < 0.5


def test_one_family_can_be_asked_for() -> None:
    for family in Family:
        one = fit(seen(MEDIUM, 1.0)[0], family)
        assert one.family is family and np.array_equal(one.weights, np.eye(4)[family])


def test_what_no_path_can_be_fitted_to_is_refused() -> None:
    one = seen(MEDIUM)[0]
    short = replace(one, view=replace(one.view, frames=3), track=np.array(one.track)[:3])
    for evidence, words in (
        (replace(one, track=None), "neither a track nor a forecast"),
        (short, "too few"),
        (replace(one, track=np.full((16, 3), np.nan)), "no numbers"),
    ):
        with pytest.raises(FitError, match=words):
            fit(evidence)


def test_the_derivatives_are_those_of_the_residuals() -> None:
    recipe = MEDIUM.take(np.arange(4))
    evidence = [replace(one, forecast=path[16:], forecast_sd=np.full((5, 3), 0.1))
                for one, path in zip(seen(recipe, 1.0), recipe.camera_path(), strict=True)]  # fmt: skip
    known = observations(evidence)
    begun = refine(known.of(starts(known).clip), starts(known).motion, starts(known).family, 20)
    every, families = known.of(starts(known).clip), starts(known).family
    ahead = (begun.motion.positions(known.times)[..., 2] > 0.5).all(axis=1)
    jacobian, small = sensitivity(every, begun.motion), 1e-6
    for term in range(TERMS):
        rows = free_terms(families)[:, term] & ahead
        step = np.tile(small * np.eye(TERMS)[term], (len(rows), 1))
        there, back = (residuals(every, moved(begun.motion, sign * step, FREE)) for sign in (1, -1))
        by_hand = (back - there)[rows] / (2 * small)
        assert by_hand == pytest.approx(jacobian[rows][..., term], rel=1e-4, abs=1e-2), term
