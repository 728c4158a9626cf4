"""Keys of the screens that are opened now and then: the help names them before those screens are imported."""

from __future__ import annotations

from tui.keys import DOWN, FIRST, LAST, PAGE_DOWN, PAGE_UP, UP, Key, table


def _moves(group: str, what: str) -> tuple[Key, ...]:
    return (
        Key("select(-1)", *UP, f"previous {what}", group),
        Key("select(1)", *DOWN, f"next {what}", group),
        Key("select(-10)", *PAGE_UP, f"a page of {what}s up", group),
        Key("select(10)", *PAGE_DOWN, f"a page of {what}s down", group),
        Key("select(-9999)", *FIRST, f"first {what}", group),
        Key("select(9999)", *LAST, f"last {what}", group),
    )


PRUNE_KEYS = table(
    "prune",
    Key("turn", "space", "space", "in or out", "take the thing out of what is removed, or in again", "Prune", 2),
    Key("turn_all", "a", "a", "all or none", "take everything out, or in again", "Prune", 4),
    Key("remove", "x", "x", "remove", "remove what is marked, by its number; give up a removal", "Prune", 1, True),
    Key("older", "o", "o", "age", "what was not used for 30, 7 or 1 days, or for 90", "Prune", 5),
    Key("keep", "m", "m", "keep", "how many newest runs of a worker stay: 1, 2, 3 or 5", "Prune", 6),
    Key("where", "w", "w", "hosts or laptop", "what may go from the hosts, or from this laptop", "Prune", 3),
    Key("ask", "u", "u", "look again", "look again at what is there", "Prune", 7),
    *_moves("Prune", "thing"),
    Key("app.back", "escape,P", "esc", "back", "back, and nothing is removed", "Prune", 8),
)  # fmt: skip

WORKTREE_KEYS = table(
    "worktrees",
    Key("remove", "x", "x", "remove", "remove the worktree; asks for its name; runs and results stay", "Worktrees", 1,
        True),
    Key("shell", "s", "s", "shell", "a shell in it", "Worktrees", 2, True),
    Key("ask", "u", "u", "look again", "look again at what is there", "Worktrees", 3),
    *_moves("Worktrees", "worktree"),
    Key("app.back", "escape,W", "esc", "back", "back to the workers", "Worktrees", 4),
)  # fmt: skip

REPORT_KEYS = table(
    "report",
    Key("since", "o", "o", "since", "of the last 12 hours, day, week, month, or of everything", "Report", 1),
    Key("write", "w", "w", "write", "write the page as Markdown into the results folder", "Report", 2),
    Key("copy", "y", "y", "copy", "copy the whole page", "Report", 3),
    Key("find", "slash", "/", "search", "search in the page", "Report", 4),
    Key("again(1)", "n", "n", "next", "next match", "Report"),
    Key("again(-1)", "N", "N", "previous", "previous match", "Report"),
    Key("ask", "u", "u", "ask again", "ask the connected hosts again", "Report", 5),
    Key("move(-1)", *UP, "a line up", "Report"),
    Key("move(1)", *DOWN, "a line down", "Report"),
    Key("move(-20)", *PAGE_UP, "a page up", "Report"),
    Key("move(20)", "pagedown,ctrl+d,space", "pgdn", "page down", "a page down", "Report"),
    Key("move(-999999)", *FIRST, "top of the page", "Report"),
    Key("move(999999)", *LAST, "end of the page", "Report"),
    Key("leave", "escape,T", "esc", "back", "close the search, or back to the workers", "Report", 6),
)
