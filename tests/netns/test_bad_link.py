"""A link that is slow and loses packets: everything takes longer, and nothing else changes."""

from __future__ import annotations

import pytest

from tests.netns.conftest import Lab, now
from tests.netns.story import Story


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", [0.05])
def test_slow_and_lossy(lab: Lab, story: Story, share: float) -> None:
    lab.a.cable.slow(64)
    lab.a.cable.lose(share)
    began = now()
    lab.run("launch", "one", timeout=200)
    screen = lab.screen()
    said = screen.until(lambda row: row.link == "live" and row.state == "running", began, within_s=200)
    screen.has_logged("5", within_s=200)
    kept = lab.finish(screen)
    lost = sum(1 for row in screen.shown if row.link == "offline")
    story.tell(f"launch over a link of 64 kB/s that loses {share:.0%} each way", f"{said.says}, {lost} times offline",
               said.at - began, None, kept)  # fmt: skip
