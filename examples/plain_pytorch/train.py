"""A plain PyTorch script that learns to tell the arms of two spirals apart; the lines with `syncer` make it live."""

from __future__ import annotations

import argparse
import os
import sys

import torch

# Under the control plane the package comes along with the run; alone, it is installed.
sys.path.append(os.environ.get("TRAJVID_BUNDLE", ""))
from trainer import ResultSyncer

BATCH = 256
LOG_EVERY = 50


def spirals(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Return noisy points (count, 2) on two interleaved spirals and the arm (count,) of each."""
    arm = torch.randint(2, (count,), generator=generator)
    angle = 1 + 9 * torch.rand(count, generator=generator)
    turned = angle + torch.pi * arm
    points = torch.stack([turned.cos(), turned.sin()], dim=1) * angle[:, None] / 10
    return points + 0.06 * torch.randn(count, 2, generator=generator), arm


def train(steps: int, results: str) -> None:
    """Train for `steps` in all; an interrupted run goes on from its last checkpoint."""
    generator = torch.Generator().manual_seed(0)
    held_out = spirals(2000, generator)
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(2, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2)
    )
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    with ResultSyncer(results, total_steps=steps, checkpoint_interval=30) as syncer:
        start = 0
        if syncer.last_checkpoint:
            saved = torch.load(syncer.last_checkpoint, weights_only=True)
            model.load_state_dict(saved["model"])
            optimiser.load_state_dict(saved["optimiser"])
            start = saved["step"]
        for step in range(start + 1, steps + 1):
            points, arm = spirals(BATCH, generator)
            loss = torch.nn.functional.cross_entropy(model(points), arm)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if step % LOG_EVERY == 0:
                with torch.no_grad():
                    right = (model(held_out[0]).argmax(dim=1) == held_out[1]).float().mean()
                syncer.log_metrics(step, train_loss=loss, val_accuracy=right)
            syncer.save_checkpoint({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step})
            if syncer.should_stop:
                break


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--results", default="results", help="where to write when no control plane says where")
    arguments = parser.parse_args()
    train(arguments.steps, arguments.results)
