"""A trained pipeline put to use: which tracks, and which clips, are of something that persists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.checkpoint import BEST
from trainer.errors import CheckpointError, ConfigError, DataError
from trainer.objects.boxes import check_boxes
from trainer.objects.detecting import Finder
from trainer.objects.tracks import Track
from trainer.persistence.build import build_pipeline
from trainer.persistence.discs import DiscDetector
from trainer.persistence.observed import Observed, stacked
from trainer.persistence.sequence import MOST_FRAMES
from trainer.persistence.statistics import GROUPS
from trainer.persistence.watched import Seen, see, seen_of

FILTER_NAME = "filter.pt"
NETWORK = ("features", "width", "heads", "shape")
Video = NDArray[np.uint8]


@dataclass(frozen=True)
class Decision:
    """What a filter says of one clip."""

    is_persistent: bool
    confidence: float
    """Probability that something in the clip persists."""
    attention: NDArray[np.float32]
    """Of the track that decided, (layers, heads, T, T); rows sum to 1. Without a track (layers, heads, 0, 0)."""
    tracks: tuple[Track, ...]
    """The longest first."""
    scores: NDArray[np.float32]
    """Of each track."""
    decided_at_frame: int
    """Frames that had been seen when it was decided: all that were given."""


class PersistenceFilter:
    """`checkpoint` is a folder of `trainer promote`, its filter.pt, or a checkpoint or the folder of a run.

    What persists has a score of at least `threshold`. A filter that looks at pixels (`magvit`, `hybrid`) needs the
    clip beside its tracks. Raises `CheckpointError`, `ConfigError`; `DataError` for what cannot be looked at.
    """

    def __init__(self, checkpoint: str | Path, threshold: float = 0.5, finder: Finder | None = None) -> None:
        self.path = find_filter(Path(checkpoint))
        content = read_filter(self.path)
        known = content["persistence"]
        self.pipeline = build_pipeline(**{name: known[name] for name in NETWORK})
        try:
            self.pipeline.load_state_dict(content["model"])
        except RuntimeError as exc:
            what = str(exc).strip().splitlines()[1:2] or [str(exc)]
            raise CheckpointError(f"{self.path} holds another network than it says: {what[0].strip()}") from exc
        self.pipeline.eval()
        self.features: str = known["features"]
        self.frames, self.size_px = int(known["frames"]), int(known["size_px"])
        self.finder = finder or DiscDetector()
        self.update_threshold(threshold)

    @property
    def needs_pixels(self) -> bool:
        return self.pipeline.features.needs_crops

    def update_threshold(self, threshold: float) -> None:
        """Keep from this score on."""
        if not 0 < threshold < 1:
            raise ConfigError(f"a threshold cannot be {threshold:g}", hint="a score between 0 and 1 is needed")
        self.threshold = threshold

    def predict(self, pixels: Video) -> tuple[bool, float, NDArray[np.float32]]:
        """Return (is persistent, confidence, attention) of a clip (T, 3, H, W); see `Decision`."""
        decision = self.decide(pixels)
        return decision.is_persistent, decision.confidence, decision.attention

    def decide(self, pixels: Video) -> Decision:
        """Return all there is to say of a clip (T, 3, H, W), uint8 or float32 in [0, 1]."""
        found = self.finder.detect(pixels)
        video = _bytes(pixels)
        self._check_frames(len(video))
        return self._decide(see(video, found, self.needs_pixels))

    def decide_tracks(self, tracks: Sequence[Track], video: Video | None = None, frames: int = 0) -> Decision:
        """Return the same of tracks that were followed elsewhere, through a clip of `frames` (default: as trained)."""
        return self._decide(self._seen(tracks, video, frames))

    def get_persistence_scores(self, tracks: Sequence[Track], video: Video | None = None,
                               frames: int = 0) -> NDArray[np.float32]:  # fmt: skip
        """Return the score of each track, each judged by itself, (k,)."""
        if not tracks:
            return np.zeros(0, np.float32)
        return self._scores(self._seen(tracks, video, frames))

    def filter_tracks(self, tracks: Sequence[Track], video: Video | None = None, frames: int = 0) -> list[Track]:
        """Return those that persist, in their order."""
        scores = self.get_persistence_scores(tracks, video, frames)
        return [track for track, score in zip(tracks, scores, strict=True) if score >= self.threshold]

    def batch_filter_tracks(self, clips: Sequence[Sequence[Track]], videos: Sequence[Video] | None = None,
                            frames: int = 0) -> list[list[Track]]:  # fmt: skip
        """Return the same for several clips."""
        each: Sequence[Video | None] = [None] * len(clips) if videos is None else videos
        return [self.filter_tracks(tracks, video, frames) for tracks, video in zip(clips, each, strict=True)]

    def get_explanation(self, pixels: Video) -> dict[str, Any]:
        """Return why a clip is what it is, as JSON values: the deciding track, its score frame by frame, how much
        attention each frame receives, and how far its log odds fall without each kind of evidence (set to zero).
        """
        decision = self.decide(pixels)
        said: dict[str, Any] = {
            "persistent": decision.is_persistent,
            "score": decision.confidence,
            "threshold": self.threshold,
            "decided_at_frame": decision.decided_at_frame,
            "track": None,
        }
        if not decision.tracks:
            return said | {"words": "nothing was followed through four sightings, so nothing persists"}
        track = decision.tracks[int(decision.scores.argmax())]
        seen = self._seen([track], _bytes(pixels), len(pixels))
        observed = _observed(seen)
        with torch.inference_mode():
            head = self.pipeline.judge(observed)
            own = _odds(head["logits"])
            without = {name: own - _odds(self.pipeline.judge(part)["logits"]) for name, part in self._lacking(observed)}
        received = decision.attention.mean(axis=(0, 1, 2))
        verb = "persists" if decision.is_persistent else "does not persist"
        words = (
            f"track {track.id}, seen {len(track)} times from frame {track.frames[0] + 1} to {track.frames[-1] + 1}, "
            f"{verb}: score {decision.confidence:.2f}, threshold {self.threshold:.2f}"
        )
        return said | {
            "track": track.id,
            "words": words,
            "frame_scores": [round(value, 4) for value in head["frame_score"][0].tolist()],
            "attention_received": [round(value, 4) for value in received.tolist()],
            "log_odds": round(own, 3),
            "log_odds_lost_without": {name: round(value, 3) for name, value in without.items()},
        }

    def _lacking(self, observed: Observed) -> list[tuple[str, Observed]]:
        parts = []
        start = 0
        for name, columns in GROUPS.items():
            numbers = observed.numbers.clone()
            numbers[..., start : start + len(columns)] = 0
            start += len(columns)
            parts += [(name, Observed(numbers, observed.crops, observed.present))]
        parts = parts if self.pipeline.features.needs_numbers else []
        if self.needs_pixels:
            parts.append(("looks", Observed(observed.numbers, torch.zeros_like(observed.crops), observed.present)))
        return parts

    def _decide(self, seen: Seen) -> Decision:
        frames = seen.numbers.shape[1]
        if not seen.tracks:
            layers, heads = len(self.pipeline.sequence.attend), self.pipeline.sequence.heads
            nothing = np.zeros((layers, heads, 0, 0), np.float32)
            with torch.inference_mode():
                score = float(self.pipeline(stacked([(seen.numbers, seen.crops)], 1))["score"])
            return Decision(score >= self.threshold, score, nothing, (), np.zeros(0, np.float32), frames)
        scores = self._scores(seen)
        best = int(scores.argmax())
        chosen = Seen([seen.tracks[best]], seen.numbers[best : best + 1], seen.crops[best : best + 1])
        with torch.inference_mode():
            attention = self.pipeline.attention(_observed(chosen))[:, 0].numpy()
        confidence = float(scores[best])
        return Decision(confidence >= self.threshold, confidence, attention, tuple(seen.tracks), scores, frames)

    def _scores(self, seen: Seen) -> NDArray[np.float32]:
        with torch.inference_mode():
            return self.pipeline.judge(_observed(seen))["score"].numpy()

    def _seen(self, tracks: Sequence[Track], video: Video | None, frames: int) -> Seen:
        """Return tracks as the pipeline takes them. Raises `DataError` for tracks that cannot be looked at."""
        if self.needs_pixels and video is None:
            raise DataError(f"a filter of {self.features} features looks at pixels, and only tracks were given",
                            hint="give the clip too, or use a filter of statistical features")  # fmt: skip
        frames = frames or (self.frames if video is None else len(video))
        self._check_frames(frames)
        for track in tracks:
            check_boxes(track.boxes, f"track {track.id}")
            shown = np.asarray(track.frames)
            if not len(shown) or shown[0] < 0 or shown[-1] >= frames or (np.diff(shown) <= 0).any():
                raise DataError(
                    f"track {track.id}: its frames are not ascending from 0 to {frames - 1}",
                    hint="frames are counted from 0, each at most once; name the clip's number of frames",
                )
        shape = (frames, 3, self.size_px, self.size_px) if video is None else video.shape
        return seen_of(list(tracks), shape, video if self.needs_pixels else None)

    def _check_frames(self, frames: int) -> None:
        if not 1 <= frames <= MOST_FRAMES:
            raise DataError(f"a clip of {frames} frames: a filter looks at 1 to {MOST_FRAMES}", hint="cut it")


def _observed(seen: Seen) -> Observed:
    return stacked([(seen.numbers, seen.crops)], len(seen.tracks))


def _odds(logits: torch.Tensor) -> float:
    return float(logits[0, 1] - logits[0, 0])


def _bytes(pixels: NDArray[Any]) -> Video:
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels * 255).astype(np.uint8)


def find_filter(place: Path) -> Path:
    """Return the file that a filter, a checkpoint, or the folder of either is in. Raises `CheckpointError`."""
    hint = "`trainer promote RUN` makes a filter of a finished run of persistence"
    if not place.exists():
        raise CheckpointError(f"{place} does not exist", hint=hint)
    for path in (place, place / FILTER_NAME, place / "checkpoints" / BEST):
        if path.is_file():
            return path
    raise CheckpointError(f"{place} holds neither {FILTER_NAME} nor checkpoints/{BEST}", hint=hint)


def read_filter(path: Path) -> Mapping[str, Any]:
    """Return the content of a filter or of a run's checkpoint; nothing in it can run code. Raises `CheckpointError`."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        raise CheckpointError(f"{path} cannot be read: it is no filter, or was cut short",
                              hint="`trainer promote RUN` makes one") from exc  # fmt: skip
    known = content.get("persistence") if isinstance(content, dict) else None
    if not isinstance(known, dict) or not {*NETWORK, "frames", "size_px"} <= set(known) or "model" not in content:
        raise CheckpointError(f"{path} is of another kind of experiment than persistence",
                              hint="`trainer run --config persistence-statistical` trains one")  # fmt: skip
    return content
