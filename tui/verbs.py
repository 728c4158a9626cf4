"""What the keys that change something do: ask, call the verb of `remote.runs`, tell how it ended.

Each runs in a Textual worker that never ends the app; a failure becomes a toast with its hint.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from remote.errors import RemoteError
from remote.snapshot import Link, RunSnapshot
from tui.bulk import BulkRunner, Work, ended_words
from tui.copying import copy
from tui.format import Line, duration, safe, size, wrapped
from tui.gate import gate_lines
from tui.hosts.shell import lend_terminal
from tui.proving import ProofRunner
from tui.screens.dialog import Confirm
from tui.screens.launch import TEXT_WIDTH, LaunchChoice, LaunchScreen
from tui.screens.relaunch import RelaunchScreen
from tui.words import commit_words, count_words, parent_words, state_and_age
from wire.state import State

if TYPE_CHECKING:
    from tui.app import TrajvidApp
    from tui.session import VerbsLike


GOES_ON: Line = [("It goes on as a new attempt, from the checkpoint of its gate.", "dim")]
IS_FINAL: Line = [("It stays as it ended: never resumed, never released.", "bold warn")]


class VerbRunner:
    """Asks and acts on behalf of one app."""

    def __init__(self, app: TrajvidApp, verbs: VerbsLike) -> None:
        self._app = app
        self._verbs = verbs
        self.bulk = BulkRunner(app, self.run, self._once)
        self.proofs = ProofRunner(app, verbs, self.run, self._consent)

    def run(self, worker: str, doing: str, work: Work) -> None:
        """Do `work` in the background; its result is the toast, '' for none."""
        self._app.run_worker(self._guarded(worker, doing, work), group="verbs", exit_on_error=False)

    async def _guarded(self, worker: str, doing: str, work: Work) -> None:
        try:
            told = await work()
        except RemoteError as exc:
            hint = f"\n→ {exc.hint}" if exc.hint else ""
            self._app.toast(f"{exc.message}{hint}", "error", title=f"{worker}: {doing} failed")
        except Exception as exc:
            self._app.toast(f"{type(exc).__name__}: {exc}", "error", title=f"{worker}: {doing} failed")
        else:
            if told:
                self._app.toast(told, title=worker)

    def launch(self, selected: str) -> None:
        """The launch dialog, then the launch."""

        async def work() -> str:
            choice = await self._app.push_screen_wait(
                LaunchScreen(self._app.store.all(), selected, self._app.store.clock(), self._commit_of)
            )
            if choice is None:
                return ""
            self._app.pick(choice.worker)
            return await self._launched(choice)

        self.run(selected, "launch", work)

    async def _commit_of(self, worker: str) -> list[Line]:
        """The commit that a launch would run now, and what uncommitted work goes along."""
        commit = await self._verbs.commit_of(self._app.fleet, worker, self._decline)
        lines: list[Line] = [[(commit.hash[:7], "bold"), (f"  {commit.subject}", "dim")]]
        if commit.dirty:
            lines.append([("* a snapshot of uncommitted work", "warn")])
        if commit.untracked:
            more = f" and {len(commit.untracked) - 3} more" if len(commit.untracked) > 3 else ""
            lines.append([(f"  with untracked {', '.join(commit.untracked[:3])}{more}", "warn")])
        return lines

    async def _decline(self, names: tuple[str, ...], count: int) -> bool:
        """Looking takes nothing large along; the launch itself asks."""
        return False

    async def _launched(self, choice: LaunchChoice) -> str:
        done = await self._verbs.launch(
            self._app.fleet, choice.worker, overrides=choice.overrides, consent=self._consent
        )  # fmt: skip
        return f"runs already: {done.run}" if done.already else f"launched {done.run}"

    async def _consent(self, names: tuple[str, ...], count: int) -> bool:
        """Large untracked files go along only with a yes."""
        lines: list[Line] = [[(f"{len(names)} untracked files of {size(count)} would go along:", "")]]
        lines += [[(name, "")] for name in names[:8]]
        if len(names) > 8:
            lines.append([(f"and {len(names) - 8} more", "dim")])
        answer = await self._app.push_screen_wait(Confirm("Send untracked files?", lines, "Send them", danger=False))
        return answer is True

    def launch_all(self) -> None:
        """Launch whatever does not run, is not complete and waits for no decision, after one question."""
        done = (State.COMPLETED, State.HELD)
        rows = [row for row in self._app.store.all() if not row.state.active and row.state not in done]
        if rows:
            self.bulk.ask("launch", rows)
        else:
            self._app.toast("nothing to launch: every worker runs, is held or is complete", title="all workers")

    def launch_new(self) -> None:
        """Launch every worker that never ran, without a question: the person asked for it when the app was started."""
        self.bulk.each("launch", [row for row in self._app.store.all() if row.state is State.NOT_STARTED])

    async def _once(self, verb: str, worker: str) -> Any:
        """Do one of the verbs that are for many to one worker; a launch still asks about large untracked files."""
        if verb == "launch":
            return await self._launched(LaunchChoice(worker, ()))
        if verb == "fetch":
            return await self._fetched(worker)
        done = await getattr(self._verbs, verb)(self._app.fleet, worker)
        return ended_words(done, verb) if verb in ("stop", "kill") else done

    def resume(self, row: RunSnapshot) -> None:
        """Go on from the last checkpoint: nothing is lost by it, so nothing is asked."""

        async def work() -> str:
            done = await self._verbs.resume(self._app.fleet, row.worker)
            return f"runs already: {done.run}" if done.already else f"resumed as {done.attempt}"

        self.run(row.worker, "resume", work)

    def release(self, row: RunSnapshot) -> None:
        """Go on past the gate, after a look at what it said."""
        question = Confirm(
            f"Release {safe(row.worker)}?", [*_at_its_gate(row), [], GOES_ON], "Release it", danger=False
        )

        async def work() -> str:
            if not await self._app.push_screen_wait(question):
                return ""
            done = await self._verbs.release(self._app.fleet, row.worker)
            return f"released: goes on as {done.attempt}"

        self.run(row.worker, "release", work)

    def retire(self, row: RunSnapshot) -> None:
        """Make a held run final, after a look at what its gate said."""
        question = Confirm(f"Retire {safe(row.worker)}?", [*_at_its_gate(row), [], IS_FINAL], "Retire it")

        async def work() -> str:
            if not await self._app.push_screen_wait(question):
                return ""
            done = await self._verbs.retire(self._app.fleet, row.worker)
            return f"{'already ' if done.already else ''}{done.reason}"

        self.run(row.worker, "retire", work)

    def relaunch(self, row: RunSnapshot) -> None:
        """The newest run once more, with the changes that the dialog takes."""

        async def beside(worker: str) -> list[Line]:
            lines = await self._commit_of(worker)
            same = row.spec is not None and lines[0][0][0] == row.spec.commit[:7]
            return lines if same else [*lines, [("▲ not the commit that it ran then", "warn")]]

        async def work() -> str:
            choice = await self._app.push_screen_wait(RelaunchScreen(row, self._app.store.clock(), beside))
            if choice is None:
                return ""
            done = await self._verbs.relaunch(
                self._app.fleet, choice.worker, overrides=choice.overrides, consent=self._consent
            )
            return f"runs already: {done.run}" if done.already else f"launched {done.run}\n{parent_words(done)}"

        self.run(row.worker, "relaunch", work)

    def shell(self, host: str, worker: str) -> None:
        """The terminal for a shell on a host, in the worktree of one of its workers or at home."""
        self.run(worker or host, "shell", lambda: lend_terminal(self._app, host, worker))

    def sync(self, row: RunSnapshot) -> None:
        """Bring the results here now."""

        async def work() -> str:
            done = await self._verbs.sync(self._app.fleet, row.worker)
            return f"synced {done.files} files, {size(done.bytes)} by {done.method} in {done.seconds:.1f} s"

        self.run(row.worker, "sync", work)

    def fetch(self, worker: str) -> None:
        """Bring home what was committed in its worktree: a branch that moved here too is for the person to merge."""
        self.run(worker, "fetch", lambda: self._fetched(worker))

    async def _fetched(self, worker: str) -> str:
        from tui.fetched import left_alone, told_in_short  # brings git's side along, which no first paint waits for

        done = await self._verbs.fetch(self._app.fleet, worker)
        self._app.toast(told_in_short(done), "warning" if left_alone(done) else "information", title=worker)
        return ""

    def copy(self, row: RunSnapshot) -> None:
        """Copy `host:path` of the newest run."""
        copy(self._app, [self._verbs.run_place(self._app.fleet, row.worker)], "the place of the run")

    def stop(self, row: RunSnapshot) -> None:
        """Stop after a question whose focused answer is Cancel."""
        question = Confirm(f"Stop {safe(row.worker)}?", self._about(row), "Stop it")
        self._end(row, "stop", question, lambda fleet, worker: self._verbs.stop(fleet, worker))

    def kill(self, row: RunSnapshot) -> None:
        """Kill after the worker's name has been typed."""
        lines = [*self._about(row), [("Work since the last checkpoint is lost.", "bold warn")]]
        question = Confirm(f"Kill {safe(row.worker)}?", lines, "Kill it", typed=row.worker)
        self._end(row, "kill", question, lambda fleet, worker: self._verbs.kill(fleet, worker))

    def _end(self, row: RunSnapshot, doing: str, question: Confirm, call: Callable[[Any, str], Awaitable[Any]]) -> None:
        async def work() -> str:
            if not await self._app.push_screen_wait(question):
                return ""
            return ended_words(await call(self._app.fleet, row.worker), doing)

        self.run(row.worker, doing, work)

    def _about(self, row: RunSnapshot) -> list[Line]:
        """Host, branch, step, age of the last checkpoint."""
        now = self._app.store.clock()
        saved = "none yet: everything since the start would be lost"
        if row.checkpoint_at is not None:
            saved = f"{duration(now - row.checkpoint_at)} old"
        lines: list[Line] = [
            [("state       ", "dim"), *state_and_age(row, now)],
            [("host        ", "dim"), (row.host, "")],
            [("branch      ", "dim"), *commit_words(row)],
            [("progress    ", "dim"), (count_words(row) or "not reported", "")],
            [("checkpoint  ", "dim"), (saved, "" if row.checkpoint_at is not None else "bold warn")],
        ]
        if row.link.link is not Link.LIVE:
            lines.append([("▲ the host is not connected: this works once it is", "warn")])
        return lines


def _at_its_gate(row: RunSnapshot) -> list[Line]:
    """What the gate said: its conditions, or its reasons where it lists none."""
    return gate_lines(row, TEXT_WIDTH) or [[(piece, "")] for piece in wrapped(row.reason, TEXT_WIDTH, 4)]
