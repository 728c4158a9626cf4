"""`fetch` and `integrate` on the command line: what they print, what they ask before a push, how they exit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from remote.errors import Declined, UsageError
from remote.fleet import Fleet
from tests.fixtures.project import Project, make_project
from tests.fixtures.ssh import FarHost
from tests.remote.test_fetch import Desk
from tests.remote.test_git import git
from tui.cli import fetch, integrate
from tui.cli.envelope import Answer
from tui.cli.parser import parse
from tui.cli.session import Session


class Line:
    """Command lines on one fleet."""

    def __init__(self, project: Project, fleet: Fleet) -> None:
        self.project, self.fleet, self.desk = project, fleet, Desk(fleet, project)

    async def __call__(self, *words: str) -> Answer:
        arguments = parse([*words, "--profile", str(self.fleet.profile.path)])
        session = Session(arguments)
        session._fleet = self.fleet
        return await (fetch if words[0] == "fetch" else integrate).main(session)


@pytest.fixture
async def line(embedded: FarHost, short_tmp: Path) -> AsyncIterator[Line]:
    project = make_project(short_tmp / "project", embedded.host)
    fleet = Fleet(project.profile)
    line = Line(project, fleet)
    await line.desk.bring()
    yield line
    await fleet.close()


async def test_fetch_tells_pushes_after_a_yes_and_integrate_says_what_stands_in_the_way(
    line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="no remote named origin"):
        await line("fetch", "--push", "good")
    with pytest.raises(Declined, match="--read-only forbids it"):
        await line("fetch", "--read-only")
    origin = tmp_path / "origin.git"
    git(tmp_path, "init", "-q", "--bare", str(origin))
    line.project.git("remote", "add", "origin", str(origin))
    assert (await line("fetch", "--push", "good", "--yes")).text.endswith("nothing to push to origin")
    made = line.desk.commit_there("made there")
    with pytest.raises(Declined, match="nothing was pushed") as caught:
        await line("fetch", "--push", "good")
    assert caught.value.hint == "add --yes" and git(origin, "for-each-ref") == ""
    answer = await line("fetch", "--push", "--yes")
    assert answer.error is None and answer.text.splitlines() == [
        "good: 1 commit of local, which good has already",
        "bad: nothing was committed on local",
        "long: nothing was committed on local",
        f"pushed good at {made[:7]} to {origin}",
    ]
    assert [(one["worker"], one["way"], one["made"]) for one in answer.data["fetched"]] == [
        ("good", "here", 1), ("bad", "nothing", 0), ("long", "nothing", 0),
    ]  # fmt: skip
    assert git(origin, "for-each-ref", "--format=%(refname) %(objectname)") == f"refs/heads/good {made}"

    line.project.git("switch", "-qc", "clash", "main")
    (line.project.folder / "file.txt").write_text("clash\n")
    line.project.git("commit", "-qam", "clash")
    line.project.git("switch", "-q", "main")
    capsys.readouterr()
    answer = await line("integrate", "good", "clash", "--test", "cat file.txt")
    assert capsys.readouterr().out == "made there", "the tests' output is shown as it comes"
    assert answer.error is not None and (answer.error.code, answer.error.exit_code) == ("conflicts", 1)
    lines = answer.text.splitlines()
    assert lines[1:4] == [
        f"  good ({made[:7]}) merges, 1 file",
        f"  clash ({line.project.git('rev-parse', '--short=7', 'clash')}) does not merge: 1 file; left out",
        "      file.txt: changed on both sides (with good)",
    ]
    assert lines[4].startswith("  tests pass after") and "no branch has moved" in lines[5]
    line.desk.commit_there("more")
    line.project.git("switch", "-q", "good")
    line.project.git("commit", "-q", "--allow-empty", "-m", "here")
    here = line.project.git("rev-parse", "--short=7", "good")
    answer = await line("fetch", "--push", "good", "--yes")
    assert answer.error is not None and answer.error.code == "to_merge" and "git merge" in answer.error.hint
    assert "nothing to push" not in answer.text and git(origin, "rev-parse", "good") == made
    answer = await line("integrate", "good", "--test", "exit 127")
    assert f"      without what its branch has here, at {here}: both moved" in answer.text.splitlines()
    assert answer.error is not None and answer.error.code == "tests_failed" and "--test" in answer.error.hint
