"""The kinds of experiments by their names in `problem`: a new one is a file and a line."""

from __future__ import annotations

from trainer.objects.detector_problem import DetectorProblem
from trainer.objects.object_problem import ObjectProblem
from trainer.persistence.problem import PersistenceProblem
from trainer.problem import Problem
from trainer.trajectories_problem import Trajectories

PROBLEMS: dict[str, type[Problem]] = {
    "trajectories": Trajectories,
    "detector": DetectorProblem,
    "objects": ObjectProblem,
    "persistence": PersistenceProblem,
}
