"""Evidence of test-first work, as it lies on a worker's host and on this laptop, and what of it a launch may rely on.

It comes to `<results>/<worker>/evidence/`. Whether it holds is always asked of one commit: the one that a launch would
run now. A phase whose file was edited is not believed; the verdict of everything is the host's word.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from remote.clean import clean
from remote.errors import FarSideError, NoEvidence, RemoteError
from remote.git import run_git, top_level
from remote.launching import commit_of
from remote.listing import Listing, files_here, listing_of
from remote.onhost.git import git_argv
from remote.selection import Selection
from remote.tidy import tidy
from wire import evidence as wire
from wire.codec import WireError, read_object
from wire.evidence import Evidence
from wire.evidence_order import chain_problem, newest, order_problem, stale
from wire.tested_tree import tree_digest, tree_entries

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.git import Commit
    from remote.places import Place

FOLDER = "evidence"
"""Beside the folders of a worker's runs here."""
REASONS_MAX = 50
COMES_MAX_BYTES = 256 * 1024**2
"""The most that one look at a host may bring."""


@dataclass(frozen=True)
class Piece:
    """One phase of one component."""

    evidence: Evidence
    """Cleaned; without the list of tests."""
    stale: str
    """Why it says nothing of the commit that it is held against, '' if it does, or if there is none. Never of a red:
    that is of what was before the code."""


@dataclass(frozen=True)
class Proof:
    """The verdict of `trainer prove`."""

    verdict: str
    reasons: tuple[str, ...]
    commit: str
    at_s: float
    stale: str


@dataclass(frozen=True)
class Told:
    """All evidence of one worker."""

    worker: str
    folder: Path
    """Here."""
    against: str
    """The commit that a launch would run now, '' if that cannot be told."""
    pieces: tuple[Piece, ...]
    proof: Proof | None
    clock_s: float
    """The time to which ages are told: the host's, or this laptop's for what was only looked up here."""
    cached: bool
    """True if no host was asked."""

    @property
    def stale(self) -> dict[str, str]:
        """File name -> why it says nothing of that commit; those that do are not in it."""
        names = {wire.file_name(one.evidence.component, one.evidence.phase): one.stale for one in self.pieces}
        names[wire.PROOF_FILE] = self.proof.stale if self.proof is not None else ""
        return {name: why for name, why in names.items() if why}


def folder_here(fleet: Fleet, worker: str) -> Path:
    """Where a worker's evidence comes to lie on this laptop."""
    return fleet.profile.results / fleet.place(worker).slug / FOLDER


async def told(fleet: Fleet, worker: str, *, cached: bool = False) -> Told:
    """Everything about a worker's evidence; unless `cached` the host is asked, and what is new there comes here.

    Raises the connection's errors, `FarSideError`, and what a sync raises.
    """
    there = None if cached else await bring(fleet, worker)
    commit = await _launch_commit(fleet, worker)
    tree = await tree_of(fleet.profile.folder, commit) if commit else ""
    return await asyncio.to_thread(_read, fleet, worker, there, commit, tree)


async def bring(fleet: Fleet, worker: str) -> Listing:
    """Bring what is new on the host, and return what lies there. Nothing is removed here."""
    from remote.folders import results_folder
    from remote.transfer import sync_run

    place = fleet.place(worker)
    far, local = fleet.far(place.host), folder_here(fleet, worker)
    there, path = await _there(fleet, place)
    here = {entry.path: entry for entry in (await asyncio.to_thread(files_here, local)).entries}
    files = [entry for entry in there.entries if entry.kind == "file"]
    if any(entry.path not in here or not entry.same_as(here[entry.path]) for entry in files):
        results_folder(fleet.profile.results)
        link, wanted = fleet.connection(place.host), Selection(everything=True)
        await sync_run(link, far, path, local, selection=wanted, limit_bytes=COMES_MAX_BYTES)
    return there


async def listed(fleet: Fleet, worker: str) -> Listing:
    """Say what evidence lies on the host. Raises `FarSideError` and the connection's."""
    return (await _there(fleet, fleet.place(worker)))[0]


async def _there(fleet: Fleet, place: Place) -> tuple[Listing, str]:
    far = fleet.far(place.host)
    await far.ready()
    asked = {"root": far.root, "project": fleet.profile.project_id, "worker": place.slug}
    answer = await far.call("evidence", asked)
    path = answer.get("path")
    if not isinstance(path, str):
        raise FarSideError(f"{place.host}: the answer about evidence says no folder", code="bad_answer")
    return listing_of(answer), path


async def demand_green(fleet: Fleet, place: Place, commit: Commit) -> None:
    """Raise `NoEvidence` unless the newest green of every component is accepted and of exactly this commit."""
    there = await bring(fleet, place.name)
    tree = await tree_of(fleet.profile.folder, commit.hash)
    found = await asyncio.to_thread(_read, fleet, place.name, there, commit.hash, tree)
    problems = not_green(found.pieces)
    if not found.pieces:
        raise NoEvidence(
            f"{place.name} requires green, and there is no evidence that its tests pass",
            hint=f"trajvid-tui evidence {place.name} red COMPONENT before the code is written, then green COMPONENT",
        )
    if problems:
        (component, (phase, why)), more = next(iter(problems.items())), len(problems) - 1
        also = f" (and {more} more)" if more else ""
        raise NoEvidence(
            f"{place.name} requires green for {commit.hash[:7]}: {component}: {why}{also}",
            hint=f"trajvid-tui evidence {place.name} {phase} {component}",
        )


def not_green(pieces: Sequence[Piece]) -> dict[str, tuple[str, str]]:
    """Component -> the phase that is to be run next, and why its tests are not known to pass."""
    components: dict[str, dict[str, Evidence]] = {}
    for piece in pieces:
        components.setdefault(piece.evidence.component, {})[piece.evidence.phase] = piece.evidence
    old = {(piece.evidence.component, piece.evidence.phase): piece.stale for piece in pieces}
    found = {}
    for component, phases in components.items():
        last = newest(phases)
        if problem := chain_problem(phases):
            broken = wire.RED if order_problem(wire.GREEN, phases) else wire.GREEN
            found[component] = (broken if order_problem(wire.REFACTOR, phases) else wire.REFACTOR, problem)
        elif last is not None and (why := old[component, last.phase]):
            found[component] = (wire.GREEN, f"{last.phase} is {why}")
    return found


async def tree_of(repo: Path, commit: str) -> str:
    """The digest of what a commit holds, as evidence has it; '' if git cannot tell."""
    top = await top_level(repo)
    code, out, _ = await run_git(git_argv(str(top), ["ls-tree", "-rz", "--full-tree"], [commit]))
    return "" if code else tree_digest(tree_entries(out))


async def _launch_commit(fleet: Fleet, worker: str) -> str:
    """What a launch would run now; '' for a worker without a branch, or where a launch would be refused."""

    async def decline(names: tuple[str, ...], count: int) -> bool:
        return False

    try:
        return (await commit_of(fleet, worker, decline)).hash
    except RemoteError:
        return ""


def _read(fleet: Fleet, worker: str, there: Listing | None, commit: str, tree: str) -> Told:
    """Read the folder here; of what the host was asked about, only what lies there still."""
    folder = folder_here(fleet, worker)
    names = {entry.path for entry in there.entries} if there is not None else None
    pieces = [
        Piece(_cleaned(one), stale(one, commit, tree) if commit and not one.problem and one.phase != wire.RED else "")
        for one in wire.read_evidence(str(folder))
        if names is None or wire.file_name(one.component, one.phase) in names
    ]
    proof = proof_in(folder, commit) if names is None or wire.PROOF_FILE in names else None
    clock_s = there.clock_s if there is not None else time.time()
    return Told(worker, folder, commit, tuple(pieces), proof, clock_s, there is None)


def _cleaned(one: Evidence) -> Evidence:
    texts = {field.name: getattr(one, field.name) for field in fields(one) if field.name not in ("cases", "output")}
    return replace(one, cases=(), output="", **{name: clean(text) for name, text in texts.items()})


def proof_in(folder: Path, commit: str = "") -> Proof | None:
    """What `trainer prove` said, held against a commit if there is one; None if it was never asked. A file that says
    nothing usable is no yes.
    """
    try:
        told = read_object(str(folder / wire.PROOF_FILE), wire.MAX_BYTES)
        data = tidy({key: told.get(key) for key in ("verdict", "reasons", "commit", "at_s")}) if told else None
    except WireError as exc:
        return Proof("", (clean(str(exc)),), "", 0.0, "")
    if data is None:
        return None
    reasons, at_s, of = data["reasons"], data["at_s"], str(data["commit"] or "")
    other = f"of another commit: {of[:7]}, and this is {commit[:7]}" if commit and of != commit else ""
    return Proof(
        str(data["verdict"] or ""),
        tuple(map(str, reasons[:REASONS_MAX])) if isinstance(reasons, list) else (),
        of,
        float(at_s) if isinstance(at_s, (int, float)) else 0.0,
        other,
    )
