"""What tells compared runs apart: what was asked differently, and whether they learned from the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remote.snapshot import RunSnapshot
from wire.records import RunSpec

DATA_KEYS = ("data", "tier", "clips", "seed", "frames", "size_px", "style", "cue", "clutter", "noise", "variants")
"""Options of the trainer that decide which clips a run sees."""
NOT_SET = "not set"
"""Of an override that a run does not have: its config decides."""
ASKED = ("config", "command", "commit", "host", "branch")
NAMED_AT_MOST = 3
Source = tuple[RunSpec | None, Mapping[str, Any], str]
"""Spec, what the data set was made by (manifest), digest of the data set; {} and '' where that is not known."""


@dataclass(frozen=True)
class Difference:
    """One thing that was asked differently, with its value in each run, '' where that is not known."""

    key: str
    values: tuple[str, ...]


def differences(rows: Sequence[RunSnapshot]) -> list[Difference]:
    """What differs: config, code, host, and each override."""
    overrides = [settings(row.spec) for row in rows]
    unset = [NOT_SET if row.spec is not None else "" for row in rows]
    found = [
        Difference(key, tuple(one.get(key, none) for one, none in zip(overrides, unset, strict=True)))
        for key in sorted({key for one in overrides for key in one})
    ]
    told = [_asked(row) for row in rows]
    asked = [Difference(key, tuple(one.get(key, "") for one in told)) for key in ASKED]
    found = [*asked[:2], *found, *asked[2:]]
    return [one for one in found if len({value for value in one.values if value}) > 1]


def settings(spec: RunSpec | None) -> dict[str, str]:
    """The overrides of a run by key."""
    pairs = [text.partition("=") for text in spec.overrides] if spec is not None else []
    return {key: value for key, _, value in pairs}


def _asked(row: RunSnapshot) -> dict[str, str]:
    spec = row.spec
    if spec is None:
        return {"host": row.host}
    command = "that of the config" if spec.config else " ".join(spec.command)
    return {
        "config": spec.config or NOT_SET,
        "command": command,
        "branch": row.branch,
        "commit": spec.commit[:7] + (" *" if spec.dirty else ""),
        "host": row.host,
    }


def notes_on(sources: Sequence[Source], names: Sequence[str]) -> list[str]:
    """Notes on runs that did not see the same clips: an option a note, the usual value last."""
    changed = []
    for key in DATA_KEYS:
        values = _values(key, sources)
        if len({value for value in values if value}) > 1:
            changed.append(f"{key} {_grouped(values, names)}")
    if changed:
        return ["not all of the same data, so rows differ by their clips too:", *changed]
    digests = [digest[:12] for _, _, digest in sources]
    if len({digest for digest in digests if digest}) > 1:
        return [f"not the same clips, so rows differ by them too: {_grouped(digests, names)}"]
    return []


def _values(key: str, sources: Sequence[Source]) -> list[str]:
    """An option in each run, '' where it cannot be known: of the override alone, unless a manifest says."""
    said = [None if data else settings(spec).get(key) for spec, data, _ in sources]
    unset = NOT_SET if any(said) else ""
    return [
        str(data[key]) if data.get(key) is not None else "" if data or spec is None else value or unset
        for (spec, data, _), value in zip(sources, said, strict=True)
    ]


def _grouped(values: Sequence[str], names: Sequence[str]) -> str:
    """`2 (c), 1 (a, b)`; the value that most have stands last and names nobody if that would be many."""
    groups: dict[str, list[str]] = {}
    for value, name in zip(values, names, strict=True):
        if value:
            groups.setdefault(value, []).append(name)
    rising = sorted(groups.items(), key=lambda group: len(group[1]))
    return ", ".join(f"{value} ({_few(of)})" for value, of in rising)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED_AT_MOST else f"{len(names)} runs"
