"""Questions of a connection become screens, from whatever task they are asked, and every way out is an answer."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from remote.connection import Connection
from remote.errors import HostKeyUnknown
from tests.fixtures.ssh import Sshd
from tests.tui.desk import desk
from tests.tui.screen_text import plain
from tests.tui.worlds import default_world
from tui.app import TrajvidApp


async def test_a_passphrase_is_dotted_and_answered_by_enter() -> None:
    async with desk(default_world()) as (app, pilot, _):
        asked = asyncio.create_task(app.asker.passphrase("passphrase for id_ed25519"))
        await until_shown(app, pilot, "passphrase for id_ed25519")
        await pilot.press(*"s3cret")
        assert "passphrase for id_ed25519" in plain(app)
        assert "s3cret" not in plain(app)
        await pilot.press("enter")
        assert await asked == "s3cret"


async def test_escape_gives_up() -> None:
    async with desk(default_world()) as (app, pilot, _):
        asked = asyncio.create_task(app.asker.passphrase("passphrase"))
        await until_shown(app, pilot, "passphrase")
        await pilot.press("escape")
        assert await asked is None


async def test_every_prompt_of_a_second_factor_has_its_answer() -> None:
    async with desk(default_world()) as (app, pilot, _):
        prompts = [("Password: ", False), ("Code: ", True)]
        asked = asyncio.create_task(app.asker.keyboard_interactive("gpu-1", prompts))
        await until_shown(app, pilot, "Password")
        await pilot.press(*"pw", "enter", *"123456")
        assert "123456" in plain(app) and "pw" not in plain(app).split("Password")[1].split("Code")[0]
        await pilot.press("enter")
        assert list(await asked or []) == ["pw", "123456"]


async def test_a_menu_of_second_factors_keeps_its_lines() -> None:
    async with desk(default_world(), (80, 24)) as (app, pilot, _):
        title = "gpu-1\nDuo login for ada"
        menu = [("Choose:\n 1. Duo Push\n 2. \x1b[2JPhone call\n\nOption (1-2): ", True)]
        asked = asyncio.create_task(app.asker.keyboard_interactive(title, menu))
        await until_shown(app, pilot, "Option (1-2):")
        shown = [line.split("┃")[1].strip() for line in plain(app).split("\n") if line.count("┃") == 2]
        start = shown.index("gpu-1")
        lines = [line for line in shown[start:] if line][:6]
        assert lines == ["gpu-1", "Duo login for ada", "Choose:", "1. Duo Push", "2. Phone call", "Option (1-2):"]
        await pilot.press("1", "enter")
        assert list(await asked or []) == ["1"]


async def test_two_questions_wait_for_each_other() -> None:
    async with desk(default_world()) as (app, pilot, _):
        first = asyncio.create_task(app.asker.accept_host_key("one", "SHA256:aaa"))
        second = asyncio.create_task(app.asker.accept_host_key("two", "SHA256:bbb"))
        await until_shown(app, pilot, "SHA256:aaa")
        assert "SHA256:aaa" in plain(app) and "SHA256:bbb" not in plain(app)
        await pilot.press("enter")
        assert await first is False, "Cancel is focused"
        await until_shown(app, pilot, "SHA256:bbb")
        await pilot.press("right", "enter")
        assert await second is True


async def test_a_command_of_the_profile_is_shown_before_it_runs() -> None:
    async with desk(default_world()) as (app, pilot, _):
        asked = asyncio.create_task(app.asker.allow_command("/p/profiles.yaml", "TOKEN", "pass show [/x]"))
        await until_shown(app, pilot, "TOKEN")
        assert "/p/profiles.yaml wants to run on this laptop:" in plain(app) and "pass show [/x]" in plain(app)
        await pilot.press("right", "enter")
        assert await asked is True


async def test_a_cancelled_question_leaves_the_screen() -> None:
    async with desk(default_world()) as (app, pilot, _):
        asked = asyncio.create_task(app.asker.accept_host_key("one", "SHA256:aaa"))
        await until_shown(app, pilot, "SHA256:aaa")
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        await pilot.pause(0.1)
        assert "SHA256:aaa" not in plain(app)


async def test_quitting_answers_no() -> None:
    async with desk(default_world()) as (app, pilot, _):
        asked = asyncio.create_task(app.asker.accept_host_key("one", "SHA256:aaa"))
        await until_shown(app, pilot, "SHA256:aaa")
        app.exit()
    assert await asyncio.wait_for(asked, 10) is False


@pytest.mark.hosts
async def test_a_real_server_is_trusted_on_its_fingerprint(sshd: Sshd) -> None:
    async with desk(default_world()) as (app, pilot, _):
        connection = Connection(sshd.host, asker=app.asker)
        try:
            refused = asyncio.create_task(connection.ssh())
            await until_shown(app, pilot, "First contact")
            await pilot.press("escape")
            with pytest.raises(HostKeyUnknown):
                await refused
            trusted = asyncio.create_task(connection.ssh())
            await until_shown(app, pilot, "First contact")
            assert "SHA256:" in plain(app)
            await pilot.press("right", "enter")
            await asyncio.wait_for(trusted, 30)
            assert (await connection.run("echo hello")).stdout == b"hello\n"
        finally:
            await connection.close()


async def until_shown(app: TrajvidApp, pilot: Pilot[int], text: str) -> None:
    """Wait for a question."""
    while text not in plain(app):
        await pilot.pause(0.02)
