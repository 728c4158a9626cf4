"""The object stage: what it may know, what it attends to, and what its decisions are worth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from renderer.bayes import FRAMES_SEEN
from renderer.catalogue import Wanted, make
from renderer.scenes import Persistence, SceneRecipe
from renderer.video import render
from trainer.errors import DataError
from trainer.models.tokenizer.shape import TokenizerShape
from trainer.models.tokenizer.tokenizer import VideoEncoder
from trainer.objects.attention_ratio import WANTED, attention_ratios, ratio_figures, supervision_loss
from trainer.objects.deciding import decide
from trainer.objects.detections import Detections
from trainer.objects.measuring import detections_of
from trainer.objects.object_data import PrefixBatches, batch_of, clips_of
from trainer.objects.object_figures import OWN, Rules, judge_clips
from trainer.objects.persistence_curve import (
    Clip,
    born_at_start,
    hits_of,
    longest_of,
    object_decisions,
    track_decisions,
)
from trainer.objects.sightings import MOST_A_FRAME, NOBODY, Sightings, mean, sight
from trainer.objects.tokens import IDENTITIES, Prefix, Tokens, collate
from trainer.objects.transformer import ObjectAwareTransformer, rebuild
from trainer.objects.true_objects import true_objects

CLIPS = 4


@pytest.fixture(scope="module")
def recipe() -> SceneRecipe:
    made = make(Wanted("objects", "standard", CLIPS, 5, frames=32)).recipe
    assert isinstance(made, SceneRecipe)
    return made


@pytest.fixture(scope="module")
def clips(recipe: SceneRecipe) -> list[Clip]:
    return clips_of(recipe, "perturbed", 5, side=8)


@pytest.fixture(scope="module")
def model() -> ObjectAwareTransformer:
    torch.manual_seed(3)
    return ObjectAwareTransformer(dim=16, heads=2, layers=2).eval()


def tokens_of(clips: list[Clip], frame: int = 31) -> Tokens:
    return collate([Prefix(clip.seen, frame) for clip in clips])


def seen_nothing() -> Sightings:
    nothing = [np.zeros((0, 4), np.float32)] * 32
    return sight(np.zeros((32, 3, 64, 64), np.uint8), Detections(nothing, [np.zeros(0, np.float32)] * 32))


def test_a_clip_is_followed_as_the_tracker_follows_it(clips: list[Clip]) -> None:
    for clip in clips:
        assert len(clip.seen) == len(clip.meaning.kind) and (np.diff(clip.seen.frame) >= 0).all()
        assert clip.seen.tracks == len(clip.meaning.track_kind)
        on = clip.meaning.object != NOBODY
        assert on.mean() > 0.7
        assert (clip.objects.kinds[clip.meaning.object[on]] == clip.meaning.kind[on]).all()


def test_true_boxes_are_all_on_their_objects(recipe: SceneRecipe) -> None:
    (clip,) = clips_of(recipe.take(np.array([1])), "truth", 0, side=8)
    assert len(clip.seen) == clip.objects.counts.sum()
    assert (clip.meaning.object != NOBODY).all()


def test_a_track_knows_nothing_of_later_frames(recipe: SceneRecipe) -> None:
    """Ids, patches and indices of the boxes up to frame 12 are those of the clip cut there."""
    video, objects = render(recipe.take(np.array([0])))[0], true_objects(recipe)[0]
    found = detections_of(objects, "perturbed", 0, 0, 64)
    assert found.features is not None
    cut = Detections(found.boxes[:13], found.scores[:13], found.features[:13])
    whole, part = sight(video, found), sight(video[:13], cut)
    n = whole.until(12)
    assert n == len(part)
    for name in ("track", "index", "patches", "frame"):
        assert np.array_equal(getattr(whole, name)[:n], getattr(part, name)), name


def test_rows_of_attention_sum_to_one_and_leave_padding_out(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    tokens = tokens_of(clips)
    maps = model.attention(tokens)
    assert maps.shape == (2, CLIPS, 2, tokens.present.shape[1], tokens.present.shape[1])
    assert torch.allclose(maps.sum(dim=4), torch.ones(()), atol=1e-5)
    absent = ~tokens.present[None, :, None, None].expand_as(maps)
    assert (maps[absent] == 0).all()


def test_attention_equals_a_direct_computation(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    """The second layer of one clip, head by head, in plain loops over its own weights."""
    tokens = tokens_of(clips[:1])
    first, second = model.attention_layers
    x = model.tokenizer(tokens)
    same = (tokens.track[0][:, None] == tokens.track[0]).float()
    x = model.think[0](first.attend(x, same[None], tokens.present)[0])[0]  # type: ignore[operator]
    x = torch.nn.functional.layer_norm(x, (16,), second.norm.weight, second.norm.bias)  # type: ignore[union-attr, arg-type]
    linear = second.query_key_value
    query, key, _ = (x @ linear.weight.T + linear.bias).split(16, dim=1)  # type: ignore[union-attr, operator]
    got = model.attention(tokens)[1, 0]
    for head in range(2):
        own = slice(8 * head, 8 * head + 8)
        logits = query[:, own] @ key[:, own].T / math.sqrt(8) + second.same_track[head] * same  # type: ignore[index]
        assert torch.allclose(got[head], torch.exp(logits) / torch.exp(logits).sum(dim=1, keepdim=True), atol=1e-5)


def test_attention_received_is_the_mean_over_heads_and_queries(
    model: ObjectAwareTransformer, clips: list[Clip]
) -> None:
    tokens = tokens_of(clips)
    maps, received = model.attention(tokens), model(tokens)["received"]
    for clip in range(CLIPS):
        n = int(tokens.present[clip].sum())
        assert torch.allclose(received[clip, :, :n], maps[:, clip, :, :n, :n].mean(dim=(1, 2)), atol=1e-6)
        assert (received[clip, :, n:] == 0).all()


def test_attention_changes_with_the_weights(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    tokens = tokens_of(clips)
    torch.manual_seed(4)
    other = ObjectAwareTransformer(dim=16, heads=2, layers=2).eval()
    assert not torch.allclose(model.attention(tokens), other.attention(tokens), atol=1e-3)
    other.load_state_dict(model.state_dict())
    assert torch.equal(model.attention(tokens), other.attention(tokens))


def test_uniform_attention_has_a_ratio_of_exactly_one(clips: list[Clip]) -> None:
    torch.manual_seed(0)
    model = ObjectAwareTransformer(dim=16, heads=2, layers=2).eval()
    for layer in model.attention_layers:
        torch.nn.init.zeros_(layer.query_key_value.weight)  # type: ignore[union-attr, arg-type]
        torch.nn.init.zeros_(layer.query_key_value.bias)  # type: ignore[union-attr, arg-type]
        torch.nn.init.zeros_(layer.same_track)  # type: ignore[arg-type]
    batch = batch_of(clips, [Prefix(clip.seen, 31) for clip in clips])
    ratios = attention_ratios(model(batch.inputs)["received"], batch.token_kind)
    assert torch.allclose(ratios, torch.ones(CLIPS, 2), atol=1e-5)
    assert (supervision_loss(model(batch.inputs)["received"], batch.token_kind) > 0.1).all()


def test_supervision_is_content_where_every_persistent_token_receives_its_part() -> None:
    kind = torch.tensor([[1, 0, 1, -1]])
    content = torch.tensor([[[WANTED, 1.0, WANTED, 5.0]]]) / (2 * WANTED + 6)
    assert supervision_loss(content, kind) == pytest.approx(0, abs=1e-6)
    one_sure_token = torch.tensor([[[1.0, 0.0, 0.0, 0.0]]])
    assert attention_ratios(one_sure_token, kind)[0, 0] > WANTED
    assert supervision_loss(one_sure_token, kind)[0] > 1


def test_a_ratio_needs_both_kinds() -> None:
    received = torch.tensor([[0.6, 0.2, 0.2, 0.0], [0.5, 0.5, 0.0, 0.0]])
    kind = torch.tensor([[1, 0, 0, -1], [1, 1, -1, -1]])
    ratios = attention_ratios(received, kind)
    assert ratios[0] == pytest.approx(3.0) and ratios[1].isnan()
    assert supervision_loss(received[:, None], kind)[1] == 0
    figures = ratio_figures([np.array([4.0, 2.0]), np.array([1.0, 8.0]), np.array([np.nan, np.nan])])
    assert figures["attention_ratio_n"] == 2 and figures["attention_ratio_above_3"] == 0.5
    assert figures["attention_ratio_geometric"] == pytest.approx(2.0)
    assert figures["attention_ratio_layer_1"] == 5.0


def test_an_early_decision_knows_nothing_of_later_frames(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    """Another clip from frame 10 on, and the decisions up to frame 9 are the same (trap 9)."""
    seen = clips[0].seen
    n = seen.until(9)
    other = replace(
        seen, boxes=np.concatenate([seen.boxes[:n], seen.boxes[n:] + 3]), patches=seen.patches.copy(), track=seen.track
    )
    other.patches[n:] = 255
    one, changed = (decide(model, [each])[0] for each in (seen, other))
    born = int(seen.track[:n].max()) + 1
    assert np.array_equal(one[:born, :10], changed[:born, :10], equal_nan=True)
    assert np.nanmax(np.abs(one[:, 31] - changed[:, 31])) > 1e-4


def test_decisions_say_when_they_were_made_and_take_that_score(clips: list[Clip]) -> None:
    clip = clips[0]
    decisions = object_decisions(clip)
    first = {int(one): int(clip.objects.counts[row].argmax()) for row, one in enumerate(clip.objects.ids)}
    for k, who, frame in zip(decisions.k, decisions.who, decisions.decided_at_frame, strict=True):
        assert frame == (31 if k == 32 else min(first[int(who)] + k - 1, 31))
    by_frame = np.tile(np.arange(32.0), (clip.seen.tracks, 1))
    decided = decisions.track != NOBODY
    assert np.array_equal(decisions.scores(by_frame)[decided], decisions.decided_at_frame[decided])
    assert np.isnan(decisions.scores(by_frame)[~decided]).all()


def test_a_perfect_model_is_right_and_a_missed_object_is_wrong(recipe: SceneRecipe) -> None:
    clips = clips_of(recipe, "truth", 0, side=8)
    truth = [np.repeat(np.where(clip.meaning.track_kind == 1, 1.0, -1.0)[:, None], 32, axis=1) for clip in clips]
    rules = Rules.fit(clips)
    judged = judge_clips(clips, truth, rules, "standard")
    assert judged.figures(OWN)["track_balanced_accuracy"] == 1.0
    assert judged.figures(OWN)["balanced_accuracy"] > 0.9
    blind = [Clip(seen_nothing(), mean(seen_nothing(), clip.objects), clip.objects) for clip in clips]
    none = judge_clips(blind, [np.zeros((0, 32)) for _ in clips], rules, "standard")
    assert none.figures()["accuracy"] == 0 and none.missed == len(none.right)


def test_rules_are_what_they_say(clips: list[Clip]) -> None:
    seen = clips[0].seen
    hits = hits_of(seen)
    assert hits[:, -1].sum() == len(seen) and (np.diff(hits, axis=1) >= 0).all()
    assert (born_at_start(seen)[:, 31] == hits[:, 0]).all()
    assert longest_of(seen)[int(hits[:, 31].argmax()), 31] == 1
    assert set(track_decisions(clips[0]).k) == set(FRAMES_SEEN)


def test_a_checkpoint_holds_the_tokenizer(clips: list[Clip]) -> None:
    """Trap 6: with patches and with MAGVIT codes, a reload gives equal tokens, and equal decisions."""
    coder = VideoEncoder(TokenizerShape(channels=4, multipliers=(1, 2), time_strides=(2,), blocks=1, patch_px=4))
    for encoder, side in ((None, 8), (coder, 16)):
        torch.manual_seed(1)
        model = ObjectAwareTransformer(encoder).eval()
        torch.manual_seed(2)
        again = rebuild(model.known()).eval()
        seen = [
            replace(clip.seen, patches=np.resize(clip.seen.patches, (len(clip.seen), 3, side, side))) for clip in clips
        ]
        tokens = collate([Prefix(one, 1) for one in seen])
        assert again.known() == model.known()
        assert not torch.allclose(model.tokenizer(tokens), again.tokenizer(tokens))
        again.load_state_dict(model.state_dict())
        assert torch.equal(model.tokenizer(tokens), again.tokenizer(tokens))
        assert torch.equal(model(tokens)["track_logits"], again(tokens)["track_logits"])
    with pytest.raises(ValueError, match="patches of 8 px"):
        model.tokenizer(tokens_of(clips))


def test_batches_depend_on_seed_epoch_and_number_alone(clips: list[Clip]) -> None:
    stream = PrefixBatches(clips, 3, 7, shuffle=True, part=(0, 1))
    every, rest = list(stream.epoch(2)), list(stream.epoch(2, start=1))
    assert len(every) == len(stream) == 2 and len(rest) == 1
    assert torch.equal(every[1].tokens.identity, rest[0].tokens.identity)
    assert torch.equal(every[1].tokens.frame, rest[0].tokens.frame)
    halves = [list(PrefixBatches(clips, 3, 7, shuffle=True, part=(one, 2)).epoch(2)) for one in (0, 1)]
    assert sum(half[0].clips for half in halves) == 3 and sum(half[0].share for half in halves) == pytest.approx(1)
    assert halves[0][0].tokens.ago.max() + halves[0][0].tokens.frame.max() >= every[0].tokens.frame.max()


def test_bad_input(model: ObjectAwareTransformer, clips: list[Clip]) -> None:
    """Nothing at all, a track of one box, hundreds of boxes a frame; a box that is none is refused with its place."""
    nothing = seen_nothing()
    assert nothing.tracks == 0 and decide(model, [nothing])[0].shape == (0, 32)
    together = decide(model, [nothing, clips[0].seen], frames=[31])
    alone = decide(model, [clips[0].seen], frames=[31])[0]
    assert np.allclose(together[1][:, 31], alone[:, 31], atol=1e-5)

    one = Detections([np.array([[5, 5, 10, 10]], np.float32), *[np.zeros((0, 4), np.float32)] * 31],
                     [np.ones(1, np.float32), *[np.zeros(0, np.float32)] * 31])  # fmt: skip
    short = decide(model, [sight(np.zeros((32, 3, 64, 64), np.uint8), one)])[0]
    assert short.shape == (1, 32) and np.isfinite(short).all()

    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 58, (4, 300, 2)).astype(np.float32)
    many = Detections(
        [np.concatenate([one, one + 5], axis=1) for one in corner], list(rng.random((4, 300), np.float32))
    )
    crowd = sight(np.zeros((4, 3, 64, 64), np.uint8), many)
    assert len(crowd) == 4 * MOST_A_FRAME and crowd.dropped == 4 * (300 - MOST_A_FRAME) and crowd.tracks > IDENTITIES
    assert np.isfinite(decide(model, [crowd], frames=[3])[0][:, 3]).sum() == crowd.tracks

    with pytest.raises(DataError, match=r"frame 1: box 0 is .*not finite"):
        Detections([np.zeros((0, 4)), np.array([[0, 0, np.nan, 5]])], [np.zeros(0), np.ones(1)])  # type: ignore[list-item]


def test_a_clip_without_a_persistent_object_is_decided_and_has_no_ratio(
    model: ObjectAwareTransformer, recipe: SceneRecipe
) -> None:
    from renderer.lives import pack, unpack

    shown = unpack(recipe.shown, 32) & (recipe.kind != Persistence.PERSISTENT)[:, None]
    clips = clips_of(recipe.replace(shown=pack(shown)), "truth", 0, side=8)
    assert all((clip.meaning.track_kind == Persistence.TRANSIENT).all() for clip in clips)
    batch = batch_of(clips, [Prefix(clip.seen, 31) for clip in clips])
    out = model(batch.inputs)
    assert torch.isfinite(out["track_logits"]).all()
    supervision_loss(out["received"], batch.token_kind).sum().backward()
    assert all(one.grad is None or one.grad.isfinite().all() for one in model.parameters())
    assert attention_ratios(out["received"], batch.token_kind).isnan().all()
    assert (supervision_loss(out["received"], batch.token_kind) == 0).all()
