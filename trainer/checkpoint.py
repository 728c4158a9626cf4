"""Checkpoints: last.pt, best.pt, checkpoint_epoch_N.pt, written to a temporary name and renamed.

A checkpoint holds all that the next step depends on, so that *split run = straight run*. It is read with
`weights_only=True`, without a fallback: nothing in it can run code.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from trainer.config import TrainConfig
from trainer.durable import write_durably
from trainer.errors import CheckpointError
from trainer.precision import Precision
from wire.run_dir import TEMPORARY_PREFIX

Network = TypeVar("Network", bound=torch.nn.Module)

VERSION = 4
LAST, BEST = "last.pt", "best.pt"
_DEFAULTS = {name: option.get_default(call_default_factory=True) for name, option in TrainConfig.model_fields.items()}
"""What an option is in a checkpoint from before there was such an option."""


@dataclass
class TrainState:
    """Where a run is, beside weights and optimiser. Plain numbers only: floats survive a checkpoint to the bit."""

    epoch: int = 0
    """Finished epochs."""
    batch: int = 0
    """Batches of the running epoch that are done; all of them = only its evaluation is missing."""
    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    """Sums over the clips of the running epoch, by name; `loss` is what is descended."""
    clips: int = 0
    logged_step: int = -1
    """Step of the newest line in metrics.jsonl; lines beyond it belong to work that was lost."""
    best_loss: float = float("inf")
    best_epoch: int = 0
    train_s: float = 0.0
    """Time spent in training and validation, over all attempts."""
    history: list[dict[str, float]] = field(default_factory=list)
    """Figures of each finished epoch."""
    stage_ends: list[int] = field(default_factory=list)
    """Epochs after which the run went on into another stage."""
    gate: dict[str, Any] = field(default_factory=dict)
    """Verdict of the gate, as result.json has it; {} before it."""

    def start_epoch(self) -> None:
        """Forget the sums of the epoch before."""
        self.batch = self.clips = 0
        self.sums = {}

    def add(self, sums: Mapping[str, float], clips: int) -> None:
        """Count a batch that was trained on."""
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in sums.items()}
        self.clips += clips
        self.batch += 1
        self.step += 1

    @property
    def means(self) -> dict[str, float]:
        """The means over the clips of the running epoch so far, as they stand in the metrics."""
        return {f"train_{name}": total / self.clips for name, total in self.sums.items()}


class Checkpoints:
    """The checkpoint folder of one run. `identity` (config, data digest) must match at a resume."""

    known: Mapping[str, Any] = {}
    """What every checkpoint says of its model (`Problem.known`), for those who only have the checkpoint."""

    def __init__(self, folder: Path, identity: dict[str, Any], commit: str = "") -> None:
        self.folder = folder
        self.identity = identity
        self.commit = commit

    def save(
        self, names: list[str], state: TrainState, model: torch.nn.Module, optimiser: torch.optim.Optimizer,
        precision: Precision, rng: Sequence[dict[str, Any]] = (),
    ) -> None:  # fmt: skip
        """Write the same content under each name, in this order; `rng` are the random states of the run's processes,
        if there are several. Raises OSError (disk full).

        Name last.pt last: whoever dies in between resumes from the older one and writes the same again.
        """
        content = {
            "version": VERSION,
            "identity": self.identity,
            "commit": self.commit,
            **self.known,
            "state": asdict(state),
            "model": model.state_dict(),
            "optimiser": optimiser.state_dict(),
            **precision.state(),
            "rng": rng[0] if rng else rng_state(),
            "rng_of_others": list(rng[1:]),
        }
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        first = self.folder / names[0]
        write_durably(first, lambda file: torch.save(content, file))
        for name in names[1:]:
            write_durably(self.folder / name, lambda file: file.write(first.read_bytes()))

    def sweep(self) -> None:
        """Remove unfinished files that a killed attempt left."""
        for path in self.folder.glob(f"{TEMPORARY_PREFIX}*"):
            path.unlink(missing_ok=True)

    def load(self, name: str, free_keys: frozenset[str] = frozenset()) -> dict[str, Any]:
        """Read a checkpoint of this experiment. Raises `CheckpointError`."""
        path = self.folder / name
        content = read_checkpoint(path)
        then, now = {**_DEFAULTS, **content["identity"]}, self.identity
        changed = [key for key in sorted({*then, *now} - free_keys) if then.get(key) != now.get(key)]
        if changed:
            words = ", ".join(f"{key} was {then.get(key)!r}, now {now.get(key)!r}" for key in changed)
            raise CheckpointError(
                f"{path} belongs to another experiment: {words}", hint="start a new run, or put the options back"
            )
        return content


def find_checkpoint(place: str) -> Path:
    """Return the file that a checkpoint or the folder of a run names. Raises `CheckpointError`."""
    path = Path(place)
    if path.is_file():
        return path
    if not path.exists():
        raise CheckpointError(f"{place} does not exist", hint="name a checkpoint (.pt), or a run's folder")
    best = path / "checkpoints" / BEST
    if not best.is_file():
        raise CheckpointError(f"{place} holds no checkpoints/{BEST}", hint="name a checkpoint (.pt), or a run's folder")
    return best


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint file onto the CPU. Raises `CheckpointError`."""
    try:
        with warnings.catch_warnings():
            # torch warns of a pickle that is not its own, and then refuses it, which is all there is to say
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise CheckpointError(
            f"{path} cannot be read: it is damaged, or a pickle of something else than weights, which could run code",
            hint="copy an older checkpoint of the folder over it, or start a new run",
        ) from exc
    except Exception as exc:
        # Of a broken file torch says things like "Invalid argument" or "list index out of range".
        why = exc.strerror if isinstance(exc, PermissionError) else "it is no checkpoint, or was cut short"
        raise CheckpointError(
            f"{path} cannot be read: {why}",
            hint="copy an older checkpoint of the folder over it, or start a new run",
        ) from exc
    version = content.get("version") if isinstance(content, dict) else None
    if not isinstance(version, int):
        raise CheckpointError(f"{path} is not a checkpoint of a run")
    if version == 3:
        _name_sums(content)
    elif version != VERSION:
        raise CheckpointError(
            f"{path} is of version {version}, this trainer reads version {VERSION}",
            hint=f"go on with the code that wrote it ({content.get('commit') or 'its commit is not known'}), "
            "or start a new run",
        )
    return content


def _name_sums(content: dict[str, Any]) -> None:
    """Make a checkpoint of version 3 one of version 4: the sums of an epoch had fields of their own."""
    state = content["state"]
    old = {"loss": "loss_sum", "class_loss": "class_sum", "pred_loss": "pred_sum", "accuracy": "correct"}
    sums = {name: state.pop(field) for name, field in old.items()}
    state["sums"] = sums if state["batch"] else {}


def load_network(
    place: str, known_as: str, name: str, hint: str, build: Callable[[Mapping[str, Any]], Network]
) -> tuple[Network, Mapping[str, Any]]:
    """Return the network of a problem, by a checkpoint or a run's folder, ready to be evaluated, and what the
    checkpoint says under `known_as`, from which `build` makes it. Raises `CheckpointError`.
    """
    path = find_checkpoint(place)
    content = read_checkpoint(path)
    known = content.get(known_as)
    if known is None:
        problem = content["identity"].get("problem", "trajectories")
        raise CheckpointError(f"{path} is of problem {problem}: no {name}", hint=hint)
    model = build(known)
    try:
        model.load_state_dict(content["model"])
    except RuntimeError as exc:
        raise CheckpointError(
            f"{path} holds another network than the {name} is here",
            hint=f"use it with the code that wrote it ({content['commit'] or 'its commit is not known'})",
        ) from exc
    return model.eval(), known


def restore(
    content: dict[str, Any], model: torch.nn.Module, optimiser: torch.optim.Optimizer, rank: int = 0
) -> TrainState:
    """Put weights, optimiser and the random state of process `rank` back; return where the run was."""
    model.load_state_dict(content["model"])
    optimiser.load_state_dict(content["optimiser"])
    rngs = _rng_states(content)
    if rank < len(rngs):
        torch.set_rng_state(rngs[rank]["cpu"])
        if torch.cuda.is_available() and rngs[rank]["cuda"]:
            torch.cuda.set_rng_state(rngs[rank]["cuda"][0])
    return TrainState(**content["state"])


def processes_of(content: dict[str, Any]) -> int:
    """Return how many processes trained when a checkpoint was written."""
    return len(_rng_states(content))


def _rng_states(content: dict[str, Any]) -> list[dict[str, Any]]:
    # Checkpoints from before there could be several processes say nothing of others.
    return [content["rng"], *content.get("rng_of_others", [])]


def rng_state() -> dict[str, Any]:
    """All randomness that training uses: batches come from (seed, epoch), so torch's own is all there is."""
    return {"cpu": torch.get_rng_state(), "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_available() else []}
