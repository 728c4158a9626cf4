"""How the arithmetic of a step is done: threads, number format, memory order.

Weights, losses and evaluations are always float32: figures never depend on how rough the steps were.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainer.config import TrainConfig
from trainer.errors import ConfigError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_ORDERS = {4: torch.channels_last, 5: torch.channels_last_3d}
"""Dimensions of a convolution's weights -> their order with the channels last."""


@dataclass(frozen=True)
class Setting:
    """What the bits of a run depend on beside its config; a checkpoint holds it."""

    threads: int
    dtype: str
    layout: str

    def __str__(self) -> str:
        return f"{self.threads} thread{'s' if self.threads > 1 else ''}, {self.dtype}, {self.layout}"


class Precision:
    """Forward and backward passes of a setting on a device. `scaler` works with float16 alone."""

    def __init__(self, setting: Setting, device: torch.device) -> None:
        if setting.dtype == "float16" and device.type != "cuda":
            raise ConfigError("dtype cannot be 'float16' on a CPU", hint="dtype=bfloat16 works on both")
        self.setting, self.device = setting, device
        self.dtype = _DTYPES[setting.dtype]
        self.scaler = torch.amp.GradScaler(device.type, enabled=setting.dtype == "float16")

    def prepare(self, model: nn.Module) -> None:
        """Set the threads of this process and the memory order of the weights, values unchanged."""
        torch.set_num_threads(self.setting.threads)
        if self.setting.layout == "channels_last":
            for weight in model.parameters():
                if order := _ORDERS.get(weight.dim()):
                    weight.data = weight.data.contiguous(memory_format=order)

    def forward(self, model: nn.Module, inputs: Any) -> dict[str, Tensor]:
        """Return the outputs for a batch, float32."""
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            outputs = model(inputs)
        return {name: value.float() for name, value in outputs.items()}

    def descend(self, loss: Tensor, model: nn.Module, optimiser: torch.optim.Optimizer, clip_norm: float) -> bool:
        """Take one clipped step down. Returns False, and changes no weight, if the gradient is not finite; with
        float16 that is no failure: the scaler leaves such a step out and scales less.
        """
        optimiser.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(optimiser)
        norm = nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        if not (self.scaler.is_enabled() or torch.isfinite(norm)):
            return False
        self.scaler.step(optimiser)
        self.scaler.update()
        return True

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {"setting": asdict(self.setting), "scaler": self.scaler.state_dict()}


def restore_precision(config: TrainConfig, content: dict[str, Any], device: torch.device) -> Precision:
    """Return the precision of a checkpoint: what was measured then holds, what the config states goes before it."""
    then = content["setting"]
    stated = {key: getattr(config, key) for key in then if getattr(config, key) != "auto"}
    precision = Precision(Setting(**{**then, **stated}), device)
    precision.scaler.load_state_dict(content["scaler"])
    return precision


def compile_model(model: nn.Module) -> None:
    """Compile the model in place, when it is first called. Its state keeps its names."""
    compiler = os.environ.get("CXX") or "g++"
    if not shutil.which(compiler):
        raise ConfigError(f"compile cannot be true: there is no C++ compiler {compiler!r} here", hint="compile=false")
    model.compile()
