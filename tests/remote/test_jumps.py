"""ProxyJump: every host on the way is dialled as the host itself is, asked about once, and named when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import asyncssh
import pytest

from remote import jumps
from remote.asker import Refuser
from remote.connection import Connection
from remote.errors import AuthenticationFailed, ConfigError, HostKeyChanged, HostKeyUnknown, RemoteError, UsageError
from remote.hostkeys import KnownHosts, fingerprint
from remote.profiles import Host
from remote.snapshot import Link
from tests.fixtures.gates import Gate, opened
from tests.fixtures.ssh import free_port, write_key


class Person:
    """Knows the code and the passphrase, and trusts every new key."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def passphrase(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        return "open sesame"

    async def keyboard_interactive(self, title: str, prompts: Sequence[tuple[str, bool]]) -> Sequence[str] | None:
        self.asked.append(f"{title}: {prompts[0][0]}")
        return ["123456"]

    async def accept_host_key(self, host: str, fingerprint: str) -> bool:
        self.asked.append(f"key of {host}")
        return True


@pytest.fixture
async def way(home: Path) -> AsyncIterator[dict[str, Gate]]:
    """outer (a code) -> inner (a key with a passphrase) -> box (an open key); box2 lies beside box."""
    locked = write_key(home / ".ssh" / "id_inner", "open sesame").convert_to_public()
    key = write_key(home / ".ssh" / "id_box").convert_to_public()
    gates = {"outer": Gate(code="123456"), "inner": Gate([locked]), "box": Gate([key]), "box2": Gate([key])}
    async with AsyncExitStack() as stack:
        for gate in gates.values():
            await stack.enter_async_context(opened(gate))
        configure(home, gates)
        yield gates


def configure(home: Path, gates: dict[str, Gate], extra: str = "") -> None:
    hops = {"box": "outer,inner", "box2": "outer,inner"}
    text = extra
    for name, gate in gates.items():
        jump, key = hops.get(name, "none"), "id_inner" if name == "inner" else "id_box"
        text += f"Host {name}\n HostName 127.0.0.1\n Port {gate.port}\n User {name}er\n"
        text += f" ProxyJump {jump}  # the way\n IdentityFile ~/.ssh/{key}\n"
    (home / ".ssh" / "config").write_text(text)
    (home / ".ssh" / "config").chmod(0o600)


def on_record(gates: dict[str, Gate]) -> None:
    for gate in gates.values():
        gate.on_record()


async def failure(name: str, asker: object = None) -> RemoteError:
    connection = Connection(Host(name, alias=name), asker=asker or Person())  # type: ignore[arg-type]
    with pytest.raises(RemoteError) as caught:
        await connection.ssh()
    await connection.close()
    return caught.value


async def test_two_hosts_behind_two_others_ask_for_everything_once(way: dict[str, Gate]) -> None:
    person = Person()
    connections = [Connection(Host(name, alias=name), asker=person) for name in ("box", "box2")]
    await asyncio.gather(*[connection.ssh() for connection in connections])
    assert [(await connection.run("who")).stdout for connection in connections] == [b"who", b"who"]
    assert {name: gate.logins for name, gate in way.items()} == {"outer": 1, "inner": 1, "box": 1, "box2": 1}
    assert sorted(text.split(" (")[0] for text in person.asked if text.startswith("key of")) == [
        f"key of {name}" for name in ("box", "box2", "inner", "outer")
    ]
    assert (
        sum("Code:" in text for text in person.asked) == 1 and sum("Passphrase" in text for text in person.asked) == 1
    )
    again = Connection(Host("box", alias="box"), asker=Refuser())
    assert (await again.run("on record")).stdout == b"on record", "the way is open, all keys are on record"
    for connection in (*connections, again):
        await connection.close()
    assert not way["outer"].links[-1].is_closed(), "it waits for whoever comes next"


async def test_a_lost_way_is_a_lost_host_and_is_found_anew(way: dict[str, Gate]) -> None:
    on_record(way)
    connection = Connection(Host("box", alias="box"), asker=Person())
    await connection.ssh()
    await way["outer"].vanish()
    await asyncio.wait_for(connection.lost(), 60)
    assert connection.status.link is Link.OFFLINE
    assert (await connection.run("back")).stdout == b"back" and way["outer"].logins == 2
    await connection.close()


@pytest.mark.slow
async def test_an_unused_way_ends_after_a_while(way: dict[str, Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jumps, "LINGER_S", 0.01)
    on_record(way)
    connection = Connection(Host("box", alias="box"), asker=Person())
    await connection.ssh()
    await connection.close()
    async with asyncio.timeout(60):
        await way["inner"].links[0].wait_closed()
        await way["outer"].links[0].wait_closed()


def test_the_way_ends_with_the_event_loop(home: Path, recwarn: pytest.WarningsRecorder) -> None:
    async def session() -> None:
        key = write_key(home / ".ssh" / "id_box").convert_to_public()
        async with opened(Gate([key])) as outer, opened(Gate([key])) as inner, opened(Gate([key])) as box:
            gates = {"outer": outer, "inner": inner, "box": box}
            configure(home, gates)
            (home / ".ssh" / "id_inner").write_bytes((home / ".ssh" / "id_box").read_bytes())
            (home / ".ssh" / "id_inner").chmod(0o600)
            on_record(gates)
            connection = Connection(Host("box", alias="box"))
            assert (await connection.run("in")).stdout == b"in"
            await connection.close()
            outer.links, inner.links, left[:] = [], [], [*outer.links, *inner.links]

    left: list[asyncssh.SSHServerConnection] = []
    problems: list[dict[str, object]] = []
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: problems.append(context))
        runner.run(session())
        assert not any(link.is_closed() for link in left)
    assert problems == [] and all(link.is_closed() for link in left) and [str(one.message) for one in recwarn] == []


async def test_the_host_on_the_way_that_is_down_is_named(way: dict[str, Gate], home: Path) -> None:
    on_record(way)
    port = free_port()
    configure(home, way, f"Host outer\n Port {port}\n")
    error = await failure("box")
    assert error.code == "jump_down" and error.exit_code == 3
    assert str(error) == f"box: hop 1 of 2, outer (outerer@127.0.0.1:{port}) refused the connection"
    configure(home, way, f"Host inner\n Port {port}\n")
    error = await failure("box")
    assert error.code == "jump_down" and "box: hop 2 of 2, inner (" in str(error)
    assert f"cannot be reached from outer (outerer@127.0.0.1:{way['outer'].port})" in str(error)
    configure(home, way, f"Host box\n Port {port}\n")
    error = await failure("box")
    assert error.code == "unreachable" and str(error).startswith(f"box (boxer@127.0.0.1:{port}) cannot be reached from")
    configure(home, way, "Host outer\n HostName no-such-host.invalid\n")
    assert "outer: no machine is named 'no-such-host.invalid'" in str(await failure("box"))


async def test_a_host_that_lets_nobody_through_says_so(way: dict[str, Gate]) -> None:
    on_record(way)
    way["inner"].lets_through = lambda host, port: asyncssh.ChannelOpenError(
        asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "no\x1b[2J way"
    )
    error = await failure("box")
    assert "no way" in str(error) and "inner" in error.hint and "AllowTcpForwarding" in error.hint

    def fall(host: str, port: int) -> bool:
        way["outer"].links[-1].abort()
        return False

    way["inner"].lets_through = fall
    error = await failure("box")
    assert error.code == "jump_down" and "inner" in str(error) and "was lost meanwhile" in str(error)


async def test_what_a_host_on_the_way_refuses_is_told_of_it(way: dict[str, Gate]) -> None:
    way["outer"].on_record()
    error = await failure("box", Refuser())
    assert isinstance(error, AuthenticationFailed) and "box: hop 1 of 2, outer (" in str(error)
    assert way["outer"].logins == 0 and way["inner"].links == []
    way["outer"].code, way["outer"].keys = "", way["box"].keys
    error = await failure("box", Refuser())
    assert isinstance(error, HostKeyUnknown) and "box: hop 2 of 2, inner (" in str(error)
    assert error.fingerprint == fingerprint(way["inner"].host_key)
    other = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
    KnownHosts.default().add("127.0.0.1", way["inner"].port, other)
    error = await failure("box", Person())
    assert isinstance(error, HostKeyChanged) and "hop 2 of 2, inner" in str(error)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Host a\n ProxyJump b\nHost b\n ProxyJump a\n", "goes round: b -> a -> b|goes round: a -> b -> a"),
        ("Host a\n ProxyJump b,c,b\n", "goes round"),
        ("Host a\n ProxyJump 1,2,3,4,5,6,7,8,9\n", "over 8 hosts"),
        ("Host a\n ProxyJump -oProxyCommand=id\n", "starts with '-'"),
        ("Host a\n ProxyJump x@y$(id)\n", "contains"),
        ("Host a\n ProxyJump u;v@y\n", "contains"),
        ("Host a\n ProxyJump b:x\n", "no \\[user@\\]host"),
        ("Host a\n HostName -x\n", "starts with '-'"),
    ],
)
async def test_ways_that_lead_nowhere_are_refused(home: Path, text: str, why: str) -> None:
    (home / ".ssh" / "config").write_text(text)
    connection = Connection(Host("a", alias="a"))
    with pytest.raises(UsageError, match=why) as caught:
        await connection.ssh()
    assert not isinstance(caught.value, ConfigError) or caught.value.line == (4 if "Host b" in text else 2)


async def test_a_host_does_not_jump_over_itself(way: dict[str, Gate], home: Path) -> None:
    """`Host * / ProxyJump gate` also names the gate; ssh(1) starts itself without end there."""
    on_record(way)
    port = way["outer"].port
    text = f"Host outer\n HostName 127.0.0.1\n Port {port}\nHost *\n ProxyJump outer\n User u\n"
    (home / ".ssh" / "config").write_text(text)
    connection = Connection(Host("outer", alias="outer"), asker=Person())
    await connection.ssh()
    host = Host("in", address="127.0.0.1", port=way["box"].port, identity=str(home / ".ssh" / "id_box"))
    behind = Connection(host, asker=Person())
    assert (await behind.run("hi")).stdout == b"hi" and way["outer"].logins == 2
    await connection.close()
    await behind.close()
