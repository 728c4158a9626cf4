"""From pixels to tracks that persist: detector, tracker, gate, object stage, filter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from renderer.scenes import Persistence
from trainer.checkpoint import load_network
from trainer.objects.deciding import decide
from trainer.objects.detecting import Finder, check_frames
from trainer.objects.sightings import Sightings, sight
from trainer.objects.tracks import Track
from trainer.objects.transformer import ObjectAwareTransformer, rebuild


@dataclass(frozen=True)
class Watched:
    """What a pipeline makes of one clip."""

    seen: Sightings
    scores: NDArray[np.floating]
    """Lead of PERSISTENT of each track, (tracks,)."""
    decided_at_frame: int
    """All of these decisions know the frames up to this one, and no more."""

    @property
    def kinds(self) -> list[Persistence]:
        """Of each track."""
        return [Persistence(int(score >= 0)) for score in self.scores]

    def tracks(self, kinds: Sequence[Persistence] = tuple(Persistence)) -> list[Track]:
        """Return the tracks of some kinds, as far as they were seen."""
        known = self.seen.until(self.decided_at_frame)
        found = []
        for number, kind in enumerate(self.kinds):
            rows = np.flatnonzero(self.seen.track[:known] == number)
            if kind in kinds and len(rows):
                found.append(Track(number, self.seen.frame[rows], self.seen.boxes[rows], self.seen.scores[rows], rows))
        return found

    @property
    def persistent(self) -> list[Track]:
        """The tracks that the filter leaves."""
        return self.tracks((Persistence.PERSISTENT,))

    def to_json(self) -> dict[str, Any]:
        """Return every track with its kind as JSON values."""
        return {
            "decided_at_frame": self.decided_at_frame,
            "boxes_too_many": self.seen.dropped,
            "tracks": [
                {
                    "track": track.id,
                    "kind": self.kinds[track.id].name.lower(),
                    "probability": round(float(1 / (1 + np.exp(-self.scores[track.id]))), 4),
                    "frames": track.frames.tolist(),
                    "boxes": track.boxes.astype(float).round(2).tolist(),
                }
                for track in self.tracks()
            ],
        }


@dataclass(frozen=True)
class ObjectPipeline:
    """A detector and an object stage, both trained. `gate`: see `decide`; None looks at every track."""

    finder: Finder
    model: ObjectAwareTransformer
    gate: float | None = None

    @classmethod
    def load(cls, place: str, finder: Finder, gate: float | None = None) -> Self:
        """Read the object stage of a run of problem `objects`, or of a checkpoint. Raises `CheckpointError`."""
        return cls(finder, load_stage(place), gate)

    def watch(self, video: NDArray[Any], until: int | None = None) -> Watched:
        """Decide the tracks of a video (T, 3, H, W), uint8 or float32 in [0, 1], by its frames up to `until`, all of
        them unless it is given. Raises `DataError` for anything else.
        """
        check_frames(video)
        some = video[: None if until is None else until + 1]
        pixels = some if some.dtype == np.uint8 else np.rint(some * 255).astype(np.uint8)
        seen = sight(pixels, self.finder.detect(some), self.model.tokenizer.side)
        last = len(some) - 1
        scores = decide(self.model, [seen], [last], self.gate)[0][:, last] if len(some) else np.zeros(0)
        return Watched(seen, scores, last)


def load_stage(place: str) -> ObjectAwareTransformer:
    """Return the network of a run of problem `objects`, to be evaluated. Raises `CheckpointError`."""
    hint = "`trainer run --config objects` trains one"
    return load_network(place, "objects", "object stage", hint, rebuild)[0]
