"""The data set: recipes are reproducible, fair to all classes, and their pictures tell what the labels say."""

import io
from dataclasses import replace

import numpy as np
import pytest

from renderer.errors import RecipeError, RendererError, SamplingError
from renderer.motion import Family, Motion
from renderer.recipe import KINDS, read_recipe
from renderer.sampling import MARGIN, Window, draw_family
from renderer.tiers import TESTS, TIERS, Range, find_tier
from renderer.trajectories import STYLES, TrajectoryRecipe, contains, make_recipe
from renderer.video import render

MEDIUM = make_recipe("medium", 64, 11).recipe
EVERY_SET = [(tier, test) for tier in TIERS for test in ("", *TESTS)]


def clean(recipe: TrajectoryRecipe) -> TrajectoryRecipe:
    return recipe.with_noise(np.zeros(len(recipe), np.float32), recipe.noise_seed)


def test_the_same_seed_gives_the_same_recipe_and_bytes() -> None:
    again = make_recipe("medium", 64, 11).recipe
    assert again.digest() == MEDIUM.digest() and again.to_bytes() == MEDIUM.to_bytes()
    assert make_recipe("medium", 64, 12).recipe.digest() != MEDIUM.digest()
    assert len(set(MEDIUM.noise_seed.tolist())) == 64


@pytest.mark.parametrize(
    ("tier", "test", "digest"),
    [
        ("easy", "", "723498bdaae3f7bb01a7ac395cacc01d235a86b9560aed56a7fdc9aefa26f15b"),
        ("easy", "shifted-camera", "4fb26dc2b7f5a79f62ea394d24b00fbcabd29522bd2edc444a95b1e427537f78"),
        ("easy", "shifted-motion", "ff05ce39786f5a487e72d9ee5e97b9ec4e032c7269530d953083712b37666227"),
        ("easy", "noisy", "170abf6ac41df07226793b732c0a0b5ada32d02eb08124250c7badcfdaac80c8"),
        ("medium", "", "207fe96a68ea837bb6c17c40c11a98629fc934407b9aa4d48e8ba493f0cd44eb"),
        ("medium", "shifted-camera", "ea5f81a4f92def4fa2f441d3ca2b8701476e456c1885b4640b44f806d9396c55"),
        ("medium", "shifted-motion", "78bdc35ae55ebb456121fae41463c72d230e64b6b51a28fa0bf25a6f7429fdc5"),
        ("medium", "noisy", "434dc24bc238d9357aec6d51861a022ef8bb0a8906e0ab59c88fa6ad6b3890fb"),
        ("hard", "", "48ff983bdcdca761b5efed27373a114ba59631a2953ebeabda2d21c075348841"),
        ("hard", "shifted-camera", "0d8e99f231aaf92f7e300f83a9c701c40ca69d011d72277421814d2aafbdd22c"),
        ("hard", "shifted-motion", "7f8040a5bab52eb40e6ee25fa5b5798c10b4aa0842260d9edd4d9c39de68c1b3"),
        ("hard", "noisy", "1218764622b77e00f04a9bbbb4001b12a0063cefc0003f113e98fec9e2e99589"),
    ],
)
def test_golden_recipes(tier: str, test: str, digest: str) -> None:
    """If this fails on purpose, raise RECIPE_VERSION: every data set of that tier is another one now."""
    assert make_recipe(tier, 64, 11, style="both", test=test).recipe.digest() == digest


def test_a_recipe_survives_its_file() -> None:
    again = read_recipe(MEDIUM.to_bytes())
    assert again.digest() == MEDIUM.digest()
    assert np.array_equal(render(again.take(np.arange(3))), render(MEDIUM.take(np.arange(3))))


def damaged(at: int, *flags: int) -> bytes:
    data = bytearray(MEDIUM.to_bytes())
    for offset, flag in enumerate(flags):
        data[at + offset] ^= flag
    return bytes(data)


CENTRAL = MEDIUM.to_bytes().rindex(b"PK\x01\x02")
"""Entry of the last array in the archive's directory; its flags are 8 bytes on, its method 10."""


@pytest.mark.parametrize(
    "data",
    [b"", b"not a recipe", MEDIUM.to_bytes()[:500], MEDIUM.to_bytes()[:-30], damaged(len(MEDIUM.to_bytes()) // 2, 4),
     damaged(CENTRAL + 8, 1), damaged(CENTRAL + 10, 5)],
    ids=["empty", "text", "start", "no end", "a bit", "encrypted", "unknown method"],
)  # fmt: skip
def test_other_bytes_are_not_a_recipe(data: bytes) -> None:
    with pytest.raises(RecipeError):
        read_recipe(data)


def test_an_edited_recipe_is_refused() -> None:
    with np.load(io.BytesIO(MEDIUM.to_bytes())) as file:
        content = dict(file)
    assert content["header"].tobytes().count(b'"focal_px": 70.0') == 1
    other_header = np.frombuffer(content["header"].tobytes().replace(b"70.0", b"71.0"), np.uint8)
    for name, value in (("label", 3 - content["label"]), ("header", other_header)):
        edited = io.BytesIO()
        np.savez_compressed(edited, **content | {name: value})
        with pytest.raises(RecipeError, match="edited or damaged"):
            read_recipe(edited.getvalue())


def test_a_clip_costs_less_than_half_a_kilobyte() -> None:
    assert len(make_recipe("medium", 1000, 0).recipe.to_bytes()) < 400 * 1000


def test_a_clip_has_the_same_pixels_in_any_batch_and_any_buffer() -> None:
    whole = render(MEDIUM)
    order = np.random.default_rng(0).permutation(len(MEDIUM))
    dirty = np.full((7, 16, 3, 64, 64), 77, np.uint8)
    for begin in range(0, 63, 7):
        rows = order[begin : begin + 7]
        assert render(MEDIUM.take(rows), dirty) is dirty
        assert np.array_equal(dirty, whole[rows])


def test_a_buffer_of_another_shape_or_type_is_refused() -> None:
    with pytest.raises(ValueError, match="C-contiguous uint8"):
        render(MEDIUM, np.empty((64, 16, 3, 64, 64), np.float32))
    with pytest.raises(ValueError, match="C-contiguous uint8"):
        render(MEDIUM, np.empty((63, 16, 3, 64, 64), np.uint8))


@pytest.mark.parametrize(("tier", "test"), EVERY_SET)
def test_every_centre_seen_or_not_is_inside_and_rates_are_alike(tier: str, test: str) -> None:
    generated = make_recipe(tier, 2000, 5, test=test)
    recipe = generated.recipe
    pixels = recipe.cameras.project(recipe.camera_path())
    assert pixels.shape == (2000, 21, 2)
    assert pixels.min() >= MARGIN * 64 and pixels.max() <= (1 - MARGIN) * 64
    assert np.bincount(recipe.label).tolist() == [500] * 4
    rates = generated.acceptance.values()
    assert max(rates) - min(rates) < 0.08 and min(rates) > 0.8


@pytest.mark.parametrize(("tier", "test"), EVERY_SET)
def test_a_set_lies_in_its_own_ranges_and_a_shifted_one_not_in_those_of_training(tier: str, test: str) -> None:
    recipe = make_recipe(tier, 400, 8, test=test).recipe
    assert recipe.tier == (f"{tier}/{test}" if test else tier)
    assert contains(find_tier(recipe.tier), recipe).all()
    assert contains(TIERS[tier], recipe).any() == (not test.startswith("shifted"))
    assert recipe.noise_sigma[0] == pytest.approx(0.1 if test == "noisy" else TIERS[tier].noise_sigma)


def test_the_radius_in_the_picture_carries_depth() -> None:
    recipe = clean(MEDIUM)
    video = render(replace(recipe, colour=np.full_like(recipe.colour, 255)))
    area = video[:, :, 0].astype(float).sum(axis=(2, 3)) / 255
    depth = recipe.camera_path(0, 16)[..., 2]
    radius = np.sqrt(area / np.pi)
    expected = recipe.focal_px * recipe.sphere_radius / depth
    assert np.abs(radius / expected - 1).max() < 0.025


@pytest.mark.parametrize(("tier", "test"), EVERY_SET)
def test_no_clip_stands_still(tier: str, test: str) -> None:
    """A line along the line of sight moves the sphere's edge, if not its centre."""
    recipe = make_recipe(tier, 2000, 2, test=test).recipe
    camera = recipe.camera_path(0, 16)
    pixels, radius = recipe.cameras.project(camera), recipe.focal_px * recipe.sphere_radius / camera[..., 2]
    assert (np.ptp(pixels, axis=1).max(axis=1) + np.ptp(radius, axis=1) > 0.4).all()
    slowest = np.argsort(np.ptp(pixels, axis=1).max(axis=1))[:16]
    video = render(clean(recipe.take(slowest)))
    assert (video[:, 0] != video[:, 15]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("tier", "test"), EVERY_SET)
def test_circle_and_helix_of_equal_radius_look_different(tier: str, test: str) -> None:
    """The same helix with and without its climb."""
    drawn = make_recipe(tier, 96, 3, test=test).recipe
    helices = drawn.take(np.flatnonzero(drawn.label == Family.HELICAL))
    motion = Motion.from_array(helices.motion)
    circles = replace(helices, motion=replace(motion, velocity=np.zeros_like(motion.velocity)).to_array())
    difference = np.abs(render(clean(helices)).astype(int) - render(clean(circles)))
    assert (difference.max(axis=(1, 2, 3, 4)) > 50).all()


@pytest.mark.parametrize(("tier", "test"), [drawn for drawn in EVERY_SET if drawn[1] != "noisy"])
def test_one_frame_says_little_about_the_class(tier: str, test: str) -> None:
    """Nearest neighbours on the place and size of the sphere in one frame stay near chance (0.25)."""
    recipe = make_recipe(tier, 4000, 3, test=test).recipe
    camera = recipe.camera_path()
    seen = np.concatenate([recipe.cameras.project(camera), 8 * 9 / camera[..., 2:]], axis=2)
    label = recipe.label.astype(int)
    for frame in (0, 7, 15):
        known, asked = seen[:3200, frame], seen[3200:, frame]
        squared = np.square(asked).sum(axis=1)[:, None] - 2 * asked @ known.T + np.square(known).sum(axis=1)
        near = np.argpartition(squared, 60, axis=1)[:, :60]
        votes = np.stack([(label[:3200][near] == value).sum(axis=1) for value in range(4)], axis=1)
        assert (votes.argmax(axis=1) == label[3200:]).mean() < (0.42 if test == "shifted-motion" else 0.38)


def test_unseen_frames_never_reach_the_pixels() -> None:
    """Bending the path after the last seen frame moves the targets and not one pixel."""

    class Bent(TrajectoryRecipe):
        def camera_path(self, start: int = 0, stop: int | None = None) -> np.ndarray:
            path = super().camera_path(start, stop)
            frame = np.arange(start, start + path.shape[1])
            return path + 9.0 * (frame >= self.window.frames)[None, :, None]

    bent = Bent(**MEDIUM.__dict__)
    assert KINDS["trajectories"] is TrajectoryRecipe, "files are read as what they were, whatever is derived from it"
    assert np.abs(bent.camera_path(16) - MEDIUM.camera_path(16)).min() > 8
    assert np.array_equal(render(bent), render(MEDIUM))


def test_a_trail_shows_the_past_fading_and_not_the_future() -> None:
    trail = clean(make_recipe("medium", 16, 2, style="trail").recipe)
    dot = replace(trail, style=np.full(16, STYLES.index("dot"), np.uint8))
    trails, dots = render(trail), render(dot)
    assert np.array_equal(trails[:, 0], dots[:, 0])
    assert (trails >= dots).all()
    lit = (trails > 0).sum(axis=(2, 3, 4)) / (dots > 0).sum(axis=(2, 3, 4))
    assert (lit[:, 10] > 1.2).mean() > 0.9
    past = dots[:, :11].max(axis=1) > 0
    assert not (trails[:, 10].astype(bool) & ~past).any()


def test_the_picture_size_scales_the_view() -> None:
    large = make_recipe("medium", 8, 1, Window(size_px=128)).recipe
    small = make_recipe("medium", 8, 1).recipe
    assert render(large).shape == (8, 16, 3, 128, 128)
    doubled = 2 * small.cameras.project(small.camera_path())
    assert large.cameras.project(large.camera_path()) == pytest.approx(doubled)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"frames": 0}, "frames cannot be 0"),
        ({"frames": 65}, "from 1 to 64"),
        ({"horizon": -1}, "horizon cannot be -1"),
        ({"size_px": 0}, "size_px cannot be 0"),
        ({"size_px": -64}, "size_px cannot be -64"),
        ({"size_px": 10**9}, "from 8 to 2048"),
        ({"size_px": 64.0}, "whole number"),
        ({"fps": 0.0}, "fps cannot be 0"),
        ({"fps": float("nan")}, "fps cannot be nan"),
        ({"frames": 1, "horizon": 0}, "at least two"),
    ],
)
def test_windows_that_cannot_be_are_refused(values: dict, words: str) -> None:
    with pytest.raises(RendererError, match=words):
        Window(**values)


@pytest.mark.parametrize(
    ("tier", "test", "words"),
    [("mediun", "", "no tier 'mediun'"), ("medium", "shifted", "no held-out test 'shifted'")],
)
def test_sets_that_are_not_there_are_refused(tier: str, test: str, words: str) -> None:
    with pytest.raises(RendererError, match=words) as caught:
        make_recipe(tier, 8, 0, test=test)
    assert "shifted-camera" in caught.value.hint


def test_no_clips_are_refused_and_fewer_clips_than_classes_are_not() -> None:
    with pytest.raises(RendererError, match="at least one"):
        make_recipe("medium", 0, 0)
    few = make_recipe("medium", 2, 0)
    assert sorted(few.recipe.label.tolist()) == [0, 1] and list(few.acceptance) == ["linear", "circular"]


def test_paths_that_cannot_be_framed_are_given_up_with_tier_class_and_rate() -> None:
    rng = np.random.default_rng(0)
    wide = replace(TIERS["medium"], turn_radius=Range(3.0, 4.0))
    for n in (1, 500):
        with pytest.raises(SamplingError, match=r"tier medium: only 0 of \d+ circular paths stay in view \(0.00%"):
            draw_family(rng, n, Family.CIRCULAR, wide, Window())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda recipe: {"position": recipe.motion[:, 0] + recipe.motion[:, 4]}, "behind its camera or around it"),
        (lambda recipe: {"position": -recipe.position}, "behind its camera"),
        (lambda recipe: {"motion": np.where(recipe.label[:, None, None] == 1, np.nan, recipe.motion)}, "no numbers"),
        (lambda recipe: {"rotation": recipe.rotation * np.nan}, "no numbers"),
    ],
)
def test_scenes_that_cannot_be_seen_are_refused_when_drawn(change, words: str) -> None:
    with pytest.raises(RendererError, match=words) as caught:
        render(MEDIUM.replace(**change(MEDIUM)))
    assert caught.value.hint
