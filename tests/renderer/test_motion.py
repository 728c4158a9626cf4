"""The closed forms against their definitions."""

import numpy as np
import pytest

from renderer.families import FAMILIES
from renderer.motion import Family, Motion, frame_times
from renderer.sampling import Window
from renderer.tiers import TIERS

WINDOW = Window()
TIMES = WINDOW.times_s


def draw(family: Family, n: int = 200, tier: str = "medium") -> Motion:
    return FAMILIES[family].sample(np.random.default_rng(3), n, TIERS[tier], WINDOW.length_s)


def test_times_are_symmetric_about_the_middle_of_all_frames() -> None:
    times = frame_times(16, 5, 30.0)
    assert len(times) == 21
    assert times[10] == 0
    assert times[-1] == -times[0] == pytest.approx(10 / 30)


def test_a_hand_made_helix_goes_where_it_should() -> None:
    motion = Motion(
        centre=np.array([[1.0, 0.0, 0.0]]),
        velocity=np.array([[0.0, 0.0, 2.0]]),
        acceleration=np.zeros((1, 3)),
        rotation=np.array([[0.0, 0.0, np.pi / 2]]),
        radius=np.array([[0.5, 0.0, 0.0]]),
    )
    path = motion.positions(np.array([0.0, 1.0, 2.0]))[0]
    assert path == pytest.approx(np.array([[1.5, 0, 0], [1, 0.5, 2], [0.5, 0, 4]]), abs=1e-12)


def test_linear_paths_have_constant_velocity() -> None:
    path = draw(Family.LINEAR).positions(TIMES)
    assert np.abs(np.diff(path, n=2, axis=1)).max() < 1e-12
    length = np.linalg.norm(path[:, -1] - path[:, 0], axis=1)
    assert TIERS["medium"].travel.contains(length).all()


def test_parabolas_fall_with_constant_acceleration_and_bend_enough() -> None:
    path = draw(Family.PARABOLIC).positions(TIMES)
    second = np.diff(path, n=2, axis=1)
    assert np.abs(second - second[:, :1]).max() < 1e-12
    assert (second[..., 2] < 0).all() and np.abs(second[..., :2]).max() < 1e-12
    chord = (path[:, :1] + path[:, -1:]) / 2
    sag = np.linalg.norm(path[:, 10:11] - chord, axis=2).max(axis=1)
    extent = np.linalg.norm(np.ptp(path, axis=1), axis=1)
    assert (sag / extent > 0.15).all()


@pytest.mark.parametrize("family", [Family.CIRCULAR, Family.HELICAL])
def test_turning_paths_keep_their_distance_from_the_axis(family: Family) -> None:
    motion = draw(family)
    path = motion.positions(TIMES)
    axis = motion.rotation / np.linalg.norm(motion.rotation, axis=1, keepdims=True)
    along = np.einsum("nti,ni->nt", path, axis)
    away = np.linalg.norm(path - along[..., None] * axis[:, None], axis=2)
    assert away == pytest.approx(np.broadcast_to(away[:, :1], away.shape))
    assert TIERS["medium"].turn_radius.contains(away).all()
    climbed = np.abs(along[:, -1] - along[:, 0])
    if family is Family.HELICAL:
        assert TIERS["medium"].climb.contains(climbed).all()
    else:
        assert climbed.max() < 1e-12


def test_parameters_survive_their_array_form() -> None:
    motion = draw(Family.HELICAL, 5)
    again = Motion.from_array(motion.to_array())
    assert np.array_equal(again.positions(TIMES), motion.positions(TIMES))
