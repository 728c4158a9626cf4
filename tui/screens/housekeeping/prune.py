"""What may go from the hosts or from this laptop, with what it takes; nothing goes before its number was typed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len

from remote.errors import RemoteError
from remote.pruning_plan import Item, Kept, Plan, Policy, counted
from tui.activity.since import span_s
from tui.format import Line, age, cut, fitted, size, spread, wrapped
from tui.housekeeping.keys import PRUNE_KEYS
from tui.housekeeping.pruning import NAMES, WHY, counted_kinds, cure_words, item_name, told, total
from tui.housekeeping.removal import Removal
from tui.screens.dialog import Confirm
from tui.screens.housekeeping.asking import ListScreen, headed
from tui.screens.main import screen_bindings

OLDER, KEEP = ("30d", "7d", "1d", "90d"), (1, 2, 3, 5)
TOLD_MOST, ASKED_MOST = 6, 8
WIDE = 110
WHY_WIDE, WHY_NARROW = 29, 24
"""So many cells at least are for the reason why something stays."""


class PruneScreen(ListScreen, inherit_bindings=False):
    """What may go comes first, then every run that stays, with the reason."""

    KEYS = PRUNE_KEYS
    BINDINGS: ClassVar = screen_bindings(PRUNE_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.here = False
        self.older, self.keep = OLDER[0], KEEP[0]
        self.found = Plan()
        self._longest, self._hosts = 0, 0
        """Cells of the longest name and the longest host of what stays."""
        self.out: set[Item] = set()
        """What may go, and is to stay all the same."""

    @property
    def table(self) -> str:
        return "prune"

    @property
    def policy(self) -> Policy:
        return Policy(span_s(self.older, "--older"), self.keep)

    @property
    def doing(self) -> str:
        removal = self.tv.store.removal
        return removal.text if removal is not None else ""

    @property
    def chosen(self) -> list[Item]:
        """What a removal would take."""
        return [item for item in self.found.items if item not in self.out]

    async def look(self, hosts: Collection[str]) -> dict[str, RemoteError]:
        assert self.tv.verbs is not None
        found, failed = await self.tv.verbs.survey(self.tv.fleet, list(hosts), self.policy, here=self.here)
        self.found = found
        self._longest = max((cell_len(self._named(one)) for one in found.kept), default=0)
        self._hosts = max((cell_len(one.host) for one in found.kept), default=0)
        self.out &= set(found.items)
        return dict(failed)

    # ------------------------------------------------------------------ what is shown

    def title_words(self) -> Line:
        where = "from this laptop" if self.here else "from the hosts"
        rule = f"unused for {self.older.removesuffix('d')} d, newest {self.keep} a worker stay{'s' * (self.keep == 1)}"
        words: Line = [("Prune ", "bold"), (f"{where}  ", "bold accent")]
        if self.found.items and not self.asking:
            share = f"{len(self.chosen)} of {counted(len(self.found.items), 'thing')}, {total(self.chosen)}  "
            words.append((share, ""))
        elif self.found.kept and not self.asking:
            words.append(("nothing may go  ", ""))
        return [*words, (rule, "dim")]

    def empty(self) -> str:
        return "Nothing may go, and no run is kept."

    def count(self) -> int:
        return len(self.found.items) + len(self.found.kept)

    def _at(self, index: int) -> Item | Kept:
        items = self.found.items
        return items[index] if index < len(items) else self.found.kept[index - len(items)]

    def row(self, index: int, width: int) -> Line:
        one = self._at(index)
        if isinstance(one, Kept):
            return self._kept_row(one, width)
        kind = 22 if width >= WIDE else 12
        gone = one in self.out
        mark = ("[ ]", "dim") if gone else ("[x]", "bold warn")
        line: Line = [
            mark,
            (f" {size(one.thing.bytes):>9}", "" if gone else "bold"),
            (f"{age(one.thing.age_s):>8}  ", "dim"),
        ]
        line += [(cut(NAMES[one.kind][0], kind - 1).ljust(kind), "dim"), (self._named(one), "dim" if gone else "")]
        return spread(line, [(one.host or "this laptop", "dim")], width)

    def _kept_row(self, one: Kept, width: int) -> Line:
        """Name and reason below each other; a narrow terminal has no room for the columns of what may go."""
        wide = width >= WIDE
        head = f" ·  {size(one.bytes):>9}  " + (f"{'':8}{'stays':22}" if wide else "stays  ")
        name = self._named(one if wide else replace(one, run=one.run.partition("-")[0]))
        room = width - len(head) - self._hosts - 1
        name = fitted(name, min(self._longest, room - (WHY_WIDE if wide else WHY_NARROW)))
        return spread([(f"{head}{name}  {one.why}", "dim")], [(one.host, "dim")], width)

    def _named(self, one: Item | Kept) -> str:
        assert self.tv.fleet is not None
        if isinstance(one, Kept):
            return f"{self.tv.fleet.name_at(one.host, one.slug)}/{one.run}"
        return item_name(one, self.tv.fleet.name_at)

    def about(self, index: int, width: int) -> list[Line]:
        one = self._at(index)
        assert self.tv.fleet is not None
        if isinstance(one, Kept):
            cure = cure_words(one, self.tv.fleet.name_at)
            lines = headed("stays  ", f"{self._named(one)} on {one.host}, {size(one.bytes)}", width)
            lines += [[(piece, "")] for piece in wrapped(f"It {one.why}.", width)]
            return [*lines, *([(piece, "info")] for piece in wrapped(f"→ {cure}" if cure else "", width))]
        where = f" on {one.host}" if one.host and not self.here else " on this laptop"
        lines = headed("may go  ", f"{NAMES[one.kind][0]} {self._named(one)}{where}", width)
        lines.append([(f"{size(one.thing.bytes)}, last used {age(one.thing.age_s)} ago", "dim")])
        return [*lines, *([(piece, "")] for piece in wrapped(WHY[one.kind], width))]

    # ------------------------------------------------------------------ keys

    def action_turn(self) -> None:
        if self.at < len(self.found.items):
            self.out ^= {self.found.items[self.at]}
            self.at += 1
        elif self.count():
            self.tv.toast(f"stays: it {self.found.kept[self.at - len(self.found.items)].why}", "warning")
        self.draw()

    def action_turn_all(self) -> None:
        self.out = set() if self.out else set(self.found.items)
        self.draw()

    def action_older(self) -> None:
        if self._free():
            self.older = OLDER[(OLDER.index(self.older) + 1) % len(OLDER)]
            self.ask()

    def action_keep(self) -> None:
        if self._free():
            self.keep = KEEP[(KEEP.index(self.keep) + 1) % len(KEEP)]
            self.ask()

    def action_where(self) -> None:
        if self._free():
            self.here, self.found, self.told_at = not self.here, Plan(), None
            self.ask()

    def _free(self) -> bool:
        """True unless something is removed: then the list stays the one that a person agreed to."""
        if self.doing:
            self.tv.toast(f"not now: {self.doing}", "warning")
        return not self.doing

    def action_remove(self) -> None:
        """Ask, then remove, each thing after another look at it; the app may go on to other screens meanwhile."""
        if self.doing:
            self.tv.in_background("prune", "giving up", self._give_up)
        elif self.asking or not self.chosen:
            self.tv.toast(f"not now: {self.busy}" if self.asking else "nothing is marked to go", "warning")
        else:
            chosen, policy = self.chosen, self.policy
            self.tv.in_background("prune", "removing", lambda: self._remove(chosen, policy))

    async def _remove(self, chosen: list[Item], policy: Policy) -> str:
        app, fleet, verbs = self.tv, self.tv.fleet, self.tv.verbs
        if not await app.push_screen_wait(self._question(chosen)):
            return ""
        assert fleet is not None and verbs is not None
        app.store.removal = removal = Removal(f"removing {counted(len(chosen), 'thing')}")
        try:
            ended = await removal.run(lambda step: verbs.carry_out(fleet, chosen, policy, step))
        finally:
            app.store.removal = None
        for screen in app.screen_stack:
            if isinstance(screen, PruneScreen):  # maybe another one than that which asked
                screen.ask()
        if ended is None:
            return "given up: what is removed by now is gone, the rest stays"
        done, lost = ended
        lines = told(done, lost, fleet.name_at)
        more = [f"and {len(lines) - TOLD_MOST} more"] if len(lines) > TOLD_MOST else []
        return "\n".join([*lines[:TOLD_MOST], *more])

    async def _give_up(self) -> str:
        question = Confirm("Give up removing?", [[("What is removed by now is gone; the rest stays.", "")]], "Give up")
        if await self.tv.push_screen_wait(question) and self.tv.store.removal is not None:
            self.tv.store.removal.give_up()
        return ""

    def _question(self, chosen: list[Item]) -> Confirm:
        lines: list[Line] = []
        for host in dict.fromkeys(item.host for item in chosen):
            own = [item for item in chosen if item.host == host]
            where = "from this laptop" if self.here else f"from {host}"
            lines.append([(f"{where}: ", "bold"), (f"{counted_kinds(own)}, {total(own)}", "")])
        if len(lines) > ASKED_MOST:
            lines = [*lines[:ASKED_MOST], [(f"and from {len(lines) - ASKED_MOST} more hosts", "")]]
        kept = "of which every file is still on its host" if self.here else "that is whole on this laptop then, too"
        lines += [[], [(f"Each is looked at once more; only a run goes {kept}.", "dim")]]
        title = f"Remove {counted(len(chosen), 'thing')}, {total(chosen)}?"
        return Confirm(title, lines, "Remove", typed=str(len(chosen)))
