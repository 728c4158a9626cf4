"""Questions to a person, on a real pseudo-terminal: the name before a kill, a host key, a secret without echo."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


class Terminal:
    """A process whose stdin and stderr are a terminal, and whose stdout is not."""

    def __init__(self, code: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=REPOSITORY,
            stdin=slave,
            stderr=slave,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def until(self, text: str) -> None:
        """Read what the terminal shows until it shows `text`."""
        deadline = time.monotonic() + 60
        while text not in self.shown:
            assert time.monotonic() < deadline and select.select([self._master], [], [], 60)[0], self.shown
            self.shown += os.read(self._master, 4096).decode("utf-8", "replace")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> tuple[str, int]:
        """What it said on stdout, and its exit code."""
        out, _ = self.process.communicate(timeout=60)
        return out, self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.close()


def ask(terminal: list[Terminal], call: str) -> Terminal:
    code = (
        "import asyncio\nfrom tui.cli.asker import *\n"
        f"async def main():\n    print('ANSWER', repr(await {call}), flush=True)\n"
        "asyncio.run(main())\n"
    )
    terminal.append(Terminal(code))
    return terminal[-1]


def test_a_secret_is_not_echoed(terminal: list[Terminal]) -> None:
    one = ask(terminal, "TerminalAsker().passphrase('Passphrase for key: ')")
    one.until("Passphrase for key: ")
    one.type("sesame\n")
    assert one.end() == ("ANSWER 'sesame'\n", 0)
    assert "sesame" not in one.shown


def test_every_prompt_of_a_second_factor_is_answered(terminal: list[Terminal]) -> None:
    one = ask(terminal, "TerminalAsker().keyboard_interactive('lab', [('Token: ', True), ('PIN: ', False)])")
    one.until("Token: ")
    one.type("123\n")
    one.until("PIN: ")
    one.type("9\n")
    assert one.end() == ("ANSWER ['123', '9']\n", 0)


@pytest.mark.parametrize(("typed", "answer"), [("yes\n", True), ("y\n", False), ("\n", False), ("\x04", False)])
def test_a_host_key_needs_a_whole_yes(terminal: list[Terminal], typed: str, answer: bool) -> None:
    one = ask(terminal, "TerminalAsker().accept_host_key('lab', 'SHA256:abc')")
    one.until("(yes/no) ")
    assert "SHA256:abc" in one.shown
    one.type(typed)
    assert one.end()[0] == f"ANSWER {answer}\n"


def test_an_approved_key_is_compared_and_never_asked(terminal: list[Terminal]) -> None:
    one = ask(
        terminal, "asyncio.gather(*(TerminalAsker('SHA256:a').accept_host_key('h', k) for k in ('SHA256:a', 'x')))"
    )
    assert one.end()[0] == "ANSWER [True, False]\n" and one.shown == ""


def test_a_command_of_the_profile_is_shown_before_it_runs(terminal: list[Terminal]) -> None:
    one = ask(terminal, "TerminalAsker().allow_command('/p/profiles.yaml', 'TOKEN', 'pass show wandb')")
    one.until("(yes/no) ")
    assert "/p/profiles.yaml takes TOKEN from a command" in one.shown and "pass show wandb" in one.shown
    one.type("yes\n")
    assert one.end()[0] == "ANSWER True\n"


def test_a_question_does_not_hold_up_an_interrupt(terminal: list[Terminal]) -> None:
    code = (
        "import asyncio, sys\nfrom tui.cli.asker import *\n"
        "try:\n    asyncio.run(ask_secret('Secret: '))\nexcept KeyboardInterrupt:\n    sys.exit(130)\n"
    )
    terminal.append(Terminal(code))
    terminal[-1].until("Secret: ")
    terminal[-1].process.send_signal(2)
    assert terminal[-1].end()[1] == 130
