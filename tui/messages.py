"""What happens in the app, as messages: widgets and workers post them, only handlers change the screen."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class WorkerPicked(Message):
    """A worker was selected (mouse, palette)."""

    worker: str


@dataclass
class WorkerOpened(Message):
    """A worker is to be shown on the whole screen."""

    worker: str


@dataclass
class FleetReady(Message):
    """Profile and fleet are there: news arrives from now on."""


@dataclass
class FleetFailed(Message):
    """The app cannot begin: what, where and what next. `exit_code` is what the process ends with."""

    title: str
    message: str
    hint: str
    exit_code: int
