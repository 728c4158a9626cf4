"""doctor, activity and shell from outside: what they answer, and how they end."""

from __future__ import annotations

import pytest

from remote.checks import LAPTOP, Check, Report, fail, fine, warn
from tests.cli.test_command_line import Trajvid, envelope, plain_terminal, quiet, trajvid  # noqa: F401
from tests.fixtures.project import Project
from tui.cli.doctor import _problem

BROKEN = fail("locks", "no", "move `root:`")
AWAY = fail("connection", "refused", "is it up?")
LOCKED = fail("authentication", "denied", "ssh-add")


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ({LAPTOP: [fine("git", "2.39")], "a": [warn("disk", "5 GiB", "free some")]}, 0),
        ({LAPTOP: [], "a": [BROKEN], "b": []}, 1),
        ({LAPTOP: [], "a": [AWAY]}, 3),
        ({LAPTOP: [], "a": [LOCKED]}, 4),
        ({LAPTOP: [], "a": [AWAY], "b": [AWAY]}, 3),
        ({LAPTOP: [], "a": [AWAY], "b": []}, 6),
        ({LAPTOP: [BROKEN], "a": [AWAY]}, 1),
    ],
)
def test_how_doctor_ends(reports: dict[str, list[Check]], code: int) -> None:
    error = _problem([Report(place, 0.0, tuple(checks)) for place, checks in reports.items()])
    assert (error.exit_code if error is not None else 0) == code
    assert error is None or (error.hint and ": " in error.message)


def test_doctor_says_what_is_wrong_and_how_to_mend_it(quiet: Project, trajvid: Trajvid) -> None:  # noqa: F811
    profile = quiet.folder / "profiles.yaml"
    profile.write_text(profile.read_text().replace("hosts:\n", "hosts:\n  dead: {address: 127.0.0.1, port: 1}\n"))
    done = trajvid("doctor", "dead", "--json", cwd=quiet.folder)
    assert done.returncode == 3
    answer = envelope(done)
    places = {one["place"]: one["checks"] for one in answer["data"]["places"]}
    assert {check["name"] for check in places[LAPTOP]} >= {"git", "rsync", "python", "disk", "own files"}
    [connection] = places["dead"]
    assert connection["verdict"] == "fail" and connection["mend"] and answer["error"]["code"] == "unhealthy"
    done = trajvid("doctor", "dead", cwd=quiet.folder)
    assert "✗ fail connection" in done.stdout and "→ " in done.stdout and done.returncode == 3
    done = trajvid("doctor", "deed", "--json", cwd=quiet.folder)
    assert done.returncode == 2 and "dead" in envelope(done)["error"]["hint"]
    done = trajvid("doctor", "--fix", "--read-only", cwd=quiet.folder)
    assert done.returncode == 7


def test_activity_before_anything_was_done(quiet: Project, trajvid: Trajvid) -> None:  # noqa: F811
    done = trajvid("activity", "--cached", "--json", cwd=quiet.folder)
    assert done.returncode == 0
    data = envelope(done)["data"]
    assert data["actions"] == [] and data["sources"]["local"]["problem"] == "not connected"
    done = trajvid("activity", "good", "--since", "1d", cwd=quiet.folder)
    assert done.returncode == 0 and "nothing was done yet" in done.stdout and "local: asked" in done.stderr
    for wrong in (["--since", "tomorrow"], ["--limit", "0"], ["nobody"]):
        done = trajvid("activity", "--cached", *wrong, cwd=quiet.folder)
        assert done.returncode == 2 and done.stderr.startswith("trajvid-tui: ")


def test_a_shell_needs_a_terminal(quiet: Project, trajvid: Trajvid, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("remote.shell.TTY", "/no/tty")
    done = trajvid("shell", "good", cwd=quiet.folder)
    assert done.returncode == 2 and "needs a terminal" in done.stderr
    done = trajvid("shell", "good", "--json", cwd=quiet.folder)
    assert done.returncode == 2 and envelope(done)["error"]["message"].startswith("a shell has no answer")
