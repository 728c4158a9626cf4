"""The work of each run: fit a line to 200 noisy points by gradient descent. Standard library only."""

from __future__ import annotations

import os
import random
import sys

# The package comes along with every run of the control plane.
sys.path.append(os.environ.get("TRAJVID_BUNDLE", ""))
from trainer import ResultSyncer

STEPS = 100


def fit(rate: float) -> None:
    chance = random.Random(0)
    xs = [chance.uniform(-1, 1) for _ in range(200)]
    points = [(x, 3 * x - 1 + chance.gauss(0, 0.1)) for x in xs]
    slope = height = 0.0
    with ResultSyncer("results", total_steps=STEPS) as syncer:
        for step in range(1, STEPS + 1):
            errors = [(slope * x + height - y, x) for x, y in points]
            slope -= rate * 2 * sum(error * x for error, x in errors) / len(errors)
            height -= rate * 2 * sum(error for error, _ in errors) / len(errors)
            syncer.log_metrics(step, val_loss=sum(error * error for error, _ in errors) / len(errors), slope=slope)


if __name__ == "__main__":
    fit(float(sys.argv[1]))
