"""What the network is, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trainer.analysis.prose.rules.told import Told

NETWORKS: Mapping[str, str] = {
    "i3d": (
        "an Inception network with every filter inflated to 3D. It strides in time and space, so the place of a small "
        "object has to survive pooling; motion is in its filters from the first layer on"
    ),
    "slowfast": (
        "two ResNets, a slow one on few frames with many channels and a fast one on all frames with few. Motion "
        "reaches the slow one through lateral connections; no stride in time, so it is the dearest a clip"
    ),
    "transformer": (
        "tubelets of pixels and attention in turns over space and time. It has no built-in notion of "
        "neighbourhood or of sub-pixel place, so both must be learned from the clips"
    ),
    "keypoint": (
        "a CNN a frame whose heat maps become points by a soft-argmax, then a small transformer over the frames. "
        "Place to a fraction of a pixel is built in, and apparent size, hence depth, is read from the mass of the maps"
    ),
    "magvit": (
        "the causal 3D encoder of a video tokenizer and its quantised codes. What the codes round away of place and "
        "size, no head can bring back"
    ),
    "statistical": (
        "a detector and tracker of our own, then an MLP on position, velocity, acceleration and curvature. "
        "It starts from what the others have to learn, and can never see what the tracker did not"
    ),
    "hybrid": (
        "the statistics of a tracker beside the features of a network. If either half alone is as good, the other "
        "is a cost without a use"
    ),
    "clip": (
        "a frozen image encoder, every frame by itself. It was trained to name pictures: place and motion come from "
        "the small part behind it alone"
    ),
}


_CONTROLS: Mapping[str, str] = {
    "shuffled_frames": (
        "the control `shuffled frames` has an accuracy of {share}, so the order of the frames brings {gain}"
    ),
    "frozen_features": (
        "the control `frozen features` has an accuracy of {share}, so learning the extractor brings {gain}"
    ),
    "one_frame": "the control `one frame` has an accuracy of {share}, so what no single frame shows brings {gain}",
}


def architecture(told: Told) -> list[str]:
    """Return the section."""
    return [f"- {text}" for part in (_kind, _size, _time, _limits) for text in part(told)]


def _kind(told: Told) -> Iterator[str]:
    config = told.analysis.results.config
    names = [str(name) for name in config.get("fuse") or [config.get("extractor", "")]]
    known = [f"`{name}` is {NETWORKS[name]}." for name in names if name in NETWORKS]
    yield from known or ["The run does not say which network it trained."]
    if config.get("pretrained") or config.get("tokenizer"):
        yield "It started from weights that were trained before: its curves are not those of a network from nothing."
    if known:
        yield (
            "Two linear heads share one hidden layer over all frames; the forecast is absolute, in standard units of"
            " the training targets."
        )


def _size(told: Told) -> Iterator[str]:
    if not told.has("parameters"):
        return
    text = f"It has {told('parameters')} parameters"
    text += f" ({told('model_bytes')})" if told.has("model_bytes") else ""
    if told.has("parameters/clip", "clips.train"):
        text += f", {told('parameters/clip')} for each of the {told('clips.train')} training clips"
        gap = told.analysis.overfitting
        if gap is not None and told.is_over("parameters/clip", 10):
            text += (
                "; that it does not overfit all the same shows how little the count says"
                if gap.level == "none"
                else "; overfitting is no surprise"
            )
    yield f"{text}."


def _time(told: Told) -> Iterator[str]:
    if told.has("train_s", "epoch_s"):
        where = f" on {told.analysis.results.origin['device']}" if told.analysis.results.origin.get("device") else ""
        yield f"Training took {told('train_s')}{where}, {told('epoch_s')} an epoch."
    if told.has("inference_ms"):
        text = f"Inference takes {told('inference_ms')} for a clip alone"
        alone, batch = told.facts.value("inference_ms"), told.facts.value("inference_batch_ms")
        if alone and batch:
            gain = ": a batch gains nothing" if batch > 0.9 * alone else ""
            text += f", {told('inference_batch_ms')} in a batch{gain}"
        yield f"{text}."


def _limits(told: Told) -> Iterator[str]:
    told_apart = [
        text.format(share=told(f"{name}.accuracy"), gain=told(f"{name}.gained").lstrip("+"))
        for name, text in _CONTROLS.items()
        if told.has(f"{name}.accuracy", f"{name}.gained")
    ]
    if told_apart:
        yield f"Its own network, trained where it should fail, tells what each part brings: {'; '.join(told_apart)}."
        return
    yield (
        "One run cannot tell what the network adds and what the data gives: `trainer compare` sets it beside others,"
        " `trainer controls` beside its own frozen features."
    )
