"""A removal that goes on, whatever screen is shown meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Removal:
    """What removes, how far it is, and whether a person gave it up."""

    def __init__(self, text: str) -> None:
        self.text = text
        """What it does now."""
        self._task: asyncio.Future[Any] | None = None
        self._given_up = False

    async def run(self, work: Callable[[Callable[[str], None]], Awaitable[T]]) -> T | None:
        """Do the work, which tells its steps; None if it was given up."""
        self._task = task = asyncio.ensure_future(work(self._step))
        try:
            return await task
        except asyncio.CancelledError:
            if not self._given_up:
                raise
            return None

    def give_up(self) -> None:
        """End it as soon as it waits for something; what is removed by then is gone."""
        self._given_up = True
        if self._task is not None:
            self._task.cancel()

    def _step(self, text: str) -> None:
        self.text = text
