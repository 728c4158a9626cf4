"""The worktrees on all hosts: where each stands, what of it is in no commit; removed once its name was typed."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from remote.clean import clean
from remote.errors import RemoteError
from remote.pruning_plan import counted
from remote.worktree_inventory import Found
from tui.format import Line, age, cut, fitted, size, spread, wrapped
from tui.housekeeping.keys import WORKTREE_KEYS
from tui.housekeeping.worktrees import result_words, stands_at, state_words
from tui.keys import shown
from tui.screens.dialog import Confirm
from tui.screens.housekeeping.asking import ListScreen, headed
from tui.screens.main import screen_bindings


class WorktreesScreen(ListScreen, inherit_bindings=False):
    """One row a worktree."""

    KEYS = WORKTREE_KEYS
    BINDINGS: ClassVar = screen_bindings(WORKTREE_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Found] = []

    @property
    def table(self) -> str:
        return "worktrees"

    async def look(self, hosts: Collection[str]) -> dict[str, RemoteError]:
        assert self.tv.verbs is not None
        self.found, failed = await self.tv.verbs.look_at_worktrees(self.tv.fleet, hosts)
        return dict(failed)

    # ------------------------------------------------------------------ what is shown

    def title_words(self) -> Line:
        words: Line = [("Worktrees  ", "bold")]
        if not self.known:
            return words
        taken, own = sum(one.tree.thing.bytes for one in self.found), sum(not one.tree.clean for one in self.found)
        words.append((f"{len(self.found)} on the hosts, {size(taken)}", ""))
        return [*words, ("; ", "dim"), (f"{own} with work that is in no commit", "warn")] if own else words

    def empty(self) -> str:
        return "No host keeps a worktree of this project: a launch makes one."

    def count(self) -> int:
        return len(self.found)

    def row(self, index: int, width: int) -> Line:
        one = self.found[index]
        tree, name = one.tree, min(24, width // 4)
        line: Line = [(f" {fitted(one.name, name)} ", ""), (f"{size(tree.thing.bytes):>9}", "bold")]
        line += [(f"{age(tree.thing.age_s):>8}  ", "dim"), (*_state(one),)]
        line += [("  ", ""), (stands_at(tree), "dim")]
        return spread(line, [(one.host, "dim")], width)

    def about(self, index: int, width: int) -> list[Line]:
        one = self.found[index]
        tree = one.tree
        lines = headed("worktree  ", f"{one.name} on {one.host}: {stands_at(tree)}", width)
        lines += [[(piece, "dim")] for text in (tree.subject, clean(tree.path)) for piece in wrapped(text, width, 2)]
        lines.append([(f"{size(tree.thing.bytes)}, touched {age(tree.thing.age_s)} ago, ", "dim"), (*_state(one),)])
        more = tree.own_count - len(tree.own)
        own = [*tree.own, *([f"and {more} more"] if more > 0 else [])]
        for label, paths in (("own      ", own), ("ignored  ", tree.ignored)):
            lines += [[(label, "dim"), (cut(path, width - len(label)), "")] for path in paths]
        return lines

    # ------------------------------------------------------------------ keys

    def action_shell(self) -> None:
        if self.found:
            self.tv.shell_on(self.found[self.at].host, self.found[self.at].name)

    def action_remove(self) -> None:
        if not self.found:
            return
        one = self.found[self.at]
        if one.tree.running:
            self.tv.toast(f"{one.name} runs in it: {shown('stop')} among the workers stops it first", "warning")
        else:
            self.tv.in_background(one.name, "removing the worktree", lambda: self._remove(one))

    async def _remove(self, one: Found) -> str:
        if not await self.tv.push_screen_wait(question(one)):
            return ""
        assert self.tv.verbs is not None
        done = await self.tv.verbs.remove_worktrees(self.tv.fleet, [one])
        if self.is_attached:
            self.ask()
        return "\n".join(result_words(*what) for what in done)


def _state(one: Found) -> tuple[str, str]:
    tree = one.tree
    if tree.running:
        return ("● " + state_words(tree), "ok")
    return ("✓ clean", "ok") if tree.clean else ("▲ " + state_words(tree), "warn")


def question(one: Found) -> Confirm:
    """Names what is kept, and what is lost."""
    tree = one.tree
    lines: list[Line] = [
        [("host        ", "dim"), (one.host, "")],
        [("stands at   ", "dim"), (stands_at(tree), "")],
        [("takes       ", "dim"), (size(tree.thing.bytes), "")],
        [],
    ]
    if tree.own_count or tree.problem:
        lines.append([(f"What is in no commit is kept under a ref of the repository on {one.host}.", "")])
    if tree.ignored:
        what = counted(len(tree.ignored), "file or folder")
        lines.append([(f"{what} that git ignores: lost with it.", "bold warn")])
    lines.append([("Runs and their results lie elsewhere, and stay.", "dim")])
    return Confirm(f"Remove the worktree of {one.name}?", lines, "Remove it", typed=one.name)
