"""Run the tests of a worker on its host, in its worktree, and say what evidence came of it.

    prove(fleet, "keypoint", Wish("red", "tracker"))    the branch's commit goes there first, as for a launch
    prove(fleet, "keypoint", Wish("prove"))             everything: one verdict

The output comes as it is printed, over the connection that is there. Who gives up, or loses the connection, ends the
tests: evidence is written whole or not at all.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from remote.clean import clean_text
from remote.errors import FarSideError, Unreachable, UsageError
from remote.evidence import bring, listed, told
from remote.launching import commit_of, of_profile
from remote.run_spec import environment_of
from remote.steps import Step, again_when_lost, recorded, steps
from remote.streamed import streamed
from wire.evidence import ACCEPTED, PHASES, PROOF_FILE, component_problem, file_name

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.git import Commit, Consent
    from remote.places import Place
    from remote.profiles import Worker

PROVE = "prove"
LINE_CHARS = 200
YES = "yes"

Output = Callable[[str], None]
"""Gets what is printed, cleaned, in pieces of any length."""


@dataclass(frozen=True)
class Proved:
    """What came of it."""

    worker: str
    host: str
    phase: str
    component: str
    accepted: bool
    verdict: str
    """As the evidence says it."""
    commit: str


@dataclass(frozen=True)
class Wish:
    """What is to be run."""

    phase: str
    component: str = ""
    arguments: tuple[str, ...] = ()
    """For pytest."""
    bar_percent: float | None = None
    """Least coverage of the component, None as the trainer has it."""
    files: tuple[str, ...] = ()
    """Globs of the component's files; () = those named like it."""
    as_it_is: bool = False
    """Test what lies in the worktree on the host, instead of the branch's commit."""

    @property
    def file(self) -> str:
        """The file that is written."""
        return PROOF_FILE if self.phase == PROVE else file_name(self.component, self.phase)

    @property
    def words(self) -> str:
        """As a person would type it for the trainer."""
        words = ["trainer", PROVE] if self.phase == PROVE else ["trainer", "tdd", self.phase, self.component]
        return shlex.join([*words, *(["--", *self.arguments] if self.arguments else [])])


@recorded("evidence")
async def prove(
    fleet: Fleet,
    worker: str,
    wish: Wish,
    *,
    on_step: Step | None = None,
    on_output: Output | None = None,
    on_commit: Callable[[Commit], None] | None = None,
    consent: Consent | None = None,
) -> Proved:
    """Run one phase of test-first work, or the proof of everything, and bring the evidence here.

    Evidence that was refused is an answer. Raises `UsageError`, `Declined`, `Unreachable` (the tests ended with the
    connection), `FarSideError` (busy, other_commit, dirty_worktree, not_run, ...).
    """
    check(wish)
    place = of_profile(fleet, worker)
    assert place.worker is not None
    with steps(fleet, worker, on_step) as step:
        step("reading the branch")
        commit = await commit_of(fleet, worker, consent)
        if on_commit is not None and not wish.as_it_is:
            on_commit(commit)
        step(f"connecting to {place.host}")
        if not wish.as_it_is:
            await again_when_lost(lambda: _prepare(fleet, place, commit, step), step)
        before = await again_when_lost(lambda: listed(fleet, worker), step)
        step(f"runs {wish.words}")
        running = _Running(fleet, place, wish, step, on_output)
        await running.whole(_request(fleet, place, place.worker, commit, wish))
        step("bringing the evidence")
        after = await again_when_lost(lambda: bring(fleet, worker), step)
        written = {entry for entry in after.entries if entry.path == wish.file} - set(before.entries)
        if not written:
            raise FarSideError(
                f"{place.host}: no evidence was written: {running.last or f'exit {running.code}'}",
                hint="packages that only tests need belong into `requirements:` or `setup:` of the worker, too",
                code="not_run",
            )
        found = await _found(fleet, worker, place, wish)
    fleet.record(worker, "evidence", wish.words, found.verdict)
    return found


def check(wish: Wish) -> None:
    """Raises `UsageError` for a phase that is none, and for a component that could not be part of a file's name."""
    if wish.phase == PROVE:
        if wish.component or wish.files or wish.bar_percent is not None:
            raise UsageError("prove is about everything: it takes no component, and no bar or files of one")
        return
    if wish.phase not in PHASES:
        raise UsageError(f"no phase {wish.phase!a}", hint=f"{', '.join(PHASES)} of a COMPONENT, or {PROVE}")
    if problem := component_problem(wish.component):
        raise UsageError(
            f"{wish.component!a} cannot be a component: {problem}",
            hint="name what is built, such as tracker or data_loader",
        )
    if wish.bar_percent is not None and not 0 <= wish.bar_percent <= 100:
        raise UsageError(f"a bar of {wish.bar_percent:g} % is no share of 0 to 100")
    if any(name.startswith("-") or not name for name in wish.files):
        raise UsageError("files are globs from the top of the worktree", hint="for example --files 'src/track*.py'")


async def _prepare(fleet: Fleet, place: Place, commit: Commit, step: Step) -> None:
    """Bring the commit into the worktree. A run that is going on there keeps it where it is: the host compares."""
    from remote.worktrees import prepare

    profile, link, far = fleet.profile, fleet.connection(place.host), fleet.far(place.host)
    try:
        await prepare(link, far, profile.folder, commit, profile.project_id, place.slug, on_step=step)
    except FarSideError as exc:
        if exc.code != "running":
            raise


def _request(fleet: Fleet, place: Place, worker: Worker, commit: Commit, wish: Wish) -> dict[str, Any]:
    far = fleet.far(place.host)
    return {
        "root": far.root, "project": fleet.profile.project_id, "worker": place.slug, "phase": wish.phase,
        "component": wish.component, "arguments": list(wish.arguments), "files": list(wish.files),
        "bar_percent": wish.bar_percent, "commit": "" if wish.as_it_is else commit.hash,
        **setting(fleet, place, worker, commit),
    }  # fmt: skip


def setting(fleet: Fleet, place: Place, worker: Worker, commit: Commit) -> dict[str, Any]:
    """With what the commands of a worker run on its host: its Python, setup and variables, never its secrets."""
    return {
        "python": "" if worker.environment else worker.python,
        "environment": environment_of(worker, fleet.host(place.host), commit),
        "setup": list(worker.setup),
        "env": {str(key): str(value) for key, value in worker.env.items()},
    }


async def _found(fleet: Fleet, worker: str, place: Place, wish: Wish) -> Proved:
    """Read what the evidence says, which is believed before any exit code."""
    all_of_it = await told(fleet, worker, cached=True)
    if wish.phase == PROVE:
        proof = all_of_it.proof
        verdict = f"{proof.verdict}: {'; '.join(proof.reasons)}".rstrip(": ") if proof is not None else ""
        accepted = proof is not None and proof.verdict == YES
        return Proved(worker, place.host, PROVE, "", accepted, verdict, proof.commit if proof is not None else "")
    pieces = (piece.evidence for piece in all_of_it.pieces)
    one = next((one for one in pieces if (one.component, one.phase) == (wish.component, wish.phase)), None)
    if one is None:
        raise FarSideError(
            f"{place.host}: {wish.file} did not come", hint=f"trajvid-tui evidence {worker}", code="lost"
        )
    verdict = ACCEPTED if one.accepted else f"refused: {one.why}"
    return Proved(worker, place.host, wish.phase, wish.component, one.accepted, verdict, one.commit)


@dataclass
class _Running:
    """One `prove` on a host, from its request to its end."""

    fleet: Fleet
    place: Place
    wish: Wish
    step: Step
    on_output: Output | None
    last: str = ""
    """The last line with something in it."""
    code: int | None = None
    _line: str = ""
    """The begin of a line that is not over."""

    async def whole(self, request: dict[str, Any]) -> None:
        """Raises `FarSideError` for a refusal, `Unreachable` if the end was never heard of."""
        async with aclosing(streamed(self.fleet, self.place.host, "prove", request)) as messages:
            async for message in messages:
                self._take(message)
        if self.code is None:
            raise Unreachable(
                f"{self.place.host}: the connection was lost, and the tests ended with it",
                hint="run them again",
            )

    def _take(self, message: dict[str, Any]) -> None:
        kind = message.get("k")
        if kind == "output":
            self._say(clean_text(str(message.get("text", ""))))
        elif kind == "end":
            code = message.get("code")
            self.code = code if isinstance(code, int) else 255

    def _say(self, text: str) -> None:
        if self.on_output is not None:
            self.on_output(text)
        *lines, self._line = (self._line + text).split("\n")
        self._line = self._line[-LINE_CHARS:]
        self.last = next((line.strip() for line in (self._line, *reversed(lines)) if line.strip()), self.last)
        self.last = self.last[:LINE_CHARS]
        self.step(f"{self.wish.phase} {self.wish.component}".rstrip() + f": {self.last}")
