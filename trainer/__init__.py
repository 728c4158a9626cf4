"""Learns to name and to forecast the path of an object from video, and reports what it really learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.syncer import ResultSyncer

__all__ = ["ResultSyncer"]


def __getattr__(name: str) -> Any:
    """Import `ResultSyncer` when it is asked for: the package itself stays free to import."""
    if name == "ResultSyncer":
        from trainer.syncer import ResultSyncer

        return ResultSyncer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
