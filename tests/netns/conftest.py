"""A laptop and three hosts in namespaces: real sshds, the real command line, the app's own words. See `fixtures`."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Desk, git, wait_for
from tests.fixtures.namespaces import Cable, Namespace, network, why_not
from tests.fixtures.ssh import Sshd, share_code, sshd_running, start_sshd, trust
from tests.netns.screen import Screen
from tests.netns.story import Story, wanted, write

COUNTING = (
    "import os, time\nn = 0\nwhile not os.path.exists({stop!r}):\n    print(n, flush=True); n += 1; time.sleep(0.1)"
)
_story = Story()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _story.rows:
        terminalreporter.section("faults, and what the screen said")
        for line in _story.table():
            terminalreporter.write_line(line)
        if wanted():
            write(_story.table())


@pytest.fixture
def story() -> Story:
    return _story


@dataclass
class NetHost:
    """One host: its namespace, its sshd, its run root."""

    name: str
    cable: Cable
    sshd: Sshd
    root: Path

    def restart(self, boot_id: str = "") -> None:
        """End the server with all its sessions and start it again, after a reboot as it were with a `boot_id`."""
        self.sshd.process.wait(10)
        config = self.sshd.folder / "sshd_config"
        if boot_id:
            config.write_text(config.read_text().replace(f"boot-{self.name}", boot_id))
        self.sshd.process = start_sshd(self.sshd.folder, self.cable.host.within)
        wait_for(lambda: "Server listening" in self.sshd.log, "sshd")

    def hang_up(self) -> None:
        """End every session that the server has, the server stays."""
        for pid in self.cable.host.pids():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sshd: ") and pid != self.sshd.process.pid:
                    os.kill(pid, signal.SIGKILL)

    def processes(self, *words: str) -> list[int]:
        """Processes in here that have each of these words as an argument."""
        found = []
        for pid in self.cable.host.pids():
            with contextlib.suppress(OSError):
                arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                if all(word.encode() in arguments for word in words):
                    found.append(pid)
        return found


@dataclass
class Lab(Desk):
    """A desk in the laptop's namespace. Workers `one`, `two`, `three` count on hosts `a`, `b`, `c`."""

    laptop: Namespace = field(default_factory=lambda: Namespace(""))
    hosts: dict[str, NetHost] = field(default_factory=dict)
    screens: list[Screen] = field(default_factory=list)

    @property
    def prefix(self) -> Sequence[str]:
        return self.laptop.within

    @property
    def a(self) -> NetHost:
        return self.hosts["a"]

    @property
    def stop(self) -> Path:
        """The workers count until this file is there."""
        return self.repo.parent / "stop"

    @property
    def code(self) -> str:
        """What the workers run."""
        return COUNTING.format(stop=str(self.stop))

    def workers(self, *, python: str = "", command: Sequence[str] = (), beat_interval_s: float = 0.5) -> None:
        """Write the profile. `python`: what the hosts run our code with; `command`: other work than counting."""
        names = dict(zip(self.hosts, ("one", "two", "three"), strict=False))
        entries = {
            host.name: {
                **{key: getattr(host.sshd.host, key) for key in ("address", "port", "user", "identity")},
                "root": str(host.root),
                "python": python or sys.executable,
            }
            for host in self.hosts.values()
        }
        workers = {
            worker: {
                "branch": f"exp/{worker}",
                "host": host,
                "command": list(command) or [sys.executable, "-c", self.code],
            }
            for host, worker in names.items()
        }
        defaults = {"python": sys.executable, "beat_interval_s": beat_interval_s, "grace_s": 5}
        self.profile(workers, hosts=entries, defaults=defaults)

    def jobs(self, worker: str = "one") -> int:
        """How often the worker was really started, on all hosts."""
        return sum(len(list(host.root.glob(f"runs/*/{worker}/*/attempts/*/job"))) for host in self.hosts.values())

    def screen(self, selected: str = "one") -> Screen:
        """The app in words, following everything."""
        command = [*self.prefix, sys.executable, "-m", "tests.netns.screen", str(self.repo / "profiles.yaml"), selected]
        self.screens.append(Screen(command, self.environment, self.repo))
        return self.screens[-1]

    def finish(self, screen: Screen, worker: str = "one") -> str:
        """Let the work end, wait until the screen says so, and count what of its log came: each line once."""
        self.stop.touch()
        screen.until(lambda row: row.state == "completed" and row.link == "live", worker=worker)
        log = next(path for host in self.hosts.values() for path in host.root.glob(f"runs/*/{worker}/*/training.log"))
        lines = log.read_text().splitlines()
        screen.has_logged(lines[-1])
        assert screen.log == lines == [str(number) for number in range(len(lines))]
        assert self.jobs(worker) == 1
        return f"{len(lines)} of {len(lines)} lines, 1 job"


@pytest.fixture(scope="session")
def _possible() -> None:
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture
def host_count(request: pytest.FixtureRequest) -> int:
    return getattr(request, "param", 1)


@pytest.fixture
def sshd_config(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "")


@pytest.fixture
def lab(
    _possible: None, host_count: int, sshd_config: str, bundles: Path | None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lab]:
    base = Path(tempfile.mkdtemp(prefix="tv-"))
    home, repo = base / "home", base / "repo"
    for folder in (home, repo):
        folder.mkdir()
    git(repo, "init", "-q", "-b", "main")
    (repo / ".gitignore").write_text("results/\n")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "Start")
    made = Lab(home=home, repo=repo, far_root=base / "far", host={})
    monkeypatch.setenv("TRAJVID_CONFIG_DIR", made.environment["TRAJVID_CONFIG_DIR"])
    (base / "far").mkdir()
    try:
        with network("abc"[:host_count]) as (made.laptop, cables), contextlib.ExitStack() as servers:
            for name, cable in cables.items():
                folder, root = base / f"sshd-{name}", base / "far" / name
                share_code(root, bundles)
                options = {"address": cable.address, "within": cable.host.within, "variables": _variables(name)}
                server = servers.enter_context(sshd_running(folder, home, sshd_config, **options))
                trust(server.host, folder / "host_key.pub")
                made.hosts[name] = NetHost(name, cable, server, root)
            made.workers()
            yield made
            for screen in made.screens:
                screen.kill()
            for process in made.running:
                if process.poll() is None:
                    process.kill()
                process.communicate()
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _variables(name: str) -> str:
    return f"TRAJVID_BOOT_ID=boot-{name}"


def now() -> float:
    """The clock of `Shown.at`."""
    return time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if os.sep + "netns" + os.sep in str(item.path):
            item.add_marker(pytest.mark.netns)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(240))
