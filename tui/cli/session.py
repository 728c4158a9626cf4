"""One headless invocation: its arguments, profile, fleet and voice. Everything that a verb needs, made when needed."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from remote.clean import clean
from remote.errors import Declined, NeedsYou, RemoteError, Unreachable, UsageError, of_host
from remote.snapshot import Link, RunSnapshot
from tui.cli import envelope
from tui.cli.envelope import Answer

if TYPE_CHECKING:
    from remote.asker import Asker
    from remote.fleet import Fleet
    from remote.profiles import Profile

LISTED_WITHIN_S = 60.0
"""How long a connected host may take to tell about its runs."""


class Session:
    """What one run of a verb works with."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self._profile: Profile | None = None
        self._fleet: Fleet | None = None
        self.on_interrupt = "interrupted"
        """What to say after Ctrl-C."""

    @property
    def terminal(self) -> bool:
        """True if a person can be asked: there is somebody at both ends."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def profile(self) -> Profile:
        """The profile that was named, or the nearest one. Raises `ConfigError`, `UsageError`."""
        if self._profile is None:
            from remote.opening import nearest_profile

            given = self.arguments.profile
            self._profile = nearest_profile(Path(given) if given else None)
        return self._profile

    @property
    def fleet(self) -> Fleet:
        if self._fleet is None:
            from remote.opening import open_fleet

            self._fleet = open_fleet(self.profile, asker=self._asker())
        return self._fleet

    def say(self, text: str) -> None:
        """Narrate on stderr; with --json nobody listens."""
        if not self.arguments.json:
            print(text, file=sys.stderr, flush=True)

    def step_of(self, worker: str) -> Callable[[str], None]:
        """Narrate the steps of a verb; a percentage is for screens that redraw."""
        return lambda text: None if text.endswith("%") else self.say(f"{worker}: {text}")

    def changes(self) -> None:
        """Refuse what changes a host in a session that only looks."""
        if self.arguments.read_only:
            raise Declined(f"{self.arguments.verb} changes something, and --read-only forbids it", code="read_only")

    async def ask(self, question: str) -> str | None:
        """Ask a person one line; None where nobody is there."""
        from tui.cli.asker import ask_line

        return await ask_line(question) if self.terminal else None

    async def confirm(self, question: str) -> bool:
        """A yes from --yes or from the person; no where nobody is there."""
        if self.arguments.yes:
            return True
        answer = await self.ask(f"{question} (yes/no) ")
        return (answer or "").strip().lower() in ("y", "yes")

    def chosen(self) -> list[str]:
        """The workers that were named, or all with --all. Raises `UsageError` for none and for unknown names."""
        names: Sequence[str] = self.arguments.workers
        everything = list(self.profile.workers)
        if self.arguments.all:
            if names:
                raise UsageError("name workers or say --all, not both")
            names = everything
        if not names:
            raise UsageError(
                f"{self.arguments.verb} which worker?", hint=f"name some of {', '.join(everything[:12])}, or say --all"
            )
        return list(dict.fromkeys(names))

    async def reach(self, hosts: Collection[str]) -> dict[str, RemoteError]:
        """Connect to these hosts at once and follow those that answer; returns why each of the others does not."""
        names = sorted(set(hosts))
        results = await asyncio.gather(*(self._reach_one(host) for host in names), return_exceptions=True)
        failed: dict[str, RemoteError] = {}
        for host, result in zip(names, results, strict=True):
            if isinstance(result, RemoteError):
                failed[host] = result
            elif isinstance(result, BaseException):
                raise result
        return failed

    async def _reach_one(self, host: str) -> None:
        fleet = self.fleet
        await fleet.far(host).ready()
        await fleet.start(hosts=[host], sync=False)
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTED_WITHIN_S):
                await fleet.settled([host])
        status = fleet.links()[host]
        if status.link is Link.NEEDS_YOU:
            raise NeedsYou(f"{host}: {status.reason}")
        if status.link is not Link.LIVE:
            raise Unreachable(f"{host}: {status.reason or 'does not tell about its runs'}")

    async def know(self, workers: Iterable[str]) -> list[str]:
        """Make sure that each name is a worker: of the profile, or one that some host tells of."""
        names = list(workers)
        strangers = [name for name in names if name not in self.profile.workers]
        if strangers:
            failed = await self.reach(self.profile.hosts)
            for name in strangers:
                try:
                    self.fleet.place(name)
                except UsageError as unknown:
                    if not failed:
                        raise
                    away = next(iter(failed.values()))
                    away.hint = f"{unknown.message} is known here" + (f": {unknown.hint}" if unknown.hint else "")
                    raise away from None
        return names

    def host_of(self, worker: str) -> str:
        return self.fleet.place(worker).host

    def rows(self, workers: Iterable[str]) -> list[RunSnapshot]:
        return [self.fleet.snapshot(worker) for worker in workers]

    async def close(self) -> None:
        if self._fleet is not None:
            await self._fleet.close()

    def _asker(self) -> Asker:
        from tui.cli.asker import for_session

        return for_session(self.arguments.accept_host_key, self.terminal, self.arguments.yes)


Verb = Callable[[Session], Awaitable[Answer]]


def execute(verb: Verb, arguments: argparse.Namespace) -> int:
    """Run a verb to its end and return the exit code."""
    session = Session(arguments)

    async def whole() -> Answer:
        try:
            return await verb(session)
        finally:
            await session.close()

    try:
        return envelope.deliver(asyncio.run(whole()), arguments.json)
    except RemoteError as exc:
        return envelope.report(exc, arguments.json)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return envelope.interrupted(arguments.json, session.on_interrupt)
    except BrokenPipeError:
        raise
    except Exception as exc:
        return envelope.report(_surprise(exc), arguments.json)


def _surprise(exc: Exception) -> RemoteError:
    """An error of ours, in one line. TRAJVID_DEBUG=1 shows where it came from."""
    import os

    if os.environ.get("TRAJVID_DEBUG"):
        import traceback

        traceback.print_exception(exc)
    return RemoteError(
        f"an error of trajvid-tui itself: {type(exc).__name__}: {clean(str(exc))}",
        hint="TRAJVID_DEBUG=1 shows where; please report it",
        code="internal",
    )


def together(failures: dict[str, RemoteError], tried: int) -> RemoteError | None:
    """One error out of several: the only one as it is, all of one kind as that kind, some as `some_hosts`."""
    from remote.errors import SomeHostsFailed

    if not failures:
        return None
    first = next(iter(failures.values()))
    if tried == 1:
        return first
    kinds = {(failure.code, failure.exit_code) for failure in failures.values()}
    if len(failures) == tried and len(kinds) == 1:
        return first
    message = "; ".join(of_host(name, failure.message) for name, failure in failures.items())
    return SomeHostsFailed(message, hint=first.hint)


def nothing(what: str, hosts: Iterable[str], failed: Collection[str]) -> str:
    """`no worktrees on local, gpu-1`: of the hosts that answered, as nothing is known of the others."""
    answered = [host for host in hosts if host not in failed]
    return f"{what} on {', '.join(answered)}" if answered else "no host has answered, so nothing is known"
