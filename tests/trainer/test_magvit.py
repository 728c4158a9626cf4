"""The video tokenizer: published sizes, causality, codes, its file; and the extractor made of its encoder."""

from __future__ import annotations

import json
import math
import pickle
import signal
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from renderer.trajectories import make_recipe
from renderer.video import render
from trainer.__main__ import main
from trainer.config import load_config
from trainer.data.batches import Batches
from trainer.data.source import RecipeSource
from trainer.errors import CheckpointError, ConfigError
from trainer.models.extractors.magvit import MagvitExtractor
from trainer.models.tokenizer.coder import Decoder, Encoder
from trainer.models.tokenizer.layers import Upsample, patch, spread, unpatch
from trainer.models.tokenizer.quantiser import code_usage, make_quantiser
from trainer.models.tokenizer.shape import TokenizerShape, shape_for
from trainer.models.tokenizer.tokenizer import Tokenizer, load_tokenizer, tokenizer_content
from trainer.pretraining import Pretraining
from trainer.reconstruction import Errors, object_pixels, psnr

# Looked for, not imported: that takes seconds of every worker that only collects these tests.
pytestmark = pytest.mark.skipif(
    find_spec("vector_quantize_pytorch") is None, reason="the magvit extractor needs vector-quantize-pytorch"
)
SMALL = shape_for(1 / 32, patch_px=4)


def clips(frames: int = 8, side: int = 32, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, frames, 3, side, side, generator=torch.Generator().manual_seed(0))


def tokenizer(shape: TokenizerShape = SMALL) -> Tokenizer:
    torch.manual_seed(0)
    return Tokenizer(shape).eval()


def block(inputs: int, outputs: int) -> int:
    """Two norms, two convolutions without bias, a 1x1x1 one where the channels change."""
    return 2 * inputs + 2 * outputs + 27 * (inputs * outputs + outputs**2) + (inputs != outputs) * inputs * outputs


def test_the_encoder_has_the_size_of_the_published_layers() -> None:
    """Layer by layer from the figure and table of the paper's appendix (filters 128, multipliers 1 2 2 4, 4 blocks).

    The open reimplementation O2-MAGVIT2 has the same 144,859,270 and 225,479,299 at these multipliers and 6 numbers
    a code.
    """
    blocks = sum(block(a, b) + 3 * block(b, b) for a, b in [(128, 128), (128, 256), (256, 256), (256, 512), (512, 512)])
    strided = sum(27 * c * c + c for c in (128, 256, 256))
    expected = (27 * 3 * 128 + 128) + blocks + strided + 2 * 512 + (512 * 6 + 6)
    with torch.device("meta"):
        encoder, decoder = Encoder(shape_for(1.0)), Decoder(shape_for(1.0))
        assert encoder(torch.empty(1, 3, 17, 128, 128)).shape == (1, 6, 5, 16, 16)
        assert decoder(torch.empty(1, 6, 5, 16, 16)).shape == (1, 3, 17, 128, 128)
    assert sum(value.numel() for value in encoder.parameters()) == expected == 144_859_270
    assert sum(value.numel() for value in decoder.parameters()) == 225_479_299


def test_patches_shorten_the_network_and_leave_the_grid_of_codes() -> None:
    assert shape_for(1.0) == TokenizerShape()
    whole, cut = shape_for(0.5), shape_for(0.5, patch_px=4)
    assert (whole.space_stride, whole.time_stride) == (8, 4) and (cut.space_stride, cut.time_stride) == (8, 2)
    assert cut.stages == whole.stages[2:] == (128, 256)
    assert TokenizerShape.from_json(cut.to_json()) == cut
    with pytest.raises(ValueError, match="patches are of 1, 2 or 4"):
        shape_for(1.0, patch_px=3)


@pytest.mark.parametrize("shape", [SMALL, shape_for(1 / 32)], ids=["patches", "published strides"])
def test_what_comes_later_changes_nothing_before(shape: TokenizerShape) -> None:
    frames = 1 + 2 * shape.time_stride
    video, coder = clips(frames, 16).transpose(1, 2), tokenizer(shape)
    later = video.clone()
    later[:, :, 1 + shape.time_stride :] += 1.0
    before, after = coder.encoder(video), coder.encoder(later)
    assert torch.equal(before[:, :, :2], after[:, :, :2]) and not torch.allclose(before[:, :, 2], after[:, :, 2])
    codes = torch.rand(1, 6, 3, 2, 2)
    other = codes.clone()
    other[:, :, 2] -= 1.0
    before, after = coder.decoder(codes), coder.decoder(other)
    seen = 1 + shape.time_stride
    assert torch.equal(before[:, :, :seen], after[:, :, :seen]) and not torch.allclose(before, after)


@pytest.mark.parametrize(("frames", "side", "steps", "cells"), [(16, 64, 9, 8), (5, 112, 3, 14), (1, 30, 1, 4)])
def test_any_length_and_side(frames: int, side: int, steps: int, cells: int) -> None:
    again, indices = tokenizer()(clips(frames, side, batch=1))
    assert again.shape == (1, frames, 3, side, side) and indices.shape == (1, steps, cells, cells)


def test_the_last_code_sees_the_last_frame() -> None:
    coder, video = tokenizer(), clips(4, 16)
    other = video.clone()
    other[:, -1] += 2.0
    assert torch.equal(coder.encoder(video.transpose(1, 2)), coder.encoder(other.transpose(1, 2)))
    assert not torch.equal(coder.encode(video)[1], coder.encode(other)[1]), "thanks to the first one, repeated"


def test_depth_to_space_is_the_inverse_of_space_to_depth() -> None:
    video = clips(3, 8).transpose(1, 2)
    cut = patch(video, 4)
    assert cut.shape == (2, 48, 3, 2, 2) and torch.equal(unpatch(cut, 4), video)
    assert torch.equal(cut[0, :16, 1, 1, 0], video[0, 0, 1, 4:, :4].flatten())


def test_the_first_step_stands_for_one_frame_and_the_others_for_two() -> None:
    assert Upsample(4, 2)(torch.zeros(1, 4, 3, 2, 2)).shape == (1, 4, 5, 4, 4)
    coarse = torch.arange(3.0).view(1, 1, 3, 1, 1)
    assert spread(coarse, torch.zeros(1, 1, 5, 2, 2))[0, 0, :, 1, 0].tolist() == [0, 1, 1, 2, 2]
    assert spread(coarse[:, :, :1], torch.zeros(1, 1, 1, 2, 2)).shape == (1, 1, 1, 2, 2)


def test_codes_are_rounded_and_gradients_go_straight_through() -> None:
    values = (3 * torch.randn(1, 6, 2, 3, 3)).requires_grad_()
    codes, indices = make_quantiser((8, 8, 8, 5, 5, 5))(values)
    assert torch.allclose((codes[:, :3] * 4).round(), codes[:, :3] * 4, atol=1e-5)
    assert torch.allclose((codes[:, 3:] * 2).round(), codes[:, 3:] * 2, atol=1e-5)
    assert codes.abs().max() <= 1 and indices.min() >= 0 and indices.max() < 64_000
    codes.sum().backward()
    assert values.grad is not None and (values.grad > 0).all()


def test_use_of_the_codes_by_hand() -> None:
    used = code_usage(torch.tensor([[3, 3], [3, 7]]), codes=8)
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert used == pytest.approx({"codes_used": 2, "codebook_usage": 0.25, "perplexity": math.exp(entropy)})


def test_psnr_of_the_frame_and_of_the_object_by_hand() -> None:
    error, where = torch.zeros(1, 1, 3, 2, 2), torch.zeros(1, 1, 1, 2, 2, dtype=torch.bool)
    error[..., 0, 0], where[..., 0, 0] = 0.04, True
    errors = Errors()
    errors.add(error, where)
    assert errors.figures() == pytest.approx({"psnr": 20.0, "psnr_object": -10 * math.log10(0.04)})
    assert psnr(1.0) == 0


def test_the_objects_pixels_are_those_of_the_disc() -> None:
    recipe = make_recipe("medium", 6, 0).recipe
    masks = torch.cat(
        [mask for mask in object_pixels(Batches(RecipeSource(recipe), 4, 0, shuffle=False)) if mask is not None]
    )
    radius = recipe.focal_px * recipe.sphere_radius / recipe.camera_path(0, 16)[..., 2]
    area = masks.sum(dim=(2, 3, 4)).numpy()
    assert (area > np.pi * radius**2).all() and (area < np.pi * (radius + 1.5) ** 2).all()


def trained(folder: Path) -> tuple[Tokenizer, Path]:
    made, path = tokenizer(), folder / "tokenizer.pt"
    torch.save(tokenizer_content(made, {"psnr": 30.0}), path)
    return made, path


def test_a_tokenizer_file_gives_the_same_codes(tmp_path: Path) -> None:
    made, path = trained(tmp_path)
    video = clips()
    assert torch.equal(load_tokenizer(path)(video)[0], made(video)[0])
    extractor = MagvitExtractor(0.25, tokenizer=str(path))
    assert torch.equal(extractor.tokens.encode(video)[1], made.encode(video)[1])
    assert extractor.tokens.shape == SMALL and extractor.feature_dim == 64 and extractor.note == ""


@pytest.mark.parametrize("freeze", [True, False])
def test_a_frozen_tokenizer_keeps_its_weights_and_another_learns(tmp_path: Path, freeze: bool) -> None:
    _, path = trained(tmp_path)
    extractor = MagvitExtractor(0.25, tokenizer=str(path), freeze=freeze)
    extractor(torch.randint(0, 256, (1, 4, 3, 16, 16), dtype=torch.uint8)).square().sum().backward()
    learned = [value.grad is not None and bool(value.grad.any()) for value in extractor.tokens.parameters()]
    assert any(learned) is not freeze
    assert extractor.embed.weight.grad is not None


def test_nothing_can_be_frozen_that_was_not_trained() -> None:
    with pytest.raises(ConfigError, match="none is named"):
        MagvitExtractor(0.25, freeze=True)
    assert "trained with the tasks" in MagvitExtractor(1 / 32, patch_px=4).note


def test_the_bundled_config_is_small_enough_for_a_cpu() -> None:
    config = load_config("magvit")
    assert shape_for(config.width, config.patch_px).stages == (16, 32)


@pytest.mark.parametrize("content", [b"", b"no file of torch", pickle.dumps({"tokenizer": 1}), b"PK\x03\x04"])
def test_what_is_no_tokenizer_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.pt"):
        MagvitExtractor(tokenizer=str(path))


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    made, path = trained(tmp_path)
    content = tokenizer_content(made, {})
    content["shape"]["channels"] = 8
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="do not fit"):
        MagvitExtractor(tokenizer=str(path))


def test_the_features_do_not_move_with_what_is_beside_them_in_the_batch() -> None:
    extractor = MagvitExtractor(1 / 32, patch_px=4).eval()
    recipe = make_recipe("medium", 3, 0).recipe
    video = torch.from_numpy(render(recipe))
    assert torch.allclose(extractor(video)[1], extractor(video[1:2])[0], atol=1e-4)


def pretrain(folder: Path, *words: str) -> int:
    small = ("clips=28", "width=0.03125", "tier=easy", "batch_size=8", "log_every=2")
    return main(["pretrain", "magvit", "--out", str(folder), *small, *words])


@pytest.mark.slow  # 2 s
def test_a_tokenizer_is_pretrained_and_tells_how_well_it_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAJVID_RUN_DIR", raising=False)
    assert pretrain(tmp_path / "all", "epochs=2") == 0
    result = json.loads((tmp_path / "all" / "result.json").read_text())
    assert {"psnr", "psnr_object", "codes_used", "perplexity"} <= set(result["metrics"])
    assert result["controls"]["black"]["psnr"] > 20 > 10 > result["controls"]["black"]["psnr_object"]
    history = json.loads((tmp_path / "all" / "artifacts" / "pretraining_results.json").read_text())["history"]
    assert history[1]["train_loss"] < history[0]["train_loss"]
    made = load_tokenizer(tmp_path / "all" / "artifacts" / "tokenizer.pt")
    assert made.shape == SMALL


@pytest.mark.slow
def test_a_pretraining_that_was_cut_comes_to_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute: cut within the second epoch by a TERM that arrives at a step."""
    monkeypatch.delenv("TRAJVID_RUN_DIR", raising=False)
    assert pretrain(tmp_path / "all", "epochs=2") == 0
    step = Pretraining.train_step

    def cut(self: Pretraining, clips: torch.Tensor) -> None:
        step(self, clips)
        if self.state.step == 4:
            self.stop.signal = signal.SIGTERM

    with monkeypatch.context() as patched:
        patched.setattr(Pretraining, "train_step", cut)
        assert pretrain(tmp_path / "cut", "epochs=2") == 143
    assert pretrain(tmp_path / "cut", "epochs=2", "--resume") == 0
    whole, parts = (
        load_tokenizer(tmp_path / name / "artifacts" / "tokenizer.pt").state_dict() for name in ("all", "cut")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_pretraining_needs_its_folder_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "magvit", "--resume"]) == 2
    assert "name the folder with --out" in capsys.readouterr().err


def test_a_config_of_another_extractor_is_no_plan_for_a_tokenizer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pretrain", "magvit", "--config", "keypoint"]) == 2
    assert "is of the extractor keypoint" in capsys.readouterr().err
