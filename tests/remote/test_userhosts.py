"""`init user@address` writes a host where no project commits it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from remote.errors import AuthenticationFailed, ConfigError, UsageError
from remote.profile_reader import read_user_hosts
from remote.userhosts import add_host, hosts_file, parse_target
from tests.fixtures.ssh import write_key


@pytest.fixture(autouse=True)
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAJVID_CONFIG_DIR", str(tmp_path / "deep" / "config"))
    return tmp_path / "deep" / "config"


def test_a_host_is_written_private_and_read_back(tmp_path: Path) -> None:
    write_key(tmp_path / "key with space")
    path = add_host("gpu-1", "203.0.113.7", "ubuntu", 2222, str(tmp_path / "key with space"))
    assert path == hosts_file() and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    host = read_user_hosts()["gpu-1"]
    assert (host.address, host.user, host.port) == ("203.0.113.7", "ubuntu", 2222)
    assert host.identity == str(tmp_path / "key with space")


def test_other_hosts_and_comments_stay(config_dir: Path) -> None:
    config_dir.mkdir(parents=True)
    before = "# mine\nhosts:   # all\n  b:\n    address: b.example\n    user: bea\n  c: {address: c.example}  # old"
    hosts_file().write_text(before)
    add_host("a", "a.example")
    add_host("b", "b2.example")
    add_host("b", "b3.example", "bob")
    text = hosts_file().read_text()
    assert text.startswith("# mine\nhosts:   # all\n") and "# old" in text
    hosts = read_user_hosts()
    assert {name: host.address for name, host in hosts.items()} == {
        "a": "a.example",
        "b": "b3.example",
        "c": "c.example",
    }
    assert hosts["b"].user == "bob"


@pytest.mark.parametrize("name", ["true", "1", "null", "a.b+c", "été"])
def test_any_name_comes_back_as_it_went(name: str) -> None:
    add_host(name, "192.0.2.1", "no")
    assert read_user_hosts()[name].user == "no"
    add_host(name, "192.0.2.2")
    assert read_user_hosts()[name].address == "192.0.2.2"


def test_nothing_is_written_for_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        add_host("a", "192.0.2.1", identity=str(tmp_path / "absent"))
    open_key = tmp_path / "open"
    write_key(open_key)
    open_key.chmod(0o644)
    with pytest.raises(AuthenticationFailed, match="others may read") as caught:
        add_host("a", "192.0.2.1", identity=str(open_key))
    assert caught.value.hint == f"chmod 600 {open_key}"
    for bad in (("-a", "192.0.2.1", ""), ("a", "-oX", ""), ("a", "x", "$(id)"), ("a b", "x", "")):
        with pytest.raises(UsageError):
            add_host(*bad)
    with pytest.raises(UsageError, match="99999 is not a port"):
        add_host("a", "192.0.2.1", port=99999)
    with pytest.raises(UsageError, match="no screen shows"):
        add_host("a", "192.0.2.1", identity=f"{tmp_path}/a\x07b")
    assert not hosts_file().exists()


def test_a_file_that_is_broken_or_of_another_style_is_left_alone(config_dir: Path) -> None:
    config_dir.mkdir(parents=True)
    for text in ("hosts: [", "hosts: {a: {address: x}}\n"):
        hosts_file().write_text(text)
        with pytest.raises(ConfigError):
            add_host("b", "192.0.2.1")
        assert hosts_file().read_text() == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ubuntu@203.0.113.7", ("ubuntu", "203.0.113.7", 0)),
        ("203.0.113.7:2222", ("", "203.0.113.7", 2222)),
        ("a@[2001:db8::1]:22", ("a", "2001:db8::1", 22)),
        ("2001:db8::1", ("", "2001:db8::1", 0)),
        ("lab", ("", "lab", 0)),
    ],
)
def test_targets(text: str, expected: tuple[str, str, int]) -> None:
    assert parse_target(text) == expected


@pytest.mark.parametrize("text", ["", "a@", "a@b:99999", "a@b:x"])
def test_no_targets(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)
