"""The checklist of a worker: what is to be done on its branch, and what proves that it is. Nobody ticks it by hand.

The host judges and keeps the answer beside the evidence, so it comes here with that and is known without a connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from remote.checklist_items import FILE, UNJUDGED, Checklist, Item
from remote.evidence import bring, folder_here
from remote.launching import commit_of, of_profile
from remote.onhost.check_command import LIMIT_S
from remote.proving import setting
from remote.steps import recorded, steps
from remote.tidy import tidy
from wire.codec import WireError, read_object

if TYPE_CHECKING:
    from remote.fleet import Fleet
    from remote.profiles import ToDo, Worker

MARGIN_S = 60.0


@recorded("checklist")
async def judge(fleet: Fleet, worker: str, *, commands: bool = True) -> Checklist:
    """Let the host look for every proof now, and bring what it found. Without `commands`, those keep what they said.

    Raises `FarSideError` and the connection's errors.
    """
    place = of_profile(fleet, worker)
    assert place.worker is not None
    to_do = place.worker.checklist
    if not to_do:
        return Checklist()
    with steps(fleet, worker) as step:
        step("looking for the proofs of its checklist")
        commit = await commit_of(fleet, worker)
        far = fleet.far(place.host)
        await far.ready()
        count = sum(item.proof == "command" for item in to_do) if commands else 0
        request = {
            "root": far.root, "project": fleet.profile.project_id, "worker": place.slug, "commands": commands,
            "items": [{"text": one.text, "proof": one.proof, "argument": list(one.argument)} for one in to_do],
            **setting(fleet, place, place.worker, commit),
        }  # fmt: skip
        answer = await far.call("checklist", request, timeout_s=MARGIN_S + count * LIMIT_S)
        await bring(fleet, worker)
    found = _matched(place.worker, answer)
    if count:
        done = sum(map(found.proved, found.items))
        fleet.record(worker, "checklist", f"{count} commands", f"{done} of {len(to_do)} proved")
    return found


def checklist_here(fleet: Fleet, worker: str) -> Checklist:
    """What this laptop knows of it: the profile's items with what the host last found of each. For a thread."""
    known = fleet.place(worker).worker
    return replace(_matched(known, _kept(folder_here(fleet, worker))), clock_s=0.0) if known else Checklist()


def _kept(folder: Path) -> Mapping[str, Any]:
    try:
        data = tidy(read_object(str(folder / FILE)) or {})
    except WireError:
        return {}
    return data if isinstance(data, dict) else {}


def _matched(worker: Worker, answer: Mapping[str, Any]) -> Checklist:
    """The profile's items, each with what was found of exactly this proof: a host adds none, and changes no text."""
    told, commit, clock_s = answer.get("items"), answer.get("commit"), answer.get("clock_s")
    found: dict[tuple[str, tuple[str, ...]], Mapping[str, Any]] = {}
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict) and isinstance(one.get("argument"), list):
            found[str(one.get("proof")), tuple(map(str, one["argument"]))] = one
    return Checklist(
        tuple(_item(to_do, found.get((to_do.proof, to_do.argument), {})) for to_do in worker.checklist),
        commit if isinstance(commit, str) else "",
        float(clock_s) if isinstance(clock_s, (int, float)) else 0.0,
    )


def _item(to_do: ToDo, found: Mapping[str, Any]) -> Item:
    at_s, why, commit = found.get("at_s"), found.get("why"), found.get("commit")
    return Item(
        to_do.text, to_do.proof, to_do.argument, found.get("proved") is True,
        why if isinstance(why, str) else UNJUDGED, float(at_s) if isinstance(at_s, (int, float)) else 0.0,
        commit if isinstance(commit, str) else "",
    )  # fmt: skip
