"""The app as `remote.asker.Asker`: what a connection must know from a person, asked one question after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from textual.app import App, ComposeResult
from textual.widgets import Input

from tui.format import safe
from tui.screens.dialog import Confirm, Dialog


class Secrets(Dialog[list[str]]):
    """One or more answers; those that must not be seen are dotted. Title and prompts may have several lines."""

    def __init__(self, title: str, prompts: Sequence[tuple[str, bool]]) -> None:
        super().__init__()
        self._title, self._prompts = title, prompts

    def compose(self) -> ComposeResult:
        with self.box():
            head, *more = self._title.split("\n")
            yield self.text([[(safe(head), "bold")], *([(safe(line), "")] for line in more)])
            for index, (prompt, echo) in enumerate(self._prompts):
                yield self.text([[(safe(line), "")] for line in prompt.split("\n")])
                yield Input(password=not echo, id=f"answer-{index}")
            yield self.buttons("Continue")

    def on_mount(self) -> None:
        self.query("Input").first().focus()

    def submitted(self, field: Input) -> None:
        """Enter goes to the next field, from the last one it answers."""
        fields = list(self.query(Input))
        at = fields.index(field)
        if at + 1 < len(fields):
            fields[at + 1].focus()
        else:
            self.accept()

    def accept(self) -> None:
        self.dismiss([field.value for field in self.query(Input)])


class ModalAsker:
    """Answers by modal screens of `app`; None and False when the person leaves or the app ends."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._one_at_a_time = asyncio.Lock()

    async def passphrase(self, prompt: str) -> str | None:
        answers = await self._ask(Secrets("A key is locked", [(prompt, False)]))
        return answers[0] if answers else None

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        if not prompts:
            return []
        return await self._ask(Secrets(title or "The host asks", prompts))

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        question = Confirm(
            f"First contact with {safe(host)}",
            [
                [("Its key has the fingerprint", "")],
                [(safe(fingerprint), "bold")],
                [],
                [("Compare it with what the host's owner tells you (on the host: ", "dim")],
                [("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", "info"), ("). Once trusted it is", "dim")],
                [("remembered, and another key for this host will be refused.", "dim")],
            ],
            "Trust it",
            danger=False,
        )
        return bool(await self._ask(question))

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        question = Confirm(
            f"{safe(key)} comes from a command",
            [
                [(safe(profile), "info"), (" wants to run on this laptop:", "")],
                [(safe(command), "bold")],
                [],
                [("What it prints goes to the work, and into no file. Once allowed,", "dim")],
                [("this very command of this profile is not asked about again.", "dim")],
            ],
            "Run it",
            danger=True,
        )
        return bool(await self._ask(question))

    async def _ask(self, screen: Dialog[Any]) -> Any:
        """Show the screen from inside a Textual worker, whatever task we are called from."""
        async with self._one_at_a_time:
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

            async def show() -> None:
                value = None
                try:
                    value = await self._app.push_screen_wait(screen)
                finally:
                    if not answer.done():
                        answer.set_result(value)

            self._app.run_worker(show(), group="ask", exit_on_error=False)
            try:
                return await answer
            except asyncio.CancelledError:
                self._app.call_later(self._close, screen)
                raise

    def _close(self, screen: Dialog[Any]) -> None:
        """Take away a question that nobody waits for any more."""
        if self._app.screen is screen:
            screen.dismiss(None)
