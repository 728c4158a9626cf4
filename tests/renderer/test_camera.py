"""Projection: a known camera and known points; t = -R C, not C."""

import numpy as np
import pytest

from renderer.camera import Cameras, check_in_front, look_at_origin, looking, rotation_matrix
from renderer.errors import RendererError

# The camera stands at (0, -4, 1) and looks along +y: its x is the world's x, its y is the world's -z.
ROTATION = np.array([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]])
CENTRE = np.array([[0.0, -4.0, 1.0]])
CAMERA = Cameras(ROTATION, CENTRE, focal_px=70.0, size_px=64)


def test_known_points_fall_on_known_pixels() -> None:
    world = np.array([[[0.0, 0, 1], [1, 0, 1], [0, 0, 2], [0.4, 3, 0.3]]])
    camera = CAMERA.to_camera(world)
    assert camera[0] == pytest.approx(np.array([[0, 0, 4], [1, 0, 4], [0, -1, 4], [0.4, 0.7, 7]]))
    expected = np.array([[32, 32], [32 + 17.5, 32], [32, 32 - 17.5], [32 + 4, 32 + 7]])
    assert CAMERA.project(camera)[0] == pytest.approx(expected)


def test_the_translation_is_minus_r_c() -> None:
    """x ~ K [R | t] X with t = -R C; t = C puts the same point elsewhere."""
    point = np.array([0.4, 3.0, 0.3])
    intrinsics = np.array([[70.0, 0, 32], [0, 70, 32], [0, 0, 1]])

    def pixel(translation: np.ndarray) -> np.ndarray:
        x = intrinsics @ (ROTATION[0] @ point + translation)
        return x[:2] / x[2]

    ours = CAMERA.project(CAMERA.to_camera(point[None, None]))[0, 0]
    assert ours == pytest.approx(pixel(-ROTATION[0] @ CENTRE[0]))
    assert np.abs(ours - pixel(CENTRE[0])).max() > 1


def test_camera_coordinates_come_back_to_the_world() -> None:
    rng = np.random.default_rng(0)
    cameras = look_at_origin(rng.uniform(-3, 3, 20), rng.uniform(-1, 1, 20), rng.uniform(2, 5, 20), 70.0, 64)
    world = rng.normal(size=(20, 7, 3))
    assert cameras.to_world(cameras.to_camera(world)) == pytest.approx(world)


def test_a_camera_that_looks_at_the_origin_sees_it_in_the_middle_and_up_is_up() -> None:
    cameras = look_at_origin(np.radians([30.0]), np.radians([25.0]), np.array([3.0]), 70.0, 64)
    pixels = cameras.project(cameras.to_camera(np.array([[[0.0, 0, 0], [0, 0, 0.5]]])))[0]
    assert pixels[0] == pytest.approx([32, 32])
    assert pixels[1][0] == pytest.approx(32) and pixels[1][1] < 32
    assert np.linalg.det(cameras.rotation[0]) == pytest.approx(1)


def test_inside_wants_every_point_in_front_and_off_the_border() -> None:
    cameras = Cameras(np.repeat(ROTATION, 4, 0), np.repeat(CENTRE, 4, 0), 70.0, 64)
    points = np.array([[[0.0, 0, 4]], [[1.7, 0, 4]], [[0, 0, -4]], [[1.5, 0, 4]]])
    assert cameras.inside(points, 0.05).tolist() == [True, False, False, True]


def test_a_rotation_vector_turns_about_its_axis() -> None:
    quarter = rotation_matrix(np.array([[0, 0, np.pi / 2], [0, 0, 0], [np.pi / 2, 0, 0]]))
    assert quarter[0] @ [1, 0, 0] == pytest.approx([0, 1, 0])
    assert np.array_equal(quarter[1], np.eye(3))
    assert quarter[2] @ [0, 1, 0] == pytest.approx([0, 0, 1])


def test_a_camera_turned_to_the_right_sees_things_further_left() -> None:
    """About its y axis, which points down: x (right) turns towards -z, so what was ahead is now on one side."""
    ahead = np.array([[[0.0, 0, 1]]])
    angle = 0.1
    turned = CAMERA.turned(np.array([[0.0, angle, 0]]))
    assert np.array_equal(turned.position, CAMERA.position)
    x = turned.project(turned.to_camera(ahead))[0, 0, 0]
    assert x == pytest.approx(32 + 70 * np.tan(angle))


@pytest.mark.parametrize("forward", [[0.0, 0, -1], [0.0, 0, 1], [0.6, 0, -0.8]])
def test_a_camera_may_look_straight_down(forward: list[float]) -> None:
    rotation = looking(np.array([forward]))[0]
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    assert rotation[2] == pytest.approx(forward)


@pytest.mark.parametrize("depth", [0.1, 0.0, -2.0, np.nan])
def test_spheres_that_the_camera_cannot_see_are_refused(depth: float) -> None:
    path = np.array([[[0.0, 0, 3], [0, 0, depth]]])
    with pytest.raises(RendererError):
        check_in_front(path, 0.1)
    check_in_front(path[:, :1], 0.1)
