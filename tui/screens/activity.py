"""Every action, of this laptop and of every other: when, by whom, exactly what ran, how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from remote.activity import Activity, Deed, matching
from remote.errors import RemoteError
from tui.activity.lines import deed_line, deed_lines, source_line
from tui.copying import copy
from tui.format import Line, cut, cut_line
from tui.keys import DOWN, FIRST, PAGE_DOWN, PAGE_UP, UP, Key, footer_line, shown, table
from tui.screens.main import MainScreen, screen_bindings
from tui.widgets.frame import box
from tui.widgets.lines import Lines

ACTIVITY_KEYS = table(
    "activity",
    Key("whole", "enter,d", "enter", "whole", "the whole action on the screen, or the list again", "Activity", 1),
    Key("filter", "slash", "/", "filter", "show only actions with these words in them", "Activity", 2),
    Key("copy", "y", "y", "copy", "copy what ran, or the result where nothing ran", "Activity", 3),
    Key("newest", "f,G,end", "f", "follow", "stay at the newest action", "Activity", 4),
    Key("ask", "ctrl+r", "ctrl+r", "ask again", "ask the connected hosts now", "Activity", 5),
    Key("select(-1)", *UP, "previous action", "Activity"),
    Key("select(1)", *DOWN, "next action", "Activity"),
    Key("select(-10)", *PAGE_UP, "ten actions back", "Activity"),
    Key("select(10)", *PAGE_DOWN, "ten actions on", "Activity"),
    Key("select(-9999)", *FIRST, "oldest action", "Activity"),
    Key("leave", "escape,A", "esc", "back", "close the whole action, clear the filter, or back", "Activity", 6),
)  # fmt: skip
EVERY_S = 30.0
"""So often the hosts are asked while the screen is open; news of a run's attempt or state asks sooner."""
LEAST_S = 2.0
PANE_LEAST, PANE_MOST = 6, 10


class ActivityScreen(MainScreen, inherit_bindings=False):
    """The list above, the selected action in full below."""

    BINDINGS: ClassVar = screen_bindings(ACTIVITY_KEYS)

    def __init__(self) -> None:
        super().__init__()
        self.found: Activity | None = None
        self.problem = ""
        self.pattern = ""
        self.chosen: Deed | None = None
        """The selected action; None follows the newest."""
        self.zoomed = False
        self._asking = False
        self._ask_at = 0.0
        self._seen: dict[str, tuple[str, str]] = {}
        self.head = Lines(self._head, lambda: self.tv.palette, id="head")
        self.list = Lines(self._list, lambda: self.tv.palette, id="deeds")
        self.pane = Lines(self._pane, lambda: self.tv.palette, id="deed")
        self.box = Input(
            placeholder="filter: verb, worker, host, person, command or result; esc clears it", id="filter"
        )

    @property
    def table(self) -> str:
        return "activity"

    def compose(self) -> ComposeResult:
        yield self.title_bar
        yield self.head
        yield self.list
        yield self.pane
        yield self.box
        yield self.footer

    def on_mount(self) -> None:
        self.box.display = False
        self._lay_out()
        self.ask()

    def redraw(self, dirty: set[str], *, tick: bool) -> None:
        super().redraw(dirty, tick=tick)
        if dirty and self._news(dirty):
            self._ask_at = min(self._ask_at, self.tv.store.clock() + LEAST_S)
        if tick:
            if self.tv.store.clock() >= self._ask_at:
                self.ask()
            self._draw()

    def _news(self, dirty: set[str]) -> bool:
        """True if a verb may have been used on one of these workers: by whom, the hosts know."""
        rows = [row for name in dirty if (row := self.tv.store.get(name)) is not None]
        news = {row.worker: (row.attempt, row.state.value) for row in rows}
        changed = any(self._seen.get(name) != value for name, value in news.items())
        self._seen.update(news)
        return changed

    def _draw(self) -> None:
        for part in (self.head, self.list, self.pane):
            part.redraw()

    # ------------------------------------------------------------------ what is known

    def ask(self) -> None:
        """Ask in the background; one question at a time."""
        if not self._asking and self.tv.verbs is not None and self.tv.store.frozen_at is None:
            self._asking = True
            self.run_worker(self._ask(), group="activity", exit_on_error=False)

    async def _ask(self) -> None:
        try:
            assert self.tv.verbs is not None
            self.found, self.problem = await self.tv.verbs.activity(self.tv.fleet, before=self.found), ""
        except RemoteError as exc:
            self.problem = exc.message
        except Exception as exc:
            self.problem = f"{type(exc).__name__}: {exc}"
        finally:
            self._asking = False
            self._ask_at = self.tv.store.clock() + EVERY_S
            self._draw()

    def deeds(self) -> list[Deed]:
        return matching(self.found.deeds, self.pattern) if self.found is not None else []

    def _at(self, deeds: list[Deed]) -> int:
        """Place of the selected action; one that grew in the meantime (its result came) is still the same."""
        if self.chosen is None:
            return len(deeds) - 1
        same = [index for index, deed in enumerate(deeds) if _same(deed, self.chosen)]
        return same[0] if same else len(deeds) - 1

    # ------------------------------------------------------------------ what is shown

    def _head(self, width: int, height: int) -> list[Line]:
        shown, known = len(self.deeds()), len(self.found.deeds) if self.found is not None else 0
        count = f"{shown} of {known} match {self.pattern!r}" if self.pattern else f"{known} actions"
        follows: Line = [("  following", "ok")] if self.chosen is None else [("  f follows the newest", "dim")]
        asked: Line = [(self.problem, "bad")] if self.problem else []
        if self.found is not None and not asked:
            asked = source_line(self.found.sources, self.tv.store.now())
        return [
            [(" Activity ", "bold"), (cut(count, width // 2), "dim"), *follows],
            cut_line([(" ", ""), *asked], width),
        ]

    def _list(self, width: int, height: int) -> list[Line]:
        deeds = self.deeds()
        if not deeds:
            return self._nothing()
        at, wall_s = self._at(deeds), self.tv.store.wall()
        first = max(0, min(at - height // 2, len(deeds) - height))
        return [
            deed_line(deed, width, wall_s, selected=first + index == at)
            for index, deed in enumerate(deeds[first : first + height])
        ]

    def _nothing(self) -> list[Line]:
        if self.found is None:
            return [[], [(f"  {self.problem}", "bad") if self.problem else ("  ◌ asking the hosts …", "dim")]]
        if self.pattern:
            return [[], [("  No action matches ", ""), (self.pattern, "bold"), (".", "")],
                    [("  esc", "bold info"), (" clears the filter.", "dim")]]  # fmt: skip
        back: Line = [
            ("  esc", "bold info"),
            (" goes back; there ", "dim"),
            (shown("launch"), "bold info"),
            (" launches.", "dim"),
        ]
        return [[], [("  Nothing was done in this project yet, by anybody.", "")], back]

    def _pane(self, width: int, height: int) -> list[Line]:
        deeds = self.deeds()
        if not deeds or width < 24 or height < 3:
            return []
        lines = deed_lines(deeds[self._at(deeds)], width - 4, self.tv.store.wall())
        if len(lines) > height - 2:
            lines = [*lines[: height - 3], [("… enter shows all of it", "dim")]]
        return box(lines, width, height, title=[], end=[], foot=[], focus=self.zoomed, role="accent")

    def _footer_lines(self, width: int, height: int) -> list[Line]:
        return [footer_line(sorted((key for key in ACTIVITY_KEYS if key.rank), key=lambda key: key.rank), width)]

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        self.list.display = not self.zoomed
        self.pane.styles.height = "1fr" if self.zoomed else max(PANE_LEAST, min(PANE_MOST, self.size.height // 3))

    # ------------------------------------------------------------------ keys

    def action_select(self, by: int) -> None:
        """Away from the newest the list stands still; on it, it follows."""
        deeds = self.deeds()
        if deeds:
            at = max(0, min(len(deeds) - 1, self._at(deeds) + by))
            self.chosen = None if at == len(deeds) - 1 and by > 0 else deeds[at]
            self._draw()

    def action_newest(self) -> None:
        self.chosen = None
        self._draw()

    def action_whole(self) -> None:
        self.zoomed = not self.zoomed
        self._lay_out()
        self._draw()

    def action_ask(self) -> None:
        self.ask()

    def action_copy(self) -> None:
        if deeds := self.deeds():
            deed = deeds[self._at(deeds)]
            copy(self.tv, [deed.command or deed.result], "the command" if deed.command else "the result")

    def action_filter(self) -> None:
        self.box.display = True
        self.box.value = self.pattern
        self.set_focus(self.box)

    def action_leave(self) -> None:
        if self.box.display or self.pattern:
            self.pattern, self.box.display = "", False
            self.set_focus(None)
            self._draw()
        elif self.zoomed:
            self.action_whole()
        else:
            self.tv.pop_screen()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.pattern = event.value
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.box.display = bool(self.pattern)
        self.set_focus(None)


def _same(one: Deed, other: Deed) -> bool:
    plain = {"command": "", "result": "", "attempt": "", "origin": one.origin}
    return replace(one, **plain) == replace(other, **plain)  # type: ignore[arg-type]
