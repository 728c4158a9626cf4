"""A screen compared with its kept snapshot."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import constants
from textual.app import App
from textual.widgets import Input

from tests.tui.screen_text import screen_text

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One time zone, no cursor that blinks, no animation, no colour variables from the person's shell."""
    for name in ("NO_COLOR", "TRAJVID_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(Input, "cursor_blink", False)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def same_as_before(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Compare the app's screen with tests/tui/snapshots/<test>.txt; SNAP=1 writes it anew.

    A test that looks at several screens names each: <test>_<name>.txt.
    """

    def compare(app: App[Any], name: str = "") -> None:
        kept = SNAPSHOTS / (re.sub(r"[^\w-]+", "_", f"{request.node.name} {name}").strip("_") + ".txt")
        now = screen_text(app)
        if os.environ.get("SNAP"):
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(now, encoding="utf-8")
            return
        assert kept.exists(), f"{kept} is missing: SNAP=1 pytest writes it; look at it"
        assert now.split("\n") == kept.read_text(encoding="utf-8").split("\n")

    return compare
