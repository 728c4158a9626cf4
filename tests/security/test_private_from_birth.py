"""Whatever this laptop keeps is for its user alone from the moment it exists, whatever the umask says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from remote.folders import open_private, private_folder, results_folder
from remote.history import History
from remote.hostkeys import KnownHosts
from remote.userhosts import add_host
from tests.fixtures.ssh import write_key
from wire.run_dir import append_line, replace_file


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_under_umask_000(home: Path, short_tmp: Path, open_umask: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}
    real = os.replace

    def replaced(source: str, target: str, **more: int) -> None:
        seen[str(source)] = os.stat(source).st_mode & 0o777
        real(source, target, **more)

    monkeypatch.setattr(os, "replace", replaced)
    state = private_folder(short_tmp / "state" / "deep")
    History(state / "history.sqlite").close()
    KnownHosts.default().add("example.org", 22, write_key(short_tmp / "key").convert_to_public())
    add_host("gpu", "example.org", "ada")
    results_folder(short_tmp / "results")
    os.close(open_private(state / "log", os.O_WRONLY))
    replace_file(str(state / "record.json"), b"{}\n")
    append_line(str(state / "lines.jsonl"), b"{}")
    for top in (state, home / "config", short_tmp / "results"):
        for path in (top, *top.rglob("*")):
            assert path.stat().st_mode & 0o077 == 0, f"{path} is open to others"
    assert len(seen) >= 2 and set(seen.values()) == {0o600}, f"temporary files too: {seen}"
