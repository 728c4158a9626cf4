"""Every family against its equation of motion, and every sampler against its own `contains`."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.families import FAMILIES
from renderer.motion import Family, Motion
from renderer.sampling import Window, cameras_contains, draw_cameras, draw_motion, motion_contains
from renderer.tiers import TESTS, TIERS, Range, Tier, find_tier

EVERY_TIER = [find_tier(tier, test) for tier in TIERS for test in ("", *TESTS)]
tiers = st.sampled_from(EVERY_TIER)
families = st.sampled_from(Family)
seeds = st.integers(0, 2**32)
windows = st.builds(Window, frames=st.integers(2, 64), fps=st.sampled_from([10.0, 30.0, 60.0]))


def some(family: Family, tier: Tier, seed: int, window: Window, n: int = 8) -> Motion:
    return draw_motion(np.random.default_rng(seed), n, family, tier, window)


@settings(max_examples=40, deadline=None)
@given(families, tiers, seeds, windows)
def test_each_range_knows_the_paths_that_it_draws(family: Family, tier: Tier, seed: int, window: Window) -> None:
    motion = some(family, tier, seed, window)
    assert motion_contains(motion, family, tier, window).all()
    for other in set(Family) - {family}:
        assert not motion_contains(motion, other, tier, window).any()


@settings(max_examples=40, deadline=None)
@given(tiers, seeds)
def test_each_range_knows_the_cameras_that_it_draws(tier: Tier, seed: int) -> None:
    cameras = draw_cameras(np.random.default_rng(seed), 16, tier, 64)
    assert cameras_contains(cameras, tier).all()
    assert not cameras_contains(replace(cameras, position=cameras.position * 2), tier).any()
    assert not cameras_contains(replace(cameras, focal_px=60.0), tier).any()
    rolled = cameras.turned(np.tile([0, 0, 0.01], (16, 1)))
    assert not cameras_contains(rolled, tier).any()


@pytest.mark.parametrize("family", Family)
@pytest.mark.parametrize(
    "change",
    [
        lambda motion: replace(motion, velocity=motion.velocity * 3, acceleration=motion.acceleration * 9),
        lambda motion: replace(motion, radius=motion.radius * 3, acceleration=motion.acceleration * 3),
        lambda motion: replace(motion, rotation=motion.rotation * 5, velocity=motion.velocity * 5),
        lambda motion: replace(motion, velocity=motion.velocity + 40),
        lambda motion: replace(motion, centre=motion.centre + 1.3),
    ],
)
def test_paths_outside_the_ranges_are_not_contained(family: Family, change) -> None:
    window = Window()
    motion = some(family, TIERS["medium"], 1, window)
    changed = change(motion)
    touched = (changed.to_array() != motion.to_array()).any(axis=(1, 2))
    assert not (motion_contains(changed, family, TIERS["medium"], window) & touched).any()


@settings(max_examples=30, deadline=None)
@given(families, tiers, seeds)
def test_the_closed_form_solves_the_equation_of_motion(family: Family, tier: Tier, seed: int) -> None:
    """x' = velocity + acceleration s + rotation x r, r' = rotation x r, by Runge and Kutta's fourth order."""
    motion = some(family, tier, seed, Window())
    start, end, steps = -0.3, 0.3, 150
    r = motion.positions(np.array([start]))[:, 0] - (
        motion.centre + motion.velocity * start + motion.acceleration * start**2 / 2
    )
    state = np.stack([motion.positions(np.array([start]))[:, 0], r])

    def slope(s: float, state: np.ndarray) -> np.ndarray:
        turning = np.cross(motion.rotation, state[1])
        return np.stack([motion.velocity + motion.acceleration * s + turning, turning])

    h = (end - start) / steps
    for step in range(steps):
        s = start + step * h
        k1 = slope(s, state)
        k2 = slope(s + h / 2, state + h / 2 * k1)
        k3 = slope(s + h / 2, state + h / 2 * k2)
        k4 = slope(s + h, state + h * k3)
        state = state + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    assert state[0] == pytest.approx(motion.positions(np.array([end]))[:, 0], abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(families, seeds, st.floats(-1, 1))
def test_a_shifted_clock_and_a_turned_world_are_exact(family: Family, seed: int, forward_s: float) -> None:
    motion = some(family, TIERS["hard"], seed, Window())
    times = Window().times_s
    shifted = motion.shifted(np.full(8, forward_s))
    assert shifted.positions(times) == pytest.approx(motion.positions(times + forward_s), abs=1e-9)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 3, 3)))[0]
    turn *= np.linalg.det(turn)[:, None, None]
    turned = motion.positions(times) @ turn.transpose(0, 2, 1)
    assert motion.turned(turn).positions(times) == pytest.approx(turned, abs=1e-9)


def test_a_turned_tier_has_no_preferred_direction() -> None:
    """Each axis takes a third of the squared length of gravity and of the turning axes."""
    rng = np.random.default_rng(0)
    for family, name in ((Family.PARABOLIC, "acceleration"), (Family.CIRCULAR, "rotation")):
        vectors = getattr(draw_motion(rng, 4000, family, TIERS["hard"], Window()), name)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        assert np.abs(unit.mean(axis=0)).max() < 0.04
        assert (unit**2).mean(axis=0) == pytest.approx(np.full(3, 1 / 3), abs=0.02)


def test_a_family_that_is_not_turned_falls_down_and_turns_about_the_vertical() -> None:
    rng = np.random.default_rng(0)
    fall = FAMILIES[Family.PARABOLIC].sample(rng, 50, TIERS["medium"], 0.5).acceleration
    assert (fall[:, :2] == 0).all() and (fall[:, 2] < 0).all()
    axis = FAMILIES[Family.CIRCULAR].sample(rng, 50, TIERS["easy"], 0.5).axis
    assert np.abs(axis[:, 2]) == pytest.approx(1)


@pytest.mark.parametrize("test", [test for test in TESTS if test.startswith("shifted")])
@pytest.mark.parametrize("tier", TIERS)
def test_a_held_out_range_touches_no_range_that_it_replaces(tier: str, test: str) -> None:
    for name, shifted in TESTS[test][tier].items():
        assert not shifted.overlaps(getattr(TIERS[tier], name)), name


@given(st.floats(-100, 100), st.floats(0, 100), seeds)
@settings(max_examples=25, deadline=None)
def test_a_range_contains_what_it_draws_and_not_what_lies_beside_it(low: float, width: float, seed: int) -> None:
    values = Range(low, low + width)
    assert values.contains(values.sample(np.random.default_rng(seed), 20)).all()
    assert values.contains(values.at(np.array([0, 0.3, 1]))).all()
    assert not values.contains([low - 1, low + width + 1]).any()
