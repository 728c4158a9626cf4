"""The app in a real terminal: nothing from a host is obeyed, and it leaves when it should."""

from __future__ import annotations

import re
import signal

import pytest

from tests.tui.terminal import WITHIN_S, Terminal

FORBIDDEN = {
    "clipboard (OSC 52)": b"ZXZpbA==",
    "window title (OSC 0)": b"PWNED",
    "hyperlink (OSC 8)": b"]8;;",
    "clear screen": b"\x1b[2J",
    "C1 CSI": "\x9b".encode(),
    "C1 OSC": "\x9d".encode(),
    "right-to-left override": "\u202e".encode(),
    "isolate": "\u2066".encode(),
    "line separator": "\u2028".encode(),
    "NUL": b"\x00",
    "backspace": b"\x08",
    "DEL": b"\x7f",
}
ESC, F10, F11, F12 = "\x1b[27u", "\x1b[21~", "\x1b[23~", "\x1b[24~"
"""Escape as the kitty protocol spells it: a bare one is only told from alt+key by waiting."""
HINT = b"\x1b[1;38;5;75;48;5;16m"
"""A key in the footer, not dimmed by a question above it."""
HOME = HINT + b"enter"
"""The footer of home, not dimmed by a question above it."""


def go_everywhere(terminal: Terminal) -> bytes:
    """Open every screen and question, and quit."""
    steps = [
        ("", HOME), ("V", HOME), ("V", HOME), ("/", b"esc clears it"), ("K", b"mK\x1b"), ("\r", b"mK"),
        (ESC + "s", b"SHELL"),
        ("\r", b"asked by"), ("2", b"chart 1 of"), ("\r", b"chart 1 of"), ("5", b"verdict: "), ("6", b"written once"),
        ("w", b"differences only"), (ESC, b"written once"), (ESC, HOME), ("j", HOME), ("\r", b"asked by"),
        ("4", b"7 B"), ("jjj\r", b"esc"), (ESC, b"7 B"), (ESC, HOME), ("l", b"following"), (",", b"goes on"),
        ("!", b"ERROR"), ("y", b"copied"),
        (ESC, HOME), ("?", b"closes this page"), (ESC, HOME), ("x", b"Cancel"), (ESC, HOME), ("X", b"Cancel"),
        (ESC, HOME), ("n", b"overrides"), (ESC, HOME), ("N", b"Cancel"), (ESC, HOME), ("G", HOME), ("e", b"Cancel"),
        (ESC, HOME), ("E", b"Cancel"), (ESC, HOME), ("a", b"Start again"), (ESC, HOME), (" gv", b"marked"),
        ("x", b"Cancel"), (ESC, HINT), (ESC, HOME), ("c", b"x axis"), ("w", b"Markdown"),
        (ESC, b"x axis"), (ESC, HOME), ("h", b"reconnect"), ("D", b"looked"), (ESC, HOME), ("A", b"following"),
        ("\r", b"whole"), (ESC, b"follow"), (ESC, HOME), (":", b"Search"), (ESC, HOME), (F12, b"Trust it"),
        (ESC, b"Continue"), (ESC, HOME),
        (F10, b"Welcome"), (ESC, HOME), ("t", b"enter"), ("p", b"FROZEN"), (F11, b"leaves"),
    ]  # fmt: skip
    for keys, until in steps:
        since = len(terminal.seen)
        if keys:
            terminal.press(keys)
        terminal.read(until, since=since)
    terminal.press("q")
    return terminal.drain()


@pytest.mark.slow  # 13 s each
@pytest.mark.parametrize("world", ["hostile", "cleaned"])
def test_no_screen_lets_a_host_speak_to_the_terminal(world: str) -> None:
    with Terminal(world) as terminal:
        out = go_everywhere(terminal)
        assert terminal.process.wait(WITHIN_S) == 2
    leaked = [name for name, found in FORBIDDEN.items() if found in out]
    assert leaked == []
    assert b"Traceback" not in out and b"MarkupError" not in out
    assert b"[/x]" in out and b"[red]KKK[/red]" in out, "markup is drawn as it is"


def test_quitting_works_at_once_even_if_the_network_hangs_and_says_what_goes_on() -> None:
    with Terminal("benign", "stuck") as terminal:
        terminal.read(b"keypoint-a")
        terminal.press("q")
        out = terminal.drain()
        assert terminal.process.wait(WITHIN_S) == 0
    assert b"still running on local" in out and b"trajvid-tui status" in out
    assert b"Traceback" not in out


@pytest.mark.parametrize("hup", ["handled", "ignore-hup"])
def test_a_lost_terminal_ends_the_app(hup: str) -> None:
    with Terminal("one", hup) as terminal:
        terminal.read(b"keypoint-a")
        terminal.hang_up()
        assert terminal.process.wait(WITHIN_S) in (129, -signal.SIGHUP)


def test_hangup_signal_ends_the_app() -> None:
    with Terminal("one") as terminal:
        terminal.read(b"keypoint-a")
        terminal.process.send_signal(signal.SIGHUP)
        terminal.drain()
        assert terminal.process.wait(WITHIN_S) == 129


def test_no_color_means_no_colour_at_all() -> None:
    with Terminal("benign", NO_COLOR="1") as terminal:
        terminal.read(b"keypoint-b")
        terminal.press("x")
        terminal.read(b"Cancel")
        terminal.press(ESC + "\x03")  # Ctrl-C leaves like q
        out = terminal.drain()
        assert terminal.process.wait(WITHIN_S) == 0
    codes = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", out) for code in found.split(b";")}
    assert codes <= {b"", b"0", b"1", b"2", b"3", b"4", b"7", b"39", b"49"}, codes
