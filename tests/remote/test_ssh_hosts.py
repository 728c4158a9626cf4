"""Which hosts ~/.ssh/config names: includes, patterns, the first value of each."""

from __future__ import annotations

from pathlib import Path

from remote.ssh_hosts import SshHost, ssh_hosts

CONFIG = """\
# a comment
Include more/*.conf
Host gpu-1 gpu-2 !gpu-3 *.lab
    HostName 203.0.113.7
    User=ubuntu
    HostName 203.0.113.8
Match host gpu-1 exec "true"
    User eve
Host "quoted name" -oProxyCommand=x 'single'
\tHostname\t"lab.example"
Host gpu-1
    User late
Host *
    User everybody
Host unclosed "quote
"""


def test_aliases_in_their_order_with_what_stands_under_them(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.conf").write_text("Host first\n  User ada\nInclude a.conf ../config\n")
    (tmp_path / "config").write_text(CONFIG)
    found = ssh_hosts(tmp_path / "config")
    assert [(host.alias, host.address, host.user) for host in found] == [
        ("first", "", "ada"),
        ("gpu-1", "203.0.113.7", "ubuntu"),
        ("gpu-2", "203.0.113.7", "ubuntu"),
        ("single", "lab.example", ""),
        ("unclosed", "", ""),
    ]
    assert found[1].place == f"{tmp_path / 'config'}:3"


def test_behind_an_include_it_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("User eve\nHost other\n User ada\n")
    (tmp_path / "config").write_text("Host box\n Include more\n HostName 203.0.113.7\n")
    found = ssh_hosts(tmp_path / "config")
    assert [(one.alias, one.address, one.user) for one in found] == [("box", "203.0.113.7", ""), ("other", "", "ada")]


def test_no_file_and_no_text_name_no_host(tmp_path: Path) -> None:
    assert ssh_hosts(tmp_path / "none") == []
    (tmp_path / "bytes").write_bytes(b"Host \xff\xfe\x1b[31m\nHost fine\n\0\0\0")
    assert ssh_hosts(tmp_path / "bytes") == [SshHost("fine", place=f"{tmp_path / 'bytes'}:2")]
