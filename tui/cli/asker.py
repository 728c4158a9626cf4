"""Questions on the terminal: passphrase, second factor, host key. Only where a person is; one question at a time."""

from __future__ import annotations

import asyncio
import getpass
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from remote.asker import Asker, Refuser, RefuserAccepting


def for_session(accepted_key: str, terminal: bool, yes: bool = False) -> Asker:
    """Who answers: the person at the terminal, or nobody; `accepted_key` is accepted in both cases.

    `yes` allows the commands that a profile names for secrets, and nothing of what hosts ask.
    """
    if terminal:
        return TerminalAsker(accepted_key, commands=yes)
    return RefuserAccepting(accepted_key, commands=yes) if accepted_key or yes else Refuser()


class TerminalAsker:
    """Asks on the terminal. All text given to it is cleaned already."""

    def __init__(self, accepted_key: str = "", *, commands: bool = False) -> None:
        self._accepted_key, self._commands = accepted_key, commands
        self._one_at_a_time = asyncio.Lock()

    async def passphrase(self, prompt: str) -> str | None:
        async with self._one_at_a_time:
            return await ask_secret(f"{prompt.rstrip(': ')}: ")

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        async with self._one_at_a_time:
            if title:
                print(title, file=sys.stderr, flush=True)
            answers: list[str] = []
            for text, echo in prompts:
                answer = await (ask_line(text) if echo else ask_secret(text))
                if answer is None:
                    return None
                answers.append(answer)
            return answers

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        if self._accepted_key:
            return fingerprint == self._accepted_key
        async with self._one_at_a_time:
            print(f"{host} is seen for the first time. Its key is {fingerprint}", file=sys.stderr)
            answer = await ask_line("Compare it with what its owner or its console says. Trust it? (yes/no) ")
            return (answer or "").strip().lower() == "yes"

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        if self._commands:
            return True
        async with self._one_at_a_time:
            print(f"{profile} takes {key} from a command, which would run here:\n  {command}", file=sys.stderr)
            answer = await ask_line("Run it, now and at later launches? (yes/no) ")
            return (answer or "").strip().lower() == "yes"


async def ask_line(prompt: str) -> str | None:
    """One line from the terminal, None at its end."""

    def read() -> str | None:
        print(prompt, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None

    return await _in_daemon_thread(read)


async def ask_secret(prompt: str) -> str | None:
    """One line without echo, None at the end of input. The terminal's echo comes back even after Ctrl-C."""
    import termios

    before = termios.tcgetattr(sys.stdin.fileno())

    def read() -> str | None:
        try:
            return getpass.getpass(prompt, sys.stderr)
        except EOFError:
            return None

    try:
        return await _in_daemon_thread(read)
    finally:
        with suppress(termios.error):
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, before)


async def _in_daemon_thread(read: Callable[[], str | None]) -> str | None:
    """Wait for a blocking read that nobody can cancel, in a thread that does not hold up the end of the program."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def tell(line: str | None) -> None:
        if not answer.done():
            answer.set_result(line)

    def work() -> None:
        try:
            line = read()
        except OSError:
            line = None
        with suppress(RuntimeError):  # the loop may be gone by now
            loop.call_soon_threadsafe(tell, line)

    threading.Thread(target=work, daemon=True).start()
    return await answer
