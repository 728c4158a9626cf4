"""The kinds of experiments by their names in `problem`: a new one is a file and a line."""

from __future__ import annotations

from trainer.problem import Problem
from trainer.trajectories_problem import Trajectories

PROBLEMS: dict[str, type[Problem]] = {"trajectories": Trajectories}
