"""`evidence`: what shows that the tests of a worker pass; run them on its host; what its checklist proves."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from remote import runs
from remote.checklist import checklist_here, judge
from remote.checklist_items import Checklist
from remote.errors import NoEvidence, RemoteError, UsageError
from remote.evidence import Piece, Proof, Told, told
from remote.proving import PROVE, Proved, Wish, check
from remote.steps import Step
from tui.checklist import MARKS, proof_words
from tui.cli.envelope import Answer
from tui.cli.launch import Teller
from tui.cli.session import Session, together
from tui.format import age
from wire.evidence import COVERAGE_FILE, PHASES

NONE = "no evidence yet"
HOW_TO_RUN = "trajvid-tui evidence WORKER red|green|refactor COMPONENT"


async def main(session: Session) -> Answer:
    """List evidence; or with a phase behind a worker's name run that; or with --checklist judge the checklists."""
    arguments = session.arguments
    words, phases = arguments.words, (*PHASES, PROVE)
    if len(words) > 1 and words[1] in phases:
        return await _prove(session, *words)
    if arguments.command or arguments.as_it_is or arguments.bar is not None or arguments.files:
        raise UsageError("--as-it-is, --bar, --files and what stands behind -- are for running tests", hint=HOW_TO_RUN)
    names = await session.know(dict.fromkeys(words or session.profile.workers))
    looked = await asyncio.gather(*(_looked(session, name) for name in names))
    failed = {name: one for name, one in zip(names, looked, strict=True) if isinstance(one, RemoteError)}
    answers = [one for one in looked if not isinstance(one, RemoteError)]
    key = "checklists" if arguments.checklist else "evidence"
    text = "\n".join(line for _, lines in answers for line in lines)
    return Answer({key: [data for data, _ in answers]}, text, together(failed, len(names)))


async def _looked(session: Session, name: str) -> tuple[dict[str, Any], list[str]] | RemoteError:
    """What is known of one worker, as data and as lines; a failure is returned, so that the others are told."""
    fleet, arguments = session.fleet, session.arguments
    try:
        if not arguments.checklist:
            found = await told(fleet, name, cached=arguments.cached)
            return _evidence_data(found), _evidence_lines(found)
        if arguments.cached:
            here = await asyncio.to_thread(checklist_here, fleet, name)
        else:
            here = await judge(fleet, name, commands=not arguments.read_only)
        return _checklist_data(name, here), _checklist_lines(name, here)
    except RemoteError as exc:
        return exc


async def _prove(session: Session, worker: str, phase: str, *rest: str) -> Answer:
    """Run tests on the worker's host; what they print is printed here as it comes."""
    arguments = session.arguments
    if len(rest) > 1 or arguments.checklist or arguments.cached:
        raise UsageError(f"evidence {worker} {phase} takes one component", hint="pytest's arguments stand behind --")
    component = rest[0] if rest else ""
    wish = Wish(phase, component, tuple(arguments.command), arguments.bar, tuple(arguments.files), arguments.as_it_is)
    check(wish)
    session.changes()
    session.fleet.place(worker)
    session.on_interrupt = "interrupted: the tests ended with it, and no evidence was written"
    teller = Teller(session)
    found = await runs.prove(
        session.fleet, worker, wish, on_step=_narrated(session, worker), on_output=None if arguments.json else _print,
        on_commit=lambda commit: teller.tell(worker, commit), consent=teller.consent,
    )  # fmt: skip
    about = f"{worker}: {f'{component}, ' if component else ''}{phase}"
    data = {"worker": worker, "host": found.host, "phase": phase, "component": component, "accepted": found.accepted,
            "verdict": found.verdict, "commit": found.commit}  # fmt: skip
    return Answer(data, f"{about}: {found.verdict}" if found.accepted else "", _refusal(about, found))


def _refusal(about: str, found: Proved) -> NoEvidence | None:
    if found.accepted:
        return None
    return NoEvidence(f"{about}: {found.verdict}", hint="the output above says more; mend it, and run this again")


def _narrated(session: Session, worker: str) -> Step:
    """Steps on stderr, but not each line of the tests, which is printed already."""
    say, of_tests = session.step_of(worker), tuple(f"{phase} " for phase in PHASES)
    return lambda text: None if text.startswith((*of_tests, f"{PROVE}:")) else say(text)


def _print(text: str) -> None:
    print(text, end="", flush=True)


# ---------------------------------------------------------------------- lists


def _evidence_data(found: Told) -> dict[str, Any]:
    return {
        "worker": found.worker, "folder": str(found.folder), "against": found.against, "cached": found.cached,
        "evidence": [_piece_data(piece, found.clock_s) for piece in found.pieces],
        "proof": None if found.proof is None else _proof_data(found.proof, found.clock_s),
    }  # fmt: skip


def _piece_data(piece: Piece, clock_s: float) -> dict[str, Any]:
    one = piece.evidence
    return {
        "component": one.component, "phase": one.phase, "accepted": one.accepted, "why": one.why, "stale": piece.stale,
        "commit": one.commit, "clean": one.clean == "yes", "tests": one.tests, "failures": one.failures,
        "coverage": one.coverage, "age_s": _age_s(one.at_s, clock_s),
    }  # fmt: skip


def _proof_data(proof: Proof, clock_s: float) -> dict[str, Any]:
    return {
        "verdict": proof.verdict, "reasons": list(proof.reasons), "commit": proof.commit, "stale": proof.stale,
        "age_s": _age_s(proof.at_s, clock_s),
    }  # fmt: skip


def _age_s(at_s: float, clock_s: float) -> float | None:
    return round(max(0.0, clock_s - at_s), 1) if at_s else None


def _evidence_lines(found: Told) -> list[str]:
    """One line a phase: what, how it went, on which commit, how old; why it does not hold for the branch now."""
    if not found.pieces and found.proof is None:
        return [f"{found.worker}: {NONE}"]
    at = f"held against {found.against[:7]}" if found.against else "held against no commit"
    lines = [f"{found.worker}: {at}{', as synced' if found.cached else ''}; files in {found.folder}"]
    width = max((len(piece.evidence.component) for piece in found.pieces), default=0)
    for piece in found.pieces:
        one = piece.evidence
        verdict = "accepted" if one.accepted else f"refused: {one.why}"
        what = f"  {one.component:{width}}  {one.phase:8}  {verdict}"
        lines.append("  ".join(filter(None, [what, *_of(one.commit, one.at_s, found.clock_s, piece.stale)])))
    if proof := found.proof:
        verdict = "; ".join((proof.verdict or "not readable", *proof.reasons))
        what = f"  {PROVE}: {verdict}"
        lines.append("  ".join(filter(None, [what, *_of(proof.commit, proof.at_s, found.clock_s, proof.stale)])))
    if (found.folder / COVERAGE_FILE).is_file():
        lines.append(f"  coverage: {found.folder / COVERAGE_FILE}")
    return lines


def _of(commit: str, at_s: float, clock_s: float, stale: str) -> list[str]:
    old = _age_s(at_s, clock_s)
    return [commit[:7], f"{age(old)} ago" if old is not None else "", f"stale: {stale}" if stale else ""]


def _checklist_data(worker: str, found: Checklist) -> dict[str, Any]:
    clock_s = found.clock_s or time.time()
    items = [
        {"text": item.text, "proof": item.proof, "argument": list(item.argument), "proved": found.proved(item),
         "why": item.why, "commit": item.commit, "age_s": _age_s(item.at_s, clock_s)}
        for item in found.items
    ]  # fmt: skip
    return {"worker": worker, "commit": found.commit, "items": items}


def _checklist_lines(worker: str, found: Checklist) -> list[str]:
    if not found.items:
        return [f"{worker}: no checklist in profiles.yaml"]
    clock_s, done = found.clock_s or time.time(), sum(map(found.proved, found.items))
    lines = [f"{worker}: {done} of {len(found.items)} proved{f', at {found.commit[:7]}' if found.commit else ''}"]
    for item in found.items:
        mark, words = MARKS[found.proved(item)], proof_words(found, item, clock_s)
        lines.append(f"  {mark} {item.text}: {words}")
    return lines
