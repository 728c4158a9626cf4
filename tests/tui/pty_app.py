"""Run as a program in a real terminal: the app over a world given by name (see test_terminal.py)."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
import tempfile
from collections.abc import Collection
from contextlib import chdir
from pathlib import Path
from typing import Any, ClassVar

from remote.activity import Activity, Deed, Origin, Source
from remote.asker import Asker
from remote.checklist_items import Checklist, Item
from remote.checks import Check, Report, Verdict
from remote.clean import clean
from remote.errors import RemoteError
from remote.evidence import Told
from remote.listing import Entry, Listing
from remote.log_pages import LogPage
from remote.snapshot import LinkStatus, RunSnapshot
from remote.ssh_hosts import SshHost
from remote.waiting import Look
from tests.tui.worlds import Feed, default_world, held, many_states, running
from tui.app import TrajvidApp
from tui.messages import FleetFailed
from tui.screens.welcome import WelcomeScreen

EVIL = (
    "AAA\x1b]52;c;ZXZpbA==\x07BBB\x1b[2JCCC\x9b2JDDD\x9d0;PWNED1\x9cEEE\x1b]0;PWNED2\x07FFF\u202eGGG\u2066HHH"
    "\x1b]8;;http://evil\x07III\x00\x7f\x08JJJ[/x] [red]KKK[/red] [@click=app.quit]LLL[/]\u2028MMM\r"
)


def hostile(value: Any, text: str) -> Any:
    """The same record with `text` in every field that holds text, at any depth."""
    if isinstance(value, LinkStatus):
        return dataclasses.replace(value, reason=text)
    if isinstance(value, str) and type(value) is str:
        return text
    if isinstance(value, tuple):
        return tuple(hostile(item, text) for item in value)
    if isinstance(value, dict):
        return {key: hostile(item, text) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {item.name: hostile(getattr(value, item.name), text) for item in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value


def hostile_world(text: str) -> list[RunSnapshot]:
    """Every state with hostile text everywhere; metric names too; workers stay told apart."""
    rows = []
    for index, row in enumerate([*many_states(), held("at-gate")]):
        evil = dataclasses.replace(hostile(row, text), worker=f"{index}{text}", step=text if index % 2 else "")
        if evil.progress is not None:
            names = {text: 1.0, **evil.progress.metrics}
            evil = dataclasses.replace(evil, progress=dataclasses.replace(evil.progress, metrics=names, message=text))
        folder = hostile_results() if index == 0 else "nowhere"  # the laptop's own word: no host has a say in it
        rows.append(dataclasses.replace(evil, sync=dataclasses.replace(evil.sync, folder=folder)))
    return rows


def hostile_results() -> str:
    """A folder of results whose names and contents are hostile, as far as a name and a text may be."""
    artifacts = Path("results") / "artifacts"
    artifacts.mkdir(parents=True)
    text = EVIL.replace("\0", "").strip()
    name = text.replace("/", "")
    (artifacts / f"tdd_{name}_red.txt").write_text(f"verdict: {text}\n{text}")
    (artifacts / f"{name}.json").write_text(json.dumps({EVIL: [EVIL]}))
    (artifacts / "training_results.json").write_text(json.dumps({"config": {EVIL: EVIL, "gate": {EVIL: EVIL}}}))
    return "results"


WORLDS = {
    "hostile": lambda: hostile_world(EVIL),
    "cleaned": lambda: hostile_world(clean(EVIL)),
    "benign": default_world,
    "one": lambda: [running("keypoint-a")],
}


class Talkative(TrajvidApp):
    """On F10 to F12 it says everything else that may carry a stranger's words: welcome, problems, toasts, questions."""

    BINDINGS: ClassVar = [("f12", "talk"), ("f11", "problem"), ("f10", "welcome")]

    def action_talk(self) -> None:
        self.toast(EVIL, "error", title=EVIL)
        self.run_worker(self.asker.accept_host_key(EVIL, EVIL))
        self.run_worker(self.asker.keyboard_interactive(EVIL, [(EVIL, True)]))

    def action_welcome(self) -> None:
        self.push_screen(WelcomeScreen(Path(EVIL), [SshHost(EVIL, EVIL, EVIL)]))

    def action_problem(self) -> None:
        self.post_message(FleetFailed(EVIL, EVIL, EVIL, 2))


class Verbs:
    """Names only, for the questions come before the verbs; what a host is asked for is hostile."""

    launch = stop = kill = resume = sync = release = retire = relaunch = None

    async def files(self, fleet: object, worker: str, run: str = "") -> Listing:
        kinds = ("file", "folder", "link", "other")
        return Listing(run, tuple(Entry(f"{kind}{EVIL}", kind, 7, 7, EVIL) for kind in kinds))

    def folder_here(self, fleet: object, worker: str) -> Path:
        return Path("results")

    def checklist_here(self, fleet: object, worker: str) -> Checklist:
        return Checklist((Item(EVIL, "file", (EVIL,), False, EVIL, 7.0, EVIL),), EVIL)

    async def told(self, fleet: object, worker: str, *, cached: bool = False) -> Told:
        return Told(worker, self.folder_here(fleet, worker), EVIL, (), None, 7.0, cached)

    async def look(self, fleet: object, worker: str) -> Look:
        return Look(EVIL, EVIL, 2, True, 2)

    async def runs_of(self, fleet: object, worker: str) -> tuple[list[str], str]:
        return [EVIL], EVIL

    async def log_page(self, fleet: object, worker: str, run: str) -> LogPage:
        return LogPage(run, (EVIL, f"ERROR {EVIL}", EVIL), ((1, 2),), 7, EVIL, 7.0)

    def run_place(self, fleet: object, worker: str) -> str:
        return EVIL

    async def open_shell(self, fleet: object, host: str, worker: str = "") -> None:
        raise RemoteError(EVIL, hint=f"SHELL {EVIL}")

    async def activity(self, fleet: object, *, before: object = None) -> Activity:
        deed = Deed(1e9, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, Origin.HOST)
        return Activity((deed, deed), {EVIL: Source(None, EVIL)})

    async def examine(self, fleet: object, hosts: Collection[str], *, laptop: bool = True) -> list[Report]:
        return [Report(EVIL, 7.0, (Check(EVIL, Verdict.FAIL, EVIL, EVIL, EVIL),))]

    async def commit_of(self, fleet: object, worker: str, consent: object = None) -> Any:
        from remote.git import Commit

        return Commit(EVIL, EVIL, EVIL, True, (EVIL,), 3)


def main() -> int:
    world, *options = sys.argv[1:]
    if "ignore-hup" in options:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    class Stuck(Feed):
        async def start(self, workers: Any = None) -> None:
            import asyncio

            await asyncio.Event().wait()

        async def close(self) -> None:
            import asyncio

            await asyncio.Event().wait()

    async def opener(asker: Asker) -> Feed:
        return (Stuck if "stuck" in options else Feed)(WORLDS[world]())

    app = Talkative(opener, verbs=Verbs(), project=EVIL if world == "hostile" else "demo")
    result = app.run(mouse=False)
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        os.environ["TRAJVID_STATE_DIR"] = folder
        code = main()
    sys.exit(code)
