"""Lives: their laws, their blinks, and the cutting of one into many."""

import numpy as np

from renderer.lives import Whole, cut, pack, shown_bits, unpack


def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def test_whole_numbers_come_up_evenly_and_are_known_again() -> None:
    law = Whole(-2, 3)
    values, count = np.unique(law.sample(rng(), 6000), return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3] and count.min() > 850
    assert law.contains(values).all() and not law.contains([-3, 4, 0.5]).any()


def test_flags_survive_as_bits() -> None:
    flags = rng().random((20, 64)) < 0.5
    assert np.array_equal(unpack(pack(flags), 64), flags)
    assert pack(np.array([[True, False, True]])).tolist() == [5]


def test_an_object_is_drawn_while_it_lives_but_for_blinks_and_always_at_first() -> None:
    birth = np.repeat([-2, 0, 5, 28], 4000)
    life = np.repeat([4, 32, 9, 8], 4000)
    shown = unpack(shown_bits(rng(), birth, life, 0.15, 32), 32)
    for number, (first, stop) in enumerate([(0, 2), (0, 32), (5, 14), (28, 32)]):
        drawn = shown[4000 * number : 4000 * (number + 1)]
        assert drawn[:, first].all() and not drawn[:, :first].any() and not drawn[:, stop:].any()
        assert np.abs(drawn[:, first + 1 : stop].mean(axis=0) - 0.85).max() < 0.03
    assert (
        unpack(shown_bits(rng(), birth, life, 0.0, 32), 32).sum(axis=1).tolist()
        == np.repeat([2, 32, 9, 4], 4000).tolist()
    )


def test_pieces_fill_a_life_without_gap_or_overlap() -> None:
    length = rng().integers(14, 26, 500)
    whole, start, pieces = cut(rng(), length, Whole(3, 8))
    assert np.array_equal(np.bincount(whole, weights=pieces), length)
    assert pieces.min() == 3 and pieces.max() <= 10
    following = whole[1:] == whole[:-1]
    assert np.array_equal((start + pieces)[:-1][following], start[1:][following])
    assert (start[1:][~following] == 0).all() and np.bincount(whole).min() >= 2


def test_a_life_too_short_to_cut_stays_whole() -> None:
    whole, start, pieces = cut(rng(), np.array([2, 3, 5]), Whole(3, 8))
    assert [whole.tolist(), start.tolist(), pieces.tolist()] == [[0, 1, 2], [0, 0, 0], [2, 3, 5]]
    assert [len(part) for part in cut(rng(), np.zeros(0, int), Whole(3, 8))] == [0, 0, 0]
