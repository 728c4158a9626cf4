"""When the terminal goes, the app goes: SIGHUP (also when it was ignored) and a terminal that no longer answers."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import termios
import threading
from collections.abc import Callable

LAST_RESORT_S = 5.0


def end_with_terminal(leave: Callable[[], None]) -> Callable[[], None]:
    """Call `leave` at SIGHUP and SIGTERM; if the app is then still there after a while, the process ends anyway.

    Returns what undoes it. Must be called on the running loop of the main thread; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    loop = asyncio.get_running_loop()

    def gone() -> None:
        threading.Thread(target=_insist, name="last-resort", daemon=True).start()
        leave()

    for number in (signal.SIGHUP, signal.SIGTERM):
        loop.add_signal_handler(number, gone)

    def undo() -> None:
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.remove_signal_handler(number)

    return undo


def _insist() -> None:
    """A dead terminal may block the thread that writes to it; nothing that runs on a host is touched by this."""
    threading.Event().wait(LAST_RESORT_S)
    os._exit(129)


def terminal_lost() -> bool:
    """True if standard input was a terminal that has gone away."""
    try:
        termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
    except termios.error as exc:
        return exc.args[0] == 5
    except (OSError, ValueError, AttributeError):
        return False
    return False
