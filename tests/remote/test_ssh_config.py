"""~/.ssh/config as ssh would take it: what cannot be obeyed is named, and ends no dial of another host."""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote import ssh_laptop
from remote.errors import ConfigError, Unreachable, UsageError
from remote.profiles import Host
from remote.resolve import resolve
from remote.ssh_checks import config_warnings
from remote.ssh_config import Config, read
from remote.ssh_config_file import MAX_BYTES, others_may_write, split_words
from remote.ssh_hosts import ssh_hosts
from remote.ssh_match import Facts
from remote.target import Jump
from tests.fixtures.ssh import write_key


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config"


def written(path: Path, text: str, name: str = "box", **options: object) -> Config:
    path.write_text(text)
    path.chmod(0o600)
    return read(name, path=path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words", "closed"),
    [
        ("22 # the usual", ("22",), True),
        ("a#b #c", ("a#b",), True),
        ("'a b' \"c d\"e", ("a b", "c de"), True),
        (r"a\ b \"c\" d\\e \x", ("a b", '"c"', r"d\e", r"\x"), True),
        ('""', ("",), True),
        (r"""\\ "a\ b" 'c"d' """, ("\\", r"a\ b", 'c"d'), True),
        ('a "b', ("a",), False),
        ("# nothing", (), True),
    ],
)
def test_arguments_are_split_as_openssh_does(text: str, words: tuple[str, ...], closed: bool) -> None:
    assert split_words(text) == (words, closed)


def test_comments_behind_a_value_are_none_of_it(config: Path) -> None:
    found = written(config, 'Host box # mine\n "Port" 2222 # not 22\n User="ada" # me\n SetEnv A="x y"\n')
    assert found.text == "port 2222\nuser ada\nsetenv 'A=x y'\n" and found.warnings == ()


def test_a_match_that_is_not_understood_ends_no_dial_and_is_named(config: Path) -> None:
    text = (
        "Match command rsync* host other\n User wrong\n"
        "Match command rsync*\n User eve\n"
        "Match sessiontype exec tagged x\n User late\n"
        "Host box\n Port 2\n"
    )
    found = written(config, text)
    assert found.text == "port 2\n"
    [warning] = found.warnings
    assert (warning.file, warning.line, warning.keyword) == (str(config), 3, "Match")
    assert "`command`" in str(warning) and str(warning).startswith(f"{config}:3: Match")


def test_unknown_keywords_are_named_where_they_count(config: Path) -> None:
    text = (
        "Host other\n Prot 1\n StrictHostKeyChecking no\nHost box\n Prot 22\n ControlMaster auto\n IgnoreUnknown Fut*\n"
        " Future 1\n StrictHostKeyChecking Accept-New\n UserKnownHostsFile /dev/null\n UseKeychain yes\n @!x\n"
    )
    found = written(config, text)
    assert [(one.line, one.keyword) for one in found.warnings] == [
        (5, "Prot"),
        (9, "StrictHostKeyChecking"),
        (10, "UserKnownHostsFile"),
        (12, "@!x"),
    ]
    assert found.text == ""


def test_the_first_value_counts_and_includes_end_with_their_file(tmp_path: Path, config: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.conf").write_text("User ada\nHost other\n Port 1\n")
    (tmp_path / "more" / "b.conf").write_text("IdentityFile ~/b\n")
    text = "Host box\n Include more/*.conf none.conf\n Port 2\n Port many\n User eve\n IdentityFile ~/c\n"
    assert written(config, text).text == "user ada\nidentityfile '~/b'\nport 2\nidentityfile '~/c'\n"
    assert written(config, text, "other").text == "", "an include of another host's block counts for that host alone"


def test_conditions_are_judged_by_what_stands_above(config: Path) -> None:
    text = (
        "Host box\n HostName %h.lab\n Tag fast\n"
        "Match host *.LAB,!no.lab user ada\n Port 1\n"
        "Match originalhost box !tagged fast\n Port 2\n"
        'Match tagged fast exec "test %h:%n:%r = box.lab:box:ada"\n IdentityFile ~/yes\n'
        "Match exec false\n IdentityFile ~/no\n"
        "Host b?x !box\n IdentityFile ~/not\n"
        "Match final host box.lab\n IdentityFile ~/last\n"
        "Host *.lab\n IdentityFile ~/lab\n"
    )
    found = written(config, text, user="ada")
    assert [line.words[0] for line in found.lines if line.keyword == "identityfile"] == ["~/yes", "~/last", "~/lab"]
    assert found.first("port").words == ("1",)  # type: ignore[union-attr]
    other = written(config, text, user="eve")
    assert other.first("port") is None


def test_a_name_in_capitals_and_the_last_pass_are_taken_as_ssh_does(config: Path) -> None:
    """`originalhost` knows no capitals, `Host` does but on the last pass, and `!final` asks for that pass too."""
    text = "Match originalhost BOX !final\n User ada\nHost box\n Port 7\nMatch final exec 'test %h = box'\n Tag last\n"
    assert [line.words[0] for line in written(config, text, "Box").lines] == ["ada", "7", "last"]


def test_what_the_profile_says_comes_first_and_of_two_passes_each_warning_once(config: Path) -> None:
    text = "User eve\nPort 1\nHostName Box.Lab\nMatch user ada exec 'test %p = 2'\n Tag x\n"
    text += f"Match host box.lab localuser ada\n Tag y\nMatch final localuser {getpass.getuser()}\n SendEnv Z\n"
    text += " HostName late\nMatch all\n Foo 1\n"
    found = written(config, text, user="ada", port=2)
    assert [line.words[0] for line in found.lines] == ["eve", "1", "Box.Lab", "x", "Z"]
    assert len(found.warnings) == 1
    late = written(config, "Match final\n HostName late\n")
    assert late.lines == (), "on the last pass the name of the host stands"


def test_a_laptop_that_does_not_know_who_is_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def getuser() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", getuser)
    with pytest.raises(UsageError, match="has no name here") as caught:
        read("box")
    assert "USER" in caught.value.hint


def test_every_token_of_a_command_is_filled_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "lap.top")
    facts = Facts("box", hostname="box.lab", local_user="me")
    text = "%% %d %h %i %L %l %n %p %r %u %z"
    assert facts.expanded(text) == f"% {home} box.lab {os.getuid()} lap lap.top box 22 me me %z"
    assert Facts("box", "ada", 7, local_user="me").expanded("%h %p %r %u") == "box 7 ada me"


def test_a_config_may_be_a_link_and_sixteen_files_deep(tmp_path: Path, config: Path) -> None:
    for number in range(16):
        (tmp_path / f"c{number}").write_text(f"Include c{number + 1}\n")
    (tmp_path / "c16").write_text("Port 16\n")
    config.symlink_to("c0")
    assert read("box", path=config).text == "port 16\n"


def test_an_include_takes_what_a_shell_would_and_a_windows_editor_writes(tmp_path: Path, config: Path) -> None:
    (tmp_path / "more" / "deep").mkdir(parents=True)
    for name, port in ((".a.conf.swp", 1), ("b.conf", 2), ("deep/c.conf", 3)):
        (tmp_path / "more" / name).write_text(f"SendEnv N{port}\n", encoding="utf-8-sig")
    (tmp_path / "more" / "gone").symlink_to("nowhere")
    text = "\ufeffHost box\r\n\tPort = 4\r\nInclude more/* **/c.conf */deep/c* no\0thing ~nobody-there/x\r\n"
    assert written(config, text).text == "port 4\nsendenv N2\nsendenv N3\n"
    assert written(config, text, "other").lines == ()


def test_a_file_that_cannot_be_a_configuration_is_named(config: Path) -> None:
    with pytest.raises(ConfigError, match=f"{config}: cannot be read: File too large"):
        written(config, "# long\n" * (MAX_BYTES // 7 + 1))
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read("box", path=config.parent)


def test_the_systems_file_counts_after_the_persons_own(home: Path) -> None:
    """As Fedora has it: a policy for all hosts in the last pass, with algorithms that not every library knows."""
    (home / "policy.config").write_text("KexAlgorithms mlkem768x25519-sha256,curve25519-sha256\nPort 2222\nFoo 1\n")
    (home / "ssh_config").write_text(
        "Include sys*.conf\nHost *\n User everybody\n HashKnownHosts yes\n"
        "Match final all\n Include policy.config\nHost gate\n HostName gate.lab\n"
    )
    (home / "system.conf").write_text("SendEnv LANG\n")
    for path in home.glob("*"):
        path.chmod(0o666)  # as ssh, we take it as it is
    written(home / ".ssh" / "config", "Host box\n User ada\n")
    found = read("box")
    assert [(line.keyword, line.words[0]) for line in found.lines] == [
        ("user", "ada"),
        ("sendenv", "LANG"),
        ("kexalgorithms", "mlkem768x25519-sha256,curve25519-sha256"),
        ("port", "2222"),
    ]
    assert [str(one) for one in found.warnings] == [
        f"{home}/policy.config:3: Foo is no keyword that is known here: it has no effect"
    ]
    assert read("other").first("user").words == ("everybody",)  # type: ignore[union-attr]
    assert [(host.alias, host.place) for host in ssh_hosts()] == [
        ("box", f"{home}/.ssh/config:1"),
        ("gate", f"{home}/ssh_config:7"),
    ]
    assert read("box", path=home / ".ssh" / "config").text == "user ada\n", "as with ssh -F"


def test_a_system_without_a_file_or_with_one_that_is_not_ours_to_read(home: Path, monkeypatch: Any) -> None:
    assert read("box") == Config()
    (home / "ssh_config").write_text("Port 1\n")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert read("box") == Config()


@pytest.fixture
def laptop(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the programs of the laptop say."""
    said = {
        "ip": "1: lo inet 127.0.0.1/8 scope host lo\n2: eth0 inet 10.1.2.3/24\n2: eth0 inet6 fe80::1/64\n",
        "ssh": "OpenSSH_10.0p2 Debian-7, OpenSSL 3.5.1 1 Jul 2025\n",
    }  # fmt: skip
    monkeypatch.setattr("remote.ssh_laptop._said", lambda name, *arguments: said.get(name, ""))
    return said


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("localnetwork 10.0.0.0/8,192.168.0.0/16", True),
        ("localnetwork=fe80::/10", True),
        ("localnetwork 10.2.0.0/16", False),
        ("!localnetwork 10.2.0.0/16", True),
        ("version OpenSSH_10.*", True),
        ('version "OpenSSH_1?.*Debian*,!*Ubuntu*"', True),
        ("version OpenSSH_9.*", False),
        ("version OpenSSH_10.0p2?Debian-7", True),
        ("sessiontype exec", True),
        ("sessiontype shell,none", False),
        ('command ""', False),
        ("command *", True),
        ('tagged ""', True),
        ("tagged fast", False),
        ("tagged *", False),
        ("HOST box", True),
        ("host b?x", True),
        ("host b?", False),
        (f"user {getpass.getuser()} LocalUser {getpass.getuser()}", True),
        ("canonical", False),
        ("!final", True),
    ],
)
def test_conditions_about_the_laptop_and_the_session(
    config: Path, laptop: dict[str, str], condition: str, holds: bool
) -> None:
    found = written(config, f"Match {condition}\n Port 1\n")
    assert (found.first("port") is not None) is holds and found.warnings == ()


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("localnetwork 10.0.0.0/8", "on a laptop without `ip`"),
        ("localnetwork here", "'here' does not appear to be"),
        ("localnetwork 10.1.2.3/8", "has host bits set"),
        ("version *", "on a laptop without ssh"),
        ("command rsync*", "`command`"),
        ("moon full", "`moon`"),
        ("user", "without a value"),
        ("", "without a condition"),
        ("\x1b[2Jmoon full", "Match `moon`"),
    ],
)
def test_what_cannot_be_judged_is_named(config: Path, laptop: dict[str, str], condition: str, why: str) -> None:
    laptop.clear()
    found = written(config, f"Match {condition}\n Port 1\n")
    assert found.lines == () and why in str(found.warnings[0]) and "no effect" in str(found.warnings[0])
    assert str(found.warnings[0]).isprintable()


@pytest.mark.parametrize(
    ("shell", "command", "why"),
    [
        ("/bin/sh", "sleep 9", "`exec`, which took over 0.05 s,"),
        ("/bin/none", "true", "No such file"),
        ("/bin/sh", "\0", "null"),
    ],
)
def test_a_program_that_cannot_judge_is_named(
    config: Path, monkeypatch: pytest.MonkeyPatch, shell: str, command: str, why: str
) -> None:
    monkeypatch.setenv("SHELL", shell)
    monkeypatch.setattr("remote.ssh_match.EXEC_TIMEOUT_S", 0.05)
    [warning] = written(config, f'Match exec "{command}"\n Port 1\nMatch all\n Port 2\n').warnings
    assert why in str(warning) and "its block has no effect" in str(warning)


def test_a_program_of_the_laptop_that_fails_or_hangs_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ssh_laptop._said("sh", "-c", "echo inet 10.1.1.1") and not ssh_laptop._said("sh", "-c", "echo x; exit 1")
    monkeypatch.setattr(ssh_laptop, "ASK_TIMEOUT_S", 0.05)
    assert ssh_laptop._said("sleep", "9") == "" and ssh_laptop._said("no-such-program") == ""


def test_macos_and_this_very_laptop_tell_their_addresses(laptop: dict[str, str], monkeypatch: Any) -> None:
    laptop.clear()
    laptop["ifconfig"] = (
        "lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384\n\tinet 127.0.0.1 netmask 0xff000000\n"
        "en0: flags=8863<UP,BROADCAST> mtu 1500\n\tinet6 fe80::cc:1%en0 prefixlen 64 secured scopeid 0xb\n"
        "\tinet 192.168.1.7 netmask 0xffffff00 broadcast 192.168.1.255\n"
    )
    assert [str(one) for one in ssh_laptop.own_addresses()] == ["127.0.0.1", "fe80::cc:1", "192.168.1.7"]
    monkeypatch.undo()
    assert ssh_laptop.in_networks("127.0.0.0/8") is not False


KNOWN = {"box.lab.example.": "N7.Cloud.Example.", "box.x.lab.example.": "", "full.name.example.": ""}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that knows `KNOWN`, and what each stands for."""

    def asked(name: str, _port: object, **options: int) -> list[tuple[object, ...]]:
        if name not in KNOWN:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, KNOWN[name] or name.rstrip("."), ("203.0.113.7", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", asked)


@pytest.mark.parametrize(
    ("more", "name", "full"),
    [
        ("", "box", "box.lab.example"),
        ("HostName box.lab\n CanonicalizeMaxDots 0", "box", "box.lab"),
        ("", "BOX", "box.lab.example"),
        ("HostName box", "short", "box.lab.example"),
        ("", "full.name.example.", "full.name.example"),
        ("", "nowhere", "nowhere"),
        ("", "box.x", "box.x.lab.example"),
        ("CanonicalizeFallbackLocal no", "::1", "::1"),
        ("CanonicalizePermittedCNAMEs none", "box", "box.lab.example"),
        ("CanonicalizePermittedCNAMEs *.other.example:*.cloud.example", "box", "box.lab.example"),
        ("", "203.0.113.7", "203.0.113.7"),
        ("CanonicalizePermittedCNAMEs *.lab.example:*.cloud.example", "box", "n7.cloud.example"),
        ("CanonicalizePermittedCNAMEs *.lab.example:*.other.example", "box", "box.lab.example"),
        ("ProxyJump gate", "box", "box"),
        ("ProxyJump none", "box", "box.lab.example"),
    ],
)
def test_names_are_made_full(config: Path, names: None, more: str, name: str, full: str) -> None:
    text = f"CanonicalizeHostname yes\nCanonicalDomains other.example lab.example\n{more}\n"
    text += "Match canonical host *.example\n Port 7\nHost *.lab.example\n User ada\n"
    found = written(config, text, name)
    assert found.first("hostname").words == (full,)  # type: ignore[union-attr]
    assert (found.first("port") is not None) is full.endswith(".example")
    assert (found.first("user") is not None) is full.endswith(".lab.example")


async def test_the_full_name_is_dialled_and_its_key_is_on_record(home: Path, names: None) -> None:
    text = "CanonicalizeHostname yes\nCanonicalDomains lab.example\nKexAlgorithms mlkem9000,ecdh*\n"
    (home / "ssh_config").write_text(text)
    target = await resolve(Host("b", alias="box"))
    assert (target.address, target.record_name) == ("box.lab.example", "box.lab.example")


async def test_an_address_with_a_zone_is_no_token(home: Path) -> None:
    (home / ".ssh" / "config").write_text("CanonicalizeHostname yes\n")
    assert (await resolve(Host("b", alias="fe80::1%eth0"))).address == "fe80::1%eth0"


@pytest.mark.parametrize(
    ("text", "jumps", "command"),
    [
        ("ProxyJump none\nProxyCommand nc %h %p\n", [], "nc gpu.lab 22"),
        ("ProxyJump none\nProxyJump gate\n", [], ""),
        ("ProxyCommand none\nProxyJump gate\n", [], ""),
        ('ProxyCommand echo "%h\n', [], 'echo "gpu.lab'),
        ("ProxyJump gate\nProxyCommand nc\n", [Jump("gate")], ""),
        ("ProxyCommand nc %n '%r' %% # x\nProxyJump gate\n", [], "nc box 'ada' % # x"),
        ("ProxyJump = %r@%n-gate:7,ssh://[::1]:8\n", [Jump("box-gate", "ada", 7), Jump("::1", "", 8)], ""),
    ],
)
async def test_the_way_to_a_host_is_the_one_that_ssh_would_go(
    home: Path, text: str, jumps: list[Jump], command: str
) -> None:
    (home / ".ssh" / "config").write_text(f"HostName GPU.Lab\nUser ada\nHostKeyAlias Key\n{text}")
    target = await resolve(Host("b", alias="box"))
    assert (list(target.jumps), target.proxy_command) == (jumps, command)
    assert (target.address, target.record_name) == ("gpu.lab", "key"), "in small letters, as known_hosts has them"


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7), ("1m30S", 90), ("2d", 172800), ("none", 15), ("0", 15), ('""', 15)]
)
async def test_a_time_is_told_as_for_ssh(home: Path, said: str, seconds: float) -> None:
    (home / ".ssh" / "config").write_text(f"ConnectTimeout {said}\n")
    assert (await resolve(Host("b", alias="box"))).timeout_s == seconds


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ConnectTimeout 30sec", "'30sec' is no time"),
        ("Port 70000", "70000 is not a port"),
        ("Port 0", "0 is not a port"),
        ("ProxyJump gate:70000", "'gate:70000', which is no"),
        ("ProxyJump a,,b", "'', which is no"),
    ],
)
async def test_a_value_that_cannot_be_is_named_with_its_line(home: Path, line: str, why: str) -> None:
    (home / ".ssh" / "config").write_text(f"# first\n{line}\n")
    with pytest.raises(ConfigError, match=why) as caught:
        await resolve(Host("b", alias="box"))
    assert caught.value.line == 2 and "ssh -G" in caught.value.hint


@pytest.mark.parametrize("jump", ["$(id)", "`id`@gate", "-oProxyCommand=id", "%r@gate"])
async def test_names_of_a_proxyjump_are_refused_with_its_line(home: Path, jump: str) -> None:
    (home / ".ssh" / "config").write_text(f"User 'a b'\nProxyJump {jump}\n")
    with pytest.raises(UsageError) as caught:
        await resolve(Host("b", alias="box"))
    assert str(caught.value).startswith(f"{home}/.ssh/config:2: the ")


async def test_no_key_file_is_tried_where_none_is_said(home: Path) -> None:
    write_key(home / ".ssh" / "id_ed25519")
    assert (await resolve(Host("b", alias="box"))).identities.files == (home / ".ssh" / "id_ed25519",)
    (home / ".ssh" / "config").write_text("IdentityFile none\n")
    assert (await resolve(Host("b", alias="box"))).identities.named == ()


@pytest.mark.parametrize("alias", ["$(touch x).cloud.example", "-oA=b.cloud.example", "a b.cloud.example"])
def test_a_name_services_word_reaches_no_shell(
    config: Path, names: None, alias: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KNOWN, "box.lab.example.", alias)
    ran = config.with_name("ran")
    text = "CanonicalizeHostname yes\nCanonicalDomains lab.example\nCanonicalizePermittedCNAMEs *:*.cloud.example\n"
    with pytest.raises(UsageError):
        written(config, f'{text}Match final exec "touch {ran}; echo %h"\n Port 1\n')
    assert not ran.exists()


def test_a_proxy_is_asked_for_the_full_name_only_where_that_is_wanted(config: Path, names: None) -> None:
    text = "CanonicalizeHostname always\nCanonicalDomains lab.example\nProxyJump gate\n"
    assert written(config, text).first("hostname").words == ("box.lab.example",)  # type: ignore[union-attr]


@pytest.mark.parametrize("no", ["no", "False"])
def test_a_short_name_that_must_not_do_is_unreachable(config: Path, names: None, no: str) -> None:
    text = f"CanonicalizeHostname yes\nCanonicalDomains lab.example\nCanonicalizeFallbackLocal {no}\n"
    with pytest.raises(Unreachable, match="nowhere is in none of its CanonicalDomains") as caught:
        written(config, text, "nowhere")
    assert f"{config}:3" in caught.value.hint


@pytest.mark.parametrize(("name", "user"), [("a;touch x", ""), ("$(id)", ""), ("-oa=b", ""), ("a", "`id`")])
def test_names_of_a_profile_reach_no_shell(config: Path, name: str, user: str) -> None:
    ran = config.with_name("ran")
    config.write_text(f'Match exec "touch {ran}; echo %n %r"\n Port 1\n')
    with pytest.raises(UsageError):
        read(name, user, path=config)
    assert not config_warnings(Host("x", alias=name, user=user)) and not ran.exists()


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [("Host other\n Port\nHost box\n\n Port\n", 5, "has no value"), ('User "ada\n', 1, "quote")],
)
def test_a_broken_line_ends_the_dial_only_where_it_counts(config: Path, text: str, line: int, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        written(config, text)
    assert (caught.value.file, caught.value.line) == (str(config), line) and caught.value.hint
    assert written(config, "Host other\n" + text, "third").lines == ()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Port many", "Invalid Port integer value: many"),
        ("IdentityFile ${NO_SUCH_NAME}/x", "Invalid environment expansion: NO_SUCH_NAME"),
        ("IdentityFile %z", "Invalid token expansion: z"),
        ("RekeyLimit x", "could not convert"),
        ("AddressFamily inet4", "Invalid AddressFamily value: inet4"),
        ("HostName 'a b'", "contains ' '"),
    ],
)
async def test_complaints_of_asyncssh_name_the_line_that_the_person_wrote(home: Path, line: str, why: str) -> None:
    (home / ".ssh" / "config").write_text(f"# first\nHost box\n User ada\n\n {line}\n SendEnv A\n")
    with pytest.raises(UsageError) as caught:
        await resolve(Host("b", alias="box"))
    assert str(caught.value).startswith(f"{home}/.ssh/config:5: ") and why in str(caught.value)


async def test_a_user_that_no_library_takes_is_no_line_of_the_config(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Port 1\nSendEnv A\n")
    with pytest.raises(ConfigError, match=r"^b: "):
        await resolve(Host("b", alias="box", user="\u06271"))


def test_files_without_end_and_files_of_others_are_refused(config: Path) -> None:
    with pytest.raises(ConfigError, match="without end"):
        written(config, f"Include {config}\n")
    config.write_text("Host box\n ProxyCommand id\n")
    config.chmod(0o666)
    with pytest.raises(ConfigError, match="others may write it") as caught:
        read("box", path=config)
    assert caught.value.hint == f"chmod 600 {config}"
    assert read("box", path=config.with_name("absent")) == Config()


def test_a_file_of_another_user_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text("Host box\n Port 2\n")
    if os.geteuid():
        monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)
    else:
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        monkeypatch.setenv("USER", "ada")
        assert read("box", path=config).text == "port 2\n", "root's is everybody's"
        os.chown(config, 12346, -1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        read("box", path=config)


@pytest.mark.parametrize(
    ("mode", "group", "members", "others"),
    [
        (0o644, "staff", ["eve"], False),
        (0o646, "ada", [], True),
        (0o664, "ada", [], False),
        (0o664, "ada", ["ada"], False),
        (0o664, "ada", ["ada", "eve"], True),
        (0o664, "staff", [], True),
    ],
)
def test_who_may_write_a_file(
    monkeypatch: pytest.MonkeyPatch, mode: int, group: str, members: list[str], others: bool
) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: SimpleNamespace(pw_name="ada"))
    monkeypatch.setattr(grp, "getgrgid", lambda _gid: SimpleNamespace(gr_name=group, gr_mem=members))
    assert others_may_write(os.stat_result((mode, *[0] * 9))) is others


def test_what_asyncssh_gets_is_private_and_goes(config: Path) -> None:
    found = written(config, "Port 7\n")
    with found.handed_on() as files:
        assert files is not None
        path = Path(files[0])
        assert path.read_text() == "port 7\n" and not path.stat().st_mode & 0o077
        assert path.read_text() == "port 7\n", "asyncssh reads it again for a canonical name"
        if sys.platform == "linux":
            assert not path.stat().st_nlink, "a killed process leaves nothing"
    assert not path.exists()
    with Config().handed_on() as nothing:
        assert nothing is None


HEADS = ["Host box", "Host *", "Host *.lab", "Host !box *", "Host b?x", "Host box.lab", "Host other", "Match all"]
CONDITIONS = [
    "host box", "host *.lab", "host box*", "!host box", "originalhost box", "originalhost !box,*", "user ada",
    "!user ada", "user eve", "final", "!final", "canonical", "!canonical", "exec true", "exec false",
    "originalhost BOX",
]  # fmt: skip
LINES = [
    "Port 1", "Port 2", "User ada", "User eve", "HostName %h.lab", "HostName box.lab", "CanonicalizeHostname yes",
    "IdentityFile ~/one", "IdentityFile ~/two",
]  # fmt: skip
BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(HEADS)
        | st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2).map(lambda words: f"Match {' '.join(words)}"),
        st.lists(st.sampled_from(LINES), min_size=1, max_size=3),
    ).map(lambda block: "\n ".join([block[0], *block[1]])),
    max_size=5,
).map("\n".join)


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh to compare with")
@settings(max_examples=40, deadline=None)
@given(BLOCKS, st.sampled_from(["box", "Box"]))
def test_the_same_comes_out_as_with_ssh(text: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = written(Path(folder) / "config", text, name)
        asked = ["ssh", "-G", "-F", f"{folder}/config", name]
        said = subprocess.run(asked, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    theirs = [tuple(line.split(" ", 1)) for line in said.splitlines()]
    for keyword, otherwise in (("hostname", "box"), ("port", "22"), ("user", getpass.getuser())):
        line = found.first(keyword)
        ours = line.words[0].replace("%h", "box") if line else otherwise
        assert (keyword, ours) in theirs, (name, text)
    keys = [line.words[0] for line in found.lines if line.keyword == "identityfile"]
    assert not keys or keys == [value for keyword, value in theirs if keyword == "identityfile"], text


WORDS = st.sampled_from(
    ["Host", "Match", "Include", "Port", "User", "all", "final", "!host", "tagged=x", "version", "*", "box", "b?", "=",
     '"', "'", "\\", "#", "%h", "%", "none", "\x00", "\x1b[2J", "é", "ProxyJump", "SetEnv", "IgnoreUnknown", "[z-a]"]
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=8).map("\n".join) | st.text(max_size=80))
def test_no_text_is_more_than_a_config_error(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config"
        path.write_text(text, errors="replace")
        os.chmod(path, 0o600)
        assert all(host.alias.isprintable() for host in ssh_hosts(path))
        with contextlib.suppress(ConfigError):
            found = read("box", path=path)
            assert all(str(one).isprintable() for one in found.warnings)
            assert found.text.count("\n") >= len([line for line in found.lines if line.keyword == "port"])
