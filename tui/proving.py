"""What the keys do that prove something: run tests of a worker on its host, look for the proofs of its checklist."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from remote.errors import NoEvidence, RemoteError
from remote.snapshot import RunSnapshot
from tui.screens.prove import ProveChoice, ProveScreen
from wire.evidence import RED

if TYPE_CHECKING:
    from tui.app import TrajvidApp
    from tui.session import VerbsLike

Run = Callable[[str, str, Callable[[], Awaitable[str]]], None]
Consent = Callable[[tuple[str, ...], int], Awaitable[bool]]


class ProofRunner:
    """Asks and acts on behalf of one app; `run` does it in the background and tells how it ended."""

    def __init__(self, app: TrajvidApp, verbs: VerbsLike, run: Run, consent: Consent) -> None:
        self._app, self._verbs, self._run, self._consent = app, verbs, run, consent
        self._last: dict[str, ProveChoice] = {}
        self.running: set[str] = set()
        """Workers whose tests run for this app, and end with it."""

    def tests(self, row: RunSnapshot) -> None:
        """The dialog, then the tests; the row says meanwhile what they print."""

        async def work() -> str:
            screen = ProveScreen(row, self._last.get(row.worker, ProveChoice(RED)))
            choice = await self._app.push_screen_wait(screen)
            if choice is None:
                return ""
            self._last[row.worker] = choice
            from remote.proving import Wish

            wish = Wish(choice.phase, choice.component, choice.arguments)
            self.running.add(row.worker)
            try:
                done = await self._verbs.prove(self._app.fleet, row.worker, wish, consent=self._consent)
            finally:
                self.running.discard(row.worker)
            about = f"{choice.component} {choice.phase}".lstrip()
            if not done.accepted:
                raise NoEvidence(f"{about}: {done.verdict}", hint="the evidence tab shows what pytest said")
            return f"{about}: {done.verdict}"

        self._run(row.worker, "tests", work)

    def check(self, row: RunSnapshot) -> None:
        """Look for every proof now, its commands included."""

        async def work() -> str:
            found = await self._verbs.judge(self._app.fleet, row.worker)
            if not found.items:
                return "it has no checklist in profiles.yaml"
            return f"{sum(map(found.proved, found.items))} of {len(found.items)} proved"

        self._run(row.worker, "checklist", work)

    def ended(self, row: RunSnapshot) -> None:
        """The same when a run has just ended, without a word: the overview shows it."""
        self._app.run_worker(self._quietly(row.worker), group="verbs", exit_on_error=False)

    async def _quietly(self, worker: str) -> Any:
        try:
            await self._verbs.judge(self._app.fleet, worker)
        except RemoteError:
            pass  # the overview goes on showing how old its knowledge is
