"""A worker's checklist as it was found: frozen, and without anything that takes time to import."""

from __future__ import annotations

from dataclasses import dataclass

FILE = "checklist.json"
"""In the folder of a worker's evidence."""
UNJUDGED = "not looked at yet"


@dataclass(frozen=True)
class Item:
    """One line of a checklist."""

    text: str
    proof: str
    """`gate`, `file`, `command` or `evidence`."""
    argument: tuple[str, ...]
    proved: bool = False
    why: str = UNJUDGED
    """What proves it, or why it is not proved."""
    at_s: float = 0.0
    """When that was found out, epoch seconds by the host's clock; 0 = never."""
    commit: str = ""
    """What the worktree held then."""


@dataclass(frozen=True)
class Checklist:
    """All of a worker's, and what they are held against."""

    items: tuple[Item, ...] = ()
    commit: str = ""
    """What the worktree held when its proofs were looked for last."""
    clock_s: float = 0.0
    """The host's clock when it answered, to which ages are told; 0 if nobody was asked now."""

    def proved(self, item: Item, commit: str = "") -> bool:
        """True if the proof is about this commit (default: the worktree's); never if nobody knows which that is."""
        held = commit or self.commit
        return item.proved and held != "" and item.commit == held
