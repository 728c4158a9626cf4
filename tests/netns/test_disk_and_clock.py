"""The host's disk fills up while a run goes on; the host's clock is hours off."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.netns.conftest import Lab, now
from tests.netns.story import Story

SKEW_S = 3 * 3600
SKEWED = """\
#!{python} -IS
import sys, time
clock = time.time
time.time = lambda: clock() + {skew}
sys.executable = __file__
words = sys.argv[1:]
while words and words[0] in ("-I", "-S"):
    words.pop(0)
assert words.pop(0) == "-c", sys.argv
sys.argv = ["-c", *words[1:]]
exec(words[0])
"""


@pytest.fixture
def small_disk(lab: Lab) -> Path:
    """The run root of host `a`, on a disk of its own of 24 MiB, as it can be reached from here.

    It is mounted where the host's server is at home, and goes with it.
    """
    root, bundles, pid = lab.a.root, (lab.a.root / "bundles").readlink(), lab.a.sshd.process.pid
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tv-small", str(root)]
    subprocess.run(["nsenter", "-t", str(pid), "-m", *mount], check=True)
    seen = Path(f"/proc/{pid}/root{root}")
    (seen / "bundles").symlink_to(bundles)
    return seen


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError:
            pass


def test_a_full_disk_in_mid_run(lab: Lab, small_disk: Path, story: Story) -> None:
    code = f"import os, time\nprint('begun', flush=True)\nwhile not os.path.exists({str(lab.stop)!r}): time.sleep(0.1)"
    lab.workers(command=[sys.executable, "-c", code], beat_interval_s=2)
    lab.run("launch", "one")
    screen = lab.screen()
    screen.live(state="running")
    screen.has_logged("begun")
    full_at = now()
    fill(small_disk / "filler")
    said = screen.until(lambda row: "silent" in row.says, full_at)
    assert said.state == "running" and said.link == "live"
    free_at = now()
    (small_disk / "filler").unlink()
    back = screen.until(lambda row: row.link == "live" and "silent" not in row.says, free_at)
    fill(small_disk / "filler")
    ended_at = now()
    lab.stop.touch()
    ended = screen.live(ended_at, state="completed")  # the place of its exit record was kept from the start
    assert len(list(small_disk.glob("runs/*/one/*/attempts/*/job"))) == 1
    story.tell("host's disk full in mid-run", f"{said.says}; ended meanwhile: {ended.says}", said.at - full_at,
               back.at - free_at, "exit record kept, 1 job")  # fmt: skip


def test_a_clock_three_hours_ahead(lab: Lab, story: Story) -> None:
    python = lab.repo.parent / "skewed"
    python.write_text(SKEWED.format(python=sys.executable, skew=SKEW_S))
    python.chmod(0o700)
    lab.workers(python=str(python))
    lab.run("launch", "one")
    screen = lab.screen()
    began = now()
    said = screen.live(began, state="running")
    screen.has_logged("5")
    hosts = lab.run("hosts").stdout
    cut_at = now()
    lab.a.cable.cut()
    assert "seen 1" in screen.offline(cut_at).says, "ages are of this laptop's clock"
    lab.a.cable.heal()
    kept = lab.finish(screen)
    (clock,) = re.findall(r"clock [^·\n]*", hosts)
    story.tell("host's clock 3 h ahead", f"{said.says}; `hosts`: {clock.strip()}", None, None, kept)
