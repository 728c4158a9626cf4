"""Public Kinetics weights, read in the layouts in which they were published.

No such file could be downloaded where this was written. The tests make files with the published names and shapes; and
once, random weights were taken over from the public code of each network (pytorch-i3d; pytorchvideo's 4x16), and the
last maps came out equal to 1e-6. That a real file gives its published accuracy here has not been tried.
"""

from __future__ import annotations

import http.client
import os
import pickle
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from trainer.errors import CheckpointError
from trainer.models.extractor import GAIN, OFFSET, FeatureExtractor
from wire.run_dir import TEMPORARY_PREFIX

WRAPPERS = ("model_state", "state_dict", "model")
"""Keys under which trainers keep the weights among other things."""
TIMEOUT_S = 30


@dataclass(frozen=True)
class Published:
    """Where a network's public weights are, what their names mean here, and which pictures they were trained on."""

    address: str
    rename: Callable[[str], str]
    """Their name of a tensor -> the extractor's; names that mean nothing here may come back as they are."""
    scale: float
    """The network saw scale * picture + shift, for a picture in [0, 1]."""
    shift: float

    @property
    def cached(self) -> Path:
        """Where the file lies once downloaded: torch's own cache, which TORCH_HOME moves."""
        return Path(torch.hub.get_dir()) / "checkpoints" / Path(self.address).name


class PretrainedExtractor(FeatureExtractor):
    """An extractor for which public weights exist. Its input is the shared one until they are loaded."""

    options = ("pretrained",)
    published: Published
    input_scale: Tensor
    input_shift: Tensor

    def __init__(self, width: float = 1.0) -> None:
        super().__init__(width)
        self.width = width
        self.register_buffer("input_scale", torch.ones(()))
        self.register_buffer("input_shift", torch.zeros(()))

    def start_from(self, pretrained: bool | str) -> None:
        """Load public weights (a file's, or for True the published ones), if any. Raises `CheckpointError`."""
        if pretrained:
            self.note = f"pretrained: {load_pretrained(self, pretrained)}"

    def expect(self, published: Published) -> None:
        """Feed the network the pictures that `published` weights were trained on, from now on (checkpoints keep it)."""
        gain, offset = published.scale / GAIN, published.shift - published.scale * OFFSET / GAIN
        self.input_scale.fill_(gain)
        self.input_shift.fill_(offset)

    def clip(self, video: Tensor) -> Tensor:
        """Turn normalised video (B, T, 3, H, W) into what the first convolution takes, (B, 3, T, H, W)."""
        return (video * self.input_scale + self.input_shift).transpose(1, 2)


@dataclass(frozen=True)
class Report:
    """What came of loading a file."""

    path: Path
    loaded: tuple[str, ...]
    mismatched: tuple[str, ...]
    """Tensors of another shape, as 'name: (theirs) there, (ours) here'."""
    absent: tuple[str, ...]
    """Tensors that the file lacks; they start as they would without it. What no published network has is among them."""
    unused: tuple[str, ...]
    """Names in the file that mean nothing here, such as the Kinetics head."""

    def __str__(self) -> str:
        text = f"{self.path}: {len(self.loaded)} tensors loaded"
        for words, names in (
            ("of another shape", self.mismatched),
            ("not in the file", self.absent),
            ("not used", self.unused),
        ):
            if names:
                text += f"; {len(names)} {words} ({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})"
        return text


def load_pretrained(extractor: PretrainedExtractor, source: str | Path | Literal[True]) -> Report:
    """Load the weights in the file `source`, or for True the public ones. Raises `CheckpointError`.

    A file none of whose tensors fits is refused; one that fits in part is loaded, and the report tells the rest.
    """
    published = extractor.published
    path = find_weights(published) if source is True else Path(source)
    ours = extractor.state_dict()
    loaded: dict[str, Tensor] = {}
    mismatched: dict[str, str] = {}
    unused: list[str] = []
    for name, tensor in read_weights(path).items():
        here = published.rename(name.removeprefix("module."))
        if here not in ours:
            unused.append(name)
        elif ours[here].shape != tensor.shape:
            mismatched[here] = f"{name} is {tuple(tensor.shape)} there, {tuple(ours[here].shape)} here"
        else:
            loaded[here] = tensor
    if not any(name.endswith(".weight") for name in loaded):
        raise _nothing_fits(extractor, path, list(mismatched.values()))
    extractor.load_state_dict(loaded, strict=False)
    extractor.expect(published)
    ignored = {*loaded, *mismatched, "input_scale", "input_shift"}
    absent = tuple(name for name in ours if name not in ignored and not name.endswith("num_batches_tracked"))
    return Report(path, tuple(loaded), tuple(mismatched.values()), absent, tuple(unused))


def _nothing_fits(extractor: PretrainedExtractor, path: Path, mismatched: list[str]) -> CheckpointError:
    kind = type(extractor).__name__
    if mismatched and extractor.width != 1:
        return CheckpointError(
            f"{path} holds weights for width 1, and this {kind} has width {extractor.width:g}: {mismatched[0]}",
            hint="published weights want `width: 1`",
        )
    why = mismatched[0] if mismatched else "no name in it is known here"
    return CheckpointError(
        f"{path} holds no weights of {kind}: {why}", hint=f"the public file is {extractor.published.address}"
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name; nothing in the file can run code. Raises `CheckpointError`."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise CheckpointError(
            f"{path} is not a file of weights: it is cut off, or a pickle of something else, which could run code",
            hint="take the PyTorch file (.pt, .pth, .pyth), not Caffe2's .pkl",
        ) from exc
    except (OSError, RuntimeError, EOFError, ValueError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        raise CheckpointError(f"{path}: cannot be read: {reason}", hint="is it cut off? Copy it again") from exc
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    tensors = content.items() if isinstance(content, Mapping) else ()
    weights = {name: tensor for name, tensor in tensors if isinstance(name, str) and isinstance(tensor, Tensor)}
    if not weights:
        raise CheckpointError(f"{path} holds no tensors by name", hint="a file of weights is a PyTorch state_dict")
    return weights


def find_weights(published: Published) -> Path:
    """Return the cached file, downloaded first where the network allows. Raises `CheckpointError`."""
    path = published.cached
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _download(published.address, path)
    except (OSError, http.client.HTTPException) as exc:
        raise CheckpointError(
            f"no Kinetics weights: {path} does not exist, and {published.address} cannot be fetched ({exc})",
            hint="download it where you can and put it there, or name your copy: pretrained=PATH",
        ) from exc
    return path


def _download(address: str, path: Path) -> None:
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}.{os.getpid()}")
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer, temporary.open("wb") as file:
            shutil.copyfileobj(answer, file)
            expected = int(answer.headers.get("Content-Length", file.tell()))
            if file.tell() != expected:
                raise OSError(f"only {file.tell()} of {expected} bytes came")
        temporary.replace(path)
    except urllib.error.HTTPError as exc:
        exc.close()
        raise
    finally:
        temporary.unlink(missing_ok=True)
