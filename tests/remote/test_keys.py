"""Secrets of a worker: in its environment, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote import keys, runs
from remote.asker import Refuser, RefuserAccepting
from remote.consents import Consents
from remote.errors import ConfigError, Declined, UsageError
from remote.fleet import Fleet
from remote.keys import Keys
from remote.onhost.processes import start_ticks
from remote.places import Place
from remote.profiles import Worker, load_profile
from tests.fixtures.project import make_project
from tests.fixtures.ssh import FarHost
from tests.onhost.far import wait_for
from tests.remote.test_runs import ended
from tui.cli.asker import for_session
from wire.state import State

TELL = 'import os; print(os.environ["MY_KEY"][::-1])'
KEEPER = f"  keeper: {{branch: good, command: ['{{python}}', -c, '{TELL}'], keys: [MY_KEY]}}\n"


@pytest.fixture
async def fleet(embedded: FarHost, short_tmp: Path) -> AsyncIterator[Fleet]:
    fleet = Fleet(make_project(short_tmp / "project", embedded.host, KEEPER).profile, by="ada@laptop")
    yield fleet
    await fleet.close()


async def test_the_work_has_the_key_and_no_file_does(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "hush-4711")
    launched = await runs.launch(fleet, "keeper")
    row = await ended(fleet, "keeper", runs={"keeper": launched})
    assert row.state is State.COMPLETED and await runs.logs(fleet, "keeper") == ["1174-hsuh"]
    places = [Path(fleet.profile.hosts["local"].root), fleet.profile.folder]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    assert len(files) > 20 and not any(b"hush-4711" in path.read_bytes() for path in files)


async def test_a_key_that_is_not_there_is_told_before_anything_is_done(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    for verb in (runs.launch, runs.resume):
        with pytest.raises(UsageError, match="keeper needs MY_KEY, which is not set here") as caught:
            await verb(fleet, "keeper")
        assert "export MY_KEY=" in caught.value.hint


def test_keys_are_names_and_those_of_the_defaults_come_along(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text("project: p\ndefaults: {keys: [A]}\nworkers:\n  w: {branch: w, config: i3d, keys: [B, A]}\n")
    assert load_profile(path).workers["w"].keys == ("A", "B")
    path.write_text("project: p\nworkers:\n  w: {branch: w, config: i3d, keys: [sk-1234]}\n")
    with pytest.raises(ConfigError, match="keys"):
        load_profile(path)


class Person(Refuser):
    """Says yes, and remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def allow_command(self, profile: str, key: str, command: str) -> bool:
        self.asked.append((profile, key, command))
        return True


PROFILE = Path("/profiles.yaml")


def needing(**commands: list[str]) -> Place:
    """A worker whose secrets come from these commands."""
    argvs = {name: tuple(argv) for name, argv in commands.items()}
    return Place("w", "w", "local", Worker("w", "w", "local", "b", keys=tuple(argvs), key_commands=argvs))


async def test_a_command_runs_once_and_is_asked_about_once_for_its_content(tmp_path: Path) -> None:
    count = tmp_path / "count"
    place = needing(TOKEN=["sh", "-c", f"echo >> {count}; printf 'hush %d\\n' 4711; echo more; echo noise >&2"])
    person = Person()
    first = Keys(PROFILE, person, Consents(tmp_path))
    for _ in range(2):
        assert await first.of(place) == {"TOKEN": "hush 4711"}
    assert count.read_text() == "\n" and len(person.asked) == 1
    assert person.asked[0][:2] == (str(PROFILE), "TOKEN") and person.asked[0][2].startswith("sh -c 'echo >> ")
    file = tmp_path / "consents.jsonl"
    assert file.stat().st_mode & 0o777 == 0o600 and b"hush 4711" not in file.read_bytes()
    assert await Keys(PROFILE, Refuser(), Consents(tmp_path)).of(place) == {"TOKEN": "hush 4711"}, "another process"
    for other, profile in ((place, Path("/clone/profiles.yaml")), (needing(TOKEN=["echo", "x"]), PROFILE)):
        with pytest.raises(Declined, match="which nobody has allowed to run here yet") as caught:
            await Keys(profile, Refuser(), Consents(tmp_path)).of(other)
        assert "--yes" in caught.value.hint


async def test_an_approved_host_key_allows_no_command() -> None:
    for terminal, yes in ((False, False), (False, True), (True, True)):
        asker = for_session("SHA256:a", terminal, yes=yes)
        assert await asker.allow_command("/p/profiles.yaml", "T", "x") is yes


async def test_yes_allows_commands_and_no_host_key(tmp_path: Path) -> None:
    asker = RefuserAccepting("", commands=True)
    assert await Keys(PROFILE, asker, Consents(tmp_path)).of(needing(T=["echo", "12345678"])) == {"T": "12345678"}
    assert not await asker.accept_host_key("h", "SHA256:a")


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["no-such-program"], "cannot run `no-such-program`: No such file or directory"),
        (["sh", "-c", "echo hush-4711; echo 'is \x1b[2Jnot there' >&2; exit 3"], "failed: exit code 3: is not there"),
        (["true"], "printed no value in its first line"),
        (["sh", "-c", "echo; echo hush-4711"], "printed no value in its first line"),
    ],
)
async def test_a_command_that_gives_nothing_is_told_without_what_it_printed(
    tmp_path: Path, argv: list[str], reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        await Keys(PROFILE, Person(), Consents(tmp_path)).of(needing(T=argv))
    assert reason in caught.value.message and caught.value.hint
    assert "T: " in caught.value.message and "\x1b" not in caught.value.message
    assert "hush-4711" not in caught.value.message.replace("echo hush-4711", "")


async def test_what_it_says_of_an_error_lacks_the_value(tmp_path: Path) -> None:
    command = ["sh", "-c", "printf 'hush-%d' 4711 | tee /dev/stderr; exit 3"]
    with pytest.raises(UsageError, match=r"exit code 3: \[value hidden\]"):
        await Keys(PROFILE, Person(), Consents(tmp_path)).of(needing(T=command))


@pytest.mark.parametrize("more", ["wait", "exit"])
async def test_a_command_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    """Also children that it left behind, which hold its output."""
    monkeypatch.setattr(keys, "COMMAND_WITHIN_S", 1.0)
    command = ["sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid; {more}"]
    with pytest.raises(UsageError, match="did not end within"):
        await Keys(PROFILE, Person(), Consents(tmp_path)).of(needing(T=command))
    child = int((tmp_path / "pid").read_text())
    wait_for(lambda: start_ticks(child) is None, "the end of the child")


async def test_a_command_that_prints_for_ever_does_not_fill_the_memory() -> None:
    stream = asyncio.StreamReader()
    for _ in range(20):
        stream.feed_data(b"x" * 5000)
    stream.feed_eof()
    assert len(await keys._begin(stream)) == keys.VALUE_MAX_BYTES + 1, "enough to see that it is too long"


async def test_a_command_runs_beside_the_profile_and_a_changed_script_is_asked_about_again(tmp_path: Path) -> None:
    script, profile, person = tmp_path / "token.sh", tmp_path / "profiles.yaml", Person()
    for command in (["./token.sh"], ["sh", "token.sh"]):
        script.write_text("#!/bin/sh\necho first one\n")
        script.chmod(0o700)
        place = needing(T=command)
        for _ in range(2):
            assert await Keys(profile, person, Consents(tmp_path)).of(place) == {"T": "first one"}
        script.write_text("#!/bin/sh\necho another\n")
        with pytest.raises(Declined):
            await Keys(profile, Refuser(), Consents(tmp_path)).of(place)
    assert len(person.asked) == 2


@pytest.mark.parametrize(
    "hides", ["touch evil\\rpass show x", ": \\e]; touch evil; \\a x", "a\\nb", "\\u202e", "\\u3164", "x" * 501]
)
def test_a_command_that_a_person_could_not_see_as_it_is_is_refused(tmp_path: Path, hides: str) -> None:
    """A screen shows what follows a carriage return, and nothing of an escape sequence."""
    path = tmp_path / "profiles.yaml"
    path.write_text(f'project: p\nworkers:\n  w: {{branch: w, config: i3d, keys: [{{A: [sh, -c, "{hides}"]}}]}}\n')
    with pytest.raises(ConfigError, match="the command for A cannot be shown as it is") as caught:
        load_profile(path)
    assert caught.value.line == 3


def test_commands_of_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(
        "project: p\ndefaults: {keys: [{A: pass show 'my a'}, C]}\nworkers:\n"
        "  w: {branch: w, config: i3d, keys: [B, {C: [op, read, c]}]}\n  v: {branch: v, config: i3d, keys: [A]}\n"
    )
    workers = load_profile(path).workers
    assert workers["w"].keys == ("A", "C", "B")
    assert workers["w"].key_commands == {"A": ("pass", "show", "my a"), "C": ("op", "read", "c")}
    assert workers["v"].key_commands == {}, "a bare name is a variable again"
    path.write_text('project: p\nworkers:\n  w: {branch: w, config: i3d, keys: [{A: "pass \'x"}]}\n')
    with pytest.raises(ConfigError, match="the command for A: no closing quotation"):
        load_profile(path)
