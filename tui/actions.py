"""The keys that act on the selected worker: whether they apply, and if not, why."""

from __future__ import annotations

from collections.abc import Callable

from remote.snapshot import RunSnapshot
from tui.bulk import MANY, Work
from tui.gate import at_gate
from tui.keys import may_decide, may_relaunch, shown
from tui.session import FleetLike
from tui.store import Store
from tui.verbs import VerbRunner

NOT_HELD = "is not held at a gate"


class VerbKeys:
    """Mixed into the app: one action a verb of the key table."""

    store: Store
    fleet: FleetLike | None
    read_only: bool
    _runner: VerbRunner | None
    toast: Callable[..., None]

    def _able(self, verb: str) -> tuple[VerbRunner, RunSnapshot] | None:
        """The runner and the one worker to act on as it is now. None if there is none, with the reason told, and if
        several are marked: then the question about all of them is asked."""
        rows = self.store.chosen()
        if self.read_only:
            self.toast(f"{verb}: this session only looks (--read-only)", "warning")
        elif self._runner is None or not rows:
            self.toast(f"{verb}: nothing to act on yet", "warning")
        elif len(rows) == 1:
            return self._runner, rows[0]
        elif verb in MANY:
            self._runner.bulk.do(verb, rows)
        else:
            self.toast(
                f"{verb} is for one worker, and {len(rows)} are marked: {shown('back')} takes the marks away", "warning"
            )
        return None

    def action_launch(self) -> None:
        if ready := self._able("launch"):
            ready[0].launch(ready[1].worker)

    def action_launch_all(self) -> None:
        if self._runner is not None and not self.read_only:
            self._runner.launch_all()
        else:
            self._able("launch all")

    def action_stop(self) -> None:
        if ready := self._able("stop"):
            self._only(ready[1], ready[1].state.active, "is not running", lambda: ready[0].stop(ready[1]))

    def action_kill(self) -> None:
        if ready := self._able("kill"):
            self._only(ready[1], ready[1].state.active, "is not running", lambda: ready[0].kill(ready[1]))

    def action_resume(self) -> None:
        if ready := self._able("resume"):
            row = ready[1]
            fine = bool(row.run) and not row.state.active and not at_gate(row)
            why = "has no ended run to resume"
            if at_gate(row):
                why = (
                    f"is held: {shown('release')} releases it, {shown('retire')} retires it"
                    if may_decide(row)
                    else f"is final: {shown('relaunch')} launches it again"
                )
            self._only(row, fine, why, lambda: ready[0].resume(row))

    def action_release(self) -> None:
        if ready := self._able("release"):
            self._only(ready[1], may_decide(ready[1]), NOT_HELD, lambda: ready[0].release(ready[1]))

    def action_retire(self) -> None:
        if ready := self._able("retire"):
            self._only(ready[1], may_decide(ready[1]), NOT_HELD, lambda: ready[0].retire(ready[1]))

    def action_relaunch(self) -> None:
        if ready := self._able("relaunch"):
            why = (
                f"is running: {shown('stop')} stops it"
                if ready[1].state.active
                else f"has no run to repeat: {shown('launch')} launches it"
            )
            self._only(ready[1], may_relaunch(ready[1]), why, lambda: ready[0].relaunch(ready[1]))

    def action_shell(self) -> None:
        if row := self.store.current():
            self.shell_on(row.host, row.worker)

    def shell_on(self, host: str, worker: str) -> None:
        """A shell on a host, in the worktree of a worker ('' = at home)."""
        if self.read_only:
            self.toast("shell: this session only looks (--read-only)", "warning")
        elif self._runner is not None:
            self._runner.shell(host, worker)

    def in_background(self, about: str, doing: str, work: Work) -> None:
        """Do what changes something while the app goes on, and tell how it ended."""
        if self.read_only:
            self.toast(f"{doing}: this session only looks (--read-only)", "warning")
        elif self._runner is not None:
            self._runner.run(about, doing, work)

    def action_sync(self) -> None:
        if ready := self._able("sync"):
            self._only(
                ready[1],
                bool(ready[1].run),
                f"has no run yet: {shown('launch')} launches it",
                lambda: ready[0].sync(ready[1]),
            )

    def action_tests(self) -> None:
        if ready := self._able("tests"):
            ready[0].proofs.tests(ready[1])

    def action_checklist(self) -> None:
        if ready := self._able("checklist"):
            ready[0].proofs.check(ready[1])

    def action_fetch(self) -> None:
        if ready := self._able("fetch"):
            ready[0].fetch(ready[1].worker)

    def action_copy(self) -> None:
        row, runner = self.store.current(), self._runner
        if row is not None and runner is not None:
            self._only(row, bool(row.run), "has no run whose place could be copied", lambda: runner.copy(row))

    def action_reconnect(self) -> None:
        row = self.store.current()
        if row is not None and self.fleet is not None:
            self.fleet.retry_now(row.host)
            self.toast(f"trying {row.host} again")

    def _only(self, row: RunSnapshot, fine: bool, otherwise: str, then: Callable[[], None]) -> None:
        if fine:
            then()
        else:
            self.toast(f"{row.worker} {otherwise}", "warning")
