"""artifacts/test_predictions.npz: what a model said of every clip of its test split, so that others can combine it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from wire.codec import WireError, read_bytes
from wire.run_dir import replace_file

PREDICTIONS_NAME = "test_predictions.npz"
PREDICTIONS_MAX_BYTES = 1024**3


@dataclass(frozen=True)
class StoredPredictions:
    """The test split in its own order. An array that the task does not have is None."""

    digest: str
    """Content digest of the test split: predictions with the same digest are of the same clips in the same order."""
    label: NDArray[np.int64]
    """(n,)."""
    probabilities: NDArray[np.float32] | None = None
    """(n, classes), rows sum to 1."""
    forecast: NDArray[np.float32] | None = None
    """(n, 5, 3), camera frame, half-sides."""
    path: NDArray[np.float32] | None = None
    """(n, 5, 3), the truth."""
    seen: NDArray[np.float32] | None = None
    """(n, T, 3), the true positions in the frames that were seen."""

    def __post_init__(self) -> None:
        """Raises `DataError` for arrays that do not fit together."""
        count = len(self.label)
        for name, dimensions in (("probabilities", 2), ("forecast", 3), ("path", 3), ("seen", 3)):
            array = getattr(self, name)
            if array is not None and (array.ndim != dimensions or len(array) != count):
                raise DataError(f"{name} has the shape {array.shape}, but there are {count} labels")

    def write(self, path: Path) -> None:
        """Write the file by replacing it. Raises OSError."""
        arrays = {name: array for name in _ARRAYS if (array := getattr(self, name)) is not None}
        out = io.BytesIO()
        np.savez_compressed(out, digest=np.array(self.digest), **arrays)
        replace_file(str(path), out.getvalue())


_ARRAYS = ("label", "probabilities", "forecast", "path", "seen")


def read_predictions(path: Path) -> StoredPredictions:
    """Read the file. Raises `DataError` if it is not there or not what it should be."""
    try:
        content = read_bytes(str(path), PREDICTIONS_MAX_BYTES)
        if content is None:
            raise DataError(f"{path} does not exist", hint="the run is older than that file, or did not reach its test")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS if name in file.files}
            return StoredPredictions(str(file["digest"]), **arrays)
    except (WireError, OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as exc:
        raise DataError(f"{path} cannot be read: {exc}", hint="sync the run again") from exc
