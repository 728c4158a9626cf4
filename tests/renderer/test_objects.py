"""The `objects` data set: its tiers are what they say, and nothing but persistence tells the kinds apart."""

from functools import cache

import numpy as np
import pytest

from renderer.bayes import FRAMES_SEEN, bayes_curve
from renderer.catalogue import Wanted, make
from renderer.lives import shown_bits, unpack
from renderer.objects import CUES, EASY, FRAMES, HEAVY, OBJECT_TIERS, STANDARD, ObjectRecipe, ObjectTier
from renderer.recipe import Generated
from renderer.scenes import CLUTTER, Persistence
from renderer.shapes import Shape
from renderer.truth import Truth, truth
from tests.renderer.probe import balanced_accuracy

TIERS = tuple(OBJECT_TIERS)


@cache
def generated(tier: str = "standard", clips: int = 300, cue: str = "none", clutter: int = 0) -> Generated:
    return make(Wanted("objects", tier, clips, 11, FRAMES, cue=cue, clutter=clutter))


def objects(tier: str = "standard", clips: int = 300, cue: str = "none", clutter: int = 0) -> ObjectRecipe:
    recipe = generated(tier, clips, cue, clutter).recipe
    assert isinstance(recipe, ObjectRecipe)
    return recipe


@cache
def found(tier: str) -> Truth:
    return truth(objects(tier))


@pytest.mark.parametrize("tier", OBJECT_TIERS.values(), ids=TIERS)
def test_numbers_and_lives_follow_the_laws_of_the_tier(tier: ObjectTier) -> None:
    recipe = objects(tier.name)
    for kind in Persistence:
        mine = recipe.kind == kind
        count = np.bincount(recipe.clip[mine], minlength=len(recipe))
        assert tier.number[kind].contains(count).all() and len(np.unique(count)) > 3
        assert tier.life[kind].birth.contains(recipe.birth[mine]).all()
        assert tier.life[kind].length.contains(recipe.life[mine]).all()
        if kind == Persistence.PERSISTENT:
            assert np.array_equal(count, 1 + recipe.label)
            assert np.ptp(np.bincount(recipe.label)) <= 1
    alive = recipe.is_drawn.any(axis=1)
    assert alive.all(), "every object is drawn somewhere"


@pytest.mark.parametrize("tier", ["standard", "transient_heavy", "fast"])
def test_kinds_part_ways_only_after_a_while(tier: str) -> None:
    """Both are born by one law; in the clip a persistent object lives at least 12 frames, a transient one at most 8."""
    recipe = objects(tier)
    lived = np.minimum(recipe.birth + recipe.life, FRAMES) - np.maximum(recipe.birth, 0)
    assert lived[recipe.kind == Persistence.PERSISTENT].min() >= 12
    assert lived[recipe.kind == Persistence.TRANSIENT].max() <= 8
    assert (recipe.birth < 0).mean() > 0.05


def test_blinks_come_at_their_rate() -> None:
    recipe = objects()
    frame = np.arange(FRAMES)
    later = (frame > np.maximum(recipe.birth, 0)[:, None]) & (frame < (recipe.birth + recipe.life)[:, None])
    assert recipe.is_drawn[later].mean() == pytest.approx(0.85, abs=0.01)


def test_in_heavy_clips_most_of_what_is_seen_is_transient() -> None:
    counts = found("transient_heavy").counts
    transient = objects("transient_heavy").kind == Persistence.TRANSIENT
    assert counts[transient].sum() / counts.sum() > 0.6


@pytest.mark.parametrize(("tier", "cue"), [("fast", "none"), ("fast", "motion")])
def test_fast_objects_leave_their_box_by_half_of_it_in_every_frame(tier: str, cue: str) -> None:
    recipe = objects(tier, cue=cue)
    what = truth(recipe)
    boxes = what.boxes
    seen = (what.visible > 0)[:, 1:] & (what.visible > 0)[:, :-1]
    centre, side = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]).max(axis=2)
    step = np.linalg.norm(np.diff(centre, axis=1), axis=2)
    assert (step[seen] / np.maximum(side[:, 1:], side[:, :-1])[seen]).min() >= 1.5
    assert seen.sum() > 3000


@pytest.mark.parametrize("tier", ["standard", "transient_heavy", "fast"])
def test_neither_birth_nor_any_one_frame_tells_the_kind(tier: str) -> None:
    recipe, what = objects(tier), found(tier)
    kind, row = recipe.kind, np.arange(len(recipe.kind))
    seen = what.visible > 0
    first = seen.argmax(axis=1)
    ever = seen.any(axis=1)
    assert balanced_accuracy(first[ever, None].astype(float), kind[ever], recipe.clip[ever]) <= 0.55
    for frame in (first, np.full(len(row), FRAMES // 2)):
        box = what.boxes[row, frame]
        looks = np.column_stack([box[:, :2] + box[:, 2:], (box[:, 2:] - box[:, :2]).max(axis=1), recipe.colour])
        there = seen[row, frame]
        assert balanced_accuracy(looks[there], kind[there], recipe.clip[there]) <= 0.55


def test_the_probe_sees_what_is_there() -> None:
    """The same probe finds the kind by colour where colour tells it, and by the number of frames."""
    recipe = objects(cue="colour")
    assert balanced_accuracy(recipe.colour.astype(float), recipe.kind, recipe.clip) > 0.99
    frames = recipe.is_drawn.sum(axis=1)[:, None].astype(float)
    assert balanced_accuracy(frames, recipe.kind, recipe.clip) > 0.95


def test_cues_show_in_colour_and_tremble() -> None:
    white, red = ((objects(cue="colour").colour[objects(cue="colour").kind == kind]) for kind in (1, 0))
    assert (white == 255).all() and (red == [255, 0, 0]).all()
    for cue in CUES:
        recipe = objects(cue=cue)
        transient = recipe.kind == Persistence.TRANSIENT
        assert recipe.jitter_px[~transient] == pytest.approx(0.1)
        assert recipe.jitter_px[transient] == pytest.approx(0.4 if cue == "motion" else 0.1)


def test_clutter_is_shapes_that_stand_or_drift() -> None:
    recipe = objects(clutter=5)
    clutter = recipe.kind == CLUTTER
    assert np.bincount(recipe.clip[clutter], minlength=len(recipe)).max() == 5
    assert set(recipe.shape[clutter]) == {Shape.SQUARE, Shape.TRIANGLE, Shape.STAR}
    assert (recipe.shape[~clutter] == Shape.SPHERE).all()
    length = np.linalg.norm(np.diff(recipe.camera_path(), axis=1), axis=2).sum(axis=1)
    still = length[clutter] < 1e-6
    assert 0.4 < still.mean() < 0.6
    assert np.median(length[clutter][~still]) < 0.5 * np.median(length[~clutter])


@pytest.mark.parametrize("tier", TIERS)
def test_both_kinds_are_accepted_alike(tier: str) -> None:
    rates = generated(tier, 1000).acceptance
    assert set(rates) == {"persistent", "transient"}
    assert rates["persistent"] == pytest.approx(rates["transient"], rel=0.03)


def test_the_bayes_curve_is_what_tables_of_simulated_lives_reach() -> None:
    """For each k: the most frequent kind for each (first frame, last sighting within k frames)."""
    rng = np.random.default_rng(1)
    tables = []
    for kind in Persistence:
        law = STANDARD.life[kind]
        birth, length = law.birth.sample(rng, 100_000), law.length.sample(rng, 100_000)
        shown = unpack(shown_bits(rng, birth, length, STANDARD.blink, FRAMES), FRAMES)
        tables.append((np.maximum(birth, 0), shown))
    curve = bayes_curve(STANDARD)
    for index, k in enumerate(FRAMES_SEEN):
        chance = []
        for first, shown in tables:
            watched = shown & (np.arange(FRAMES) < (first + k)[:, None])
            last = FRAMES - 1 - watched[:, ::-1].argmax(axis=1)
            chance.append(np.bincount(first * FRAMES + last, minlength=FRAMES**2) / len(first))
        assert curve.bayes[index] == pytest.approx(np.maximum(*chance).sum() / 2, abs=0.01)


def test_the_bayes_curves_say_what_the_tiers_are_good_for() -> None:
    curve = bayes_curve(STANDARD)
    assert (np.diff(curve.bayes) >= -1e-9).all() and (curve.hits <= curve.bayes + 0.005).all()
    by_frames = dict(zip(FRAMES_SEEN, curve.bayes, strict=True))
    assert by_frames[3] < 0.55, "nobody can tell within three frames"
    assert by_frames[9] > 0.9 > by_frames[8] and by_frames[FRAMES] > 0.995
    assert bayes_curve(EASY).hits[3] == 1, "easy is solved by counting four frames"
    assert np.array_equal(bayes_curve(HEAVY).bayes, curve.bayes)
