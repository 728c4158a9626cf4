"""`launch`: start workers, each on the commit of its branch; with `--wait` stay until they end."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from remote import runs
from remote.errors import Declined, RemoteError
from remote.run_spec import new_nonce, spec_of, trainer_words
from tui.cli.envelope import Answer
from tui.cli.session import Session, together
from tui.cli.waiting import wait_and_fetch
from tui.format import size

if TYPE_CHECKING:
    from remote.git import Commit
    from remote.runs import Launched


async def main(session: Session) -> Answer:
    """Launch every chosen worker at the same time; one that fails does not keep the others from starting."""
    arguments = session.arguments
    names = session.chosen()
    for name in names:
        session.fleet.place(name)
    teller = Teller(session)
    if arguments.dry_run:
        return await _dry_run(session, teller, names)
    session.changes()
    await demand_consent(session)
    session.on_interrupt = "interrupted while launching; trajvid-tui status tells what began"
    results = await asyncio.gather(*(started(runs.launch, session, teller, name) for name in names))
    launched = {name: found for name, found in zip(names, results, strict=True) if not isinstance(found, RemoteError)}
    failed = {name: found for name, found in zip(names, results, strict=True) if isinstance(found, RemoteError)}
    return await finish(session, launched, failed)


async def demand_consent(session: Session) -> None:
    """Ask before `--discard` gives anything up. Raises `Declined`."""
    if session.arguments.discard and not await session.confirm("Give up edits made in the worktrees on the host?"):
        raise Declined("edits in a worktree are given up only with consent", hint="add --yes")


async def finish(session: Session, launched: dict[str, Launched], failed: dict[str, RemoteError]) -> Answer:
    """Say what began, and with `--wait` how it ended."""
    for name, found in launched.items():
        session.say(f"{name}: {'runs already' if found.already else 'launched'}: {found.attempt} on {found.host}")
    for name, error in failed.items() if len(launched) + len(failed) > 1 else ():
        session.say(f"{name}: not launched: {error.message}" + (f"\n  -> {error.hint}" if error.hint else ""))
    data: dict[str, Any] = {"launched": [vars(found) for found in launched.values()]}
    first = together(failed, len(launched) + len(failed))
    if not session.arguments.wait or not launched:
        return Answer(data, error=first)
    rows, ended = await wait_and_fetch(session, launched)
    return Answer({**data, "workers": rows}, error=first or ended)


async def started(
    verb: Callable[..., Awaitable[Launched]], session: Session, teller: Teller, name: str
) -> Launched | RemoteError:
    """Start one worker by `runs.launch` or `runs.relaunch`; a failure is returned, so that the others go on."""
    try:
        return await verb(
            session.fleet,
            name,
            overrides=overrides_of(session, name),
            on_step=session.step_of(name),
            on_commit=lambda commit: teller.tell(name, commit),
            consent=teller.consent,
            discard=session.arguments.discard,
        )
    except RemoteError as exc:
        return exc


def overrides_of(session: Session, name: str) -> Sequence[str]:
    """--set as this worker takes it: with --all it is meant for those that have a config."""
    worker = session.profile.workers.get(name)
    return () if worker is not None and worker.command and session.arguments.all else session.arguments.set


class Teller:
    """Says what a snapshot of uncommitted work takes along, and asks once where it is much."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._told: set[str] = set()
        self._asking = asyncio.Lock()
        self._answers: dict[tuple[str, ...], bool] = {}

    def tell(self, name: str, commit: Commit) -> None:
        if not commit.dirty or commit.hash in self._told:
            return
        self._told.add(commit.hash)
        self._session.say(f"{name}: takes your uncommitted work along as commit {commit.hash[:7]}")
        if commit.untracked:
            names = ", ".join(commit.untracked[:20]) + (", ..." if len(commit.untracked) > 20 else "")
            self._session.say(
                f"  with {len(commit.untracked)} untracked files ({size(commit.untracked_bytes)}): {names}"
            )

    async def consent(self, names: tuple[str, ...], count: int) -> bool:
        async with self._asking:
            if names not in self._answers:
                shown = "\n  ".join(names[:20])
                self._session.say(f"{len(names)} untracked files of {size(count)} would go along:\n  {shown}")
                self._answers[names] = await self._session.confirm("Take them?")
            return self._answers[names]


async def _dry_run(session: Session, teller: Teller, names: list[str]) -> Answer:
    """The exact commands, without a word to any host. Paths there are shown below the profile's `root:`.

    The commit that would run is made, so what a launch would refuse or ask is refused and asked here too.
    """
    plans = []
    for name in names:
        place, profile = session.fleet.place(name), session.profile
        overrides = overrides_of(session, name)
        runs.check_overrides(place, overrides)
        commit = await runs.commit_of(session.fleet, name, teller.consent)
        teller.tell(name, commit)
        host = session.fleet.host(place.host)
        assert place.worker is not None
        cwd = f"{host.root}/worktrees/{profile.project_id}/{place.slug}"
        spec = spec_of(
            place.worker,
            host,
            commit,
            project_id=profile.project_id,
            cwd=cwd,
            bundle=f"{host.root}/bundles/BUNDLE",
            home="~",
            nonce=new_nonce(),
            by=session.fleet.by,
            now_s=time.time(),
            overrides=overrides,
        )
        plans.append(
            {"worker": name, "host": place.host, "branch": commit.branch, "commit": commit.hash, "dirty": commit.dirty,
             "untracked": list(commit.untracked), "cwd": cwd, "command": list(spec.command), "env": spec.env,
             "environment": spec.environment, "setup": list(spec.setup), "trainer": trainer_words(commit, place.worker),
             "keys": {key: shlex.join(place.worker.key_commands.get(key, ())) for key in place.worker.keys}}
        )  # fmt: skip
    return Answer({"plans": plans}, "\n".join(_plan_text(plan) for plan in plans))


def _plan_text(plan: dict[str, Any]) -> str:
    words = [f"{key}={shlex.quote(value)}" for key, value in plan["env"].items()]
    lines = [
        f"{plan['worker']} on {plan['host']}: {plan['branch']} at {plan['commit'][:12]}"
        + (" (snapshot)" if plan["dirty"] else ""),
    ]
    if plan["environment"]:
        packages = [*plan["environment"]["requirements"], *plan["environment"].get("files", [])]
        lines.append(f"  environment: {', '.join(packages)}")
    if plan["trainer"]:
        lines.append(f"  trainer: {plan['trainer']}")
    for key, command in plan["keys"].items():
        lines.append(f"  {key}: {f'what `{command}` prints here' if command else 'of this shell'}")
    lines += [f"  cd {plan['cwd']}", *(f"  {command}" for command in plan["setup"])]
    return "\n".join([*lines, "  " + " ".join([*words, shlex.join(plan["command"])])])
