"""What may go from hosts and laptop, what stays, and what became of it: in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from remote.errors import RemoteError
from remote.onhost.merging import NAME as MERGING
from remote.pruning_plan import Cure, Item, Kept, Kind
from remote.removing import Done
from tui.format import size

NAMES = {
    Kind.RUN: ("run", "runs"),
    Kind.CHECKPOINT: ("checkpoint", "checkpoints"),
    Kind.WORKTREE: ("worktree of no worker", "worktrees of no worker"),
    Kind.LEFT: ("rest of a removal", "rests of removals"),
    Kind.BUNDLE: ("old code bundle", "old code bundles"),
    Kind.ENVIRONMENT: ("unused environment", "unused environments"),
    Kind.COPY: ("copy", "copies"),
    Kind.SAVED: ("state of saved work", "states of saved work"),
    Kind.SAVED_COPY: ("copy of saved work", "copies of saved work"),
    Kind.HISTORY: ("damaged history", "damaged histories"),
    Kind.REST: ("rest of a removal or sync", "rests of removals and syncs"),
}
"""Of each kind: one, and several."""

WHY = {
    Kind.RUN: "It is over, and every file of it is on this laptop. It is synced once more before it goes.",
    Kind.CHECKPOINT: "Its copy on this laptop is the same, proved by digest, and no resume needs it.",
    Kind.WORKTREE: "No worker of the profile uses it, and everything in it is in a commit.",
    Kind.LEFT: "A removal that was cut off left it behind.",
    Kind.BUNDLE: "No run and no process uses it; a launch that needs it sends it again.",
    Kind.ENVIRONMENT: "No run and no process uses it; a launch that needs it makes it again.",
    Kind.COPY: "Its host still keeps every file of it.",
    Kind.SAVED: "It was in no commit when its host saved it, and it is in the repository of this laptop.",
    Kind.SAVED_COPY: "Its host keeps it, or a newer state of that worktree is here.",
    Kind.HISTORY: "It was damaged and moved aside; a new one took its place.",
    Kind.REST: "It was cut off, or was not as its host has it; nothing reads it.",
}
"""Why one of a kind may go."""

NameAt = Callable[[str, str], str]
"""(host, folder of a worker) -> its name on the screen."""


def item_name(item: Item, name_at: NameAt) -> str:
    """Which one of its kind: `keypoint-a/<run>`, a bundle's digest, ..."""
    worker = name_at(item.host, item.slug)
    if item.kind in (Kind.RUN, Kind.COPY):
        return f"{worker}/{item.run}"
    if item.kind in (Kind.SAVED, Kind.SAVED_COPY):
        return f"{worker}/{item.thing.name}"
    if item.kind is Kind.CHECKPOINT:
        return f"{worker}/{item.run}/{item.thing.name}"
    if item.kind is Kind.REST:
        return f"{item.thing.place}/{item.thing.name}"
    return worker if item.kind is Kind.WORKTREE else item.thing.name[:16]


def counted_kinds(items: Iterable[Item]) -> str:
    """`3 runs, 1 checkpoint and 2 copies`."""
    counts = Counter(item.kind for item in items)
    *first, last = (f"{count} {NAMES[kind][count > 1]}" for kind, count in counts.items())
    return " and ".join(filter(None, (", ".join(first), last)))


def total(items: Iterable[Item]) -> str:
    """What they take together."""
    return size(sum(item.thing.bytes for item in items))


def reasons(kept: Iterable[Kept]) -> str:
    """Why those runs stay that no sync would free: `2 runs, as each was used too recently; 1 run, as it is held`."""
    counts = Counter(one.why for one in kept if one.cure is None)
    return "; ".join(
        f"1 run, as it {why}" if count == 1 else f"{count} runs, as each {why}" for why, count in counts.most_common()
    )


def cure_words(one: Kept, name_at: NameAt) -> str:
    """What would let a run go that stays because it is not whole here; '' if nothing would."""
    if one.cure is None:
        return ""
    worker = name_at(one.host, one.slug)
    if one.cure is Cure.FETCH:
        return "trajvid-tui fetch --wip" if one.slug == MERGING else f"trajvid-tui fetch {worker} --wip"
    if one.cure is Cure.PROFILE:
        return "change `sync:` in the profile, or take it along with --unsynced"
    return f"trajvid-tui sync {worker} --run {one.run}" + (" --everything" if one.cure is Cure.EVERYTHING else "")


def told(done: Sequence[Done], lost: Mapping[str, RemoteError], name_at: NameAt) -> list[str]:
    """What was removed and freed, which hosts went away meanwhile, and why the rest is still there."""
    freed = sum(one.freed_bytes for one in done)
    removed = [one.item for one in done if not one.skipped and not one.gone]
    lines = [f"removed {counted_kinds(removed)}, {size(freed)}"] if removed else []
    if before := [one.item for one in done if one.gone]:
        lines.append(f"somebody else had removed {counted_kinds(before)} before")
    for host, error in lost.items():
        about = error.message.removeprefix(f"{host}: ")
        lines.append(f"{host or 'this laptop'}: {about}; what else of it is gone, another look will tell")
    lines = lines or ["nothing was removed"]
    for one in done:
        if one.skipped:
            lines.append(f"stays: {NAMES[one.item.kind][0]} {item_name(one.item, name_at)}: {one.skipped}")
    return lines
