"""`evidence` from outside: what it lists, what it refuses before a host is asked, how a launch without it ends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.test_command_line import Trajvid, envelope, plain_terminal, project, quiet, trajvid  # noqa: F401
from tests.fixtures.evidence import write_evidence
from tests.fixtures.project import Project
from wire.evidence import COVERAGE_FILE


def here(quiet: Project, worker: str = "good") -> Path:  # noqa: F811
    """Evidence as a sync brought it."""
    return quiet.profile.results / worker / "evidence"


def test_what_lies_here_is_told_with_its_commit_and_age(quiet: Project, trajvid: Trajvid) -> None:  # noqa: F811
    write_evidence(here(quiet), quiet.folder, "tracker", "red")
    write_evidence(here(quiet), quiet.folder, "tracker", "green")
    write_evidence(here(quiet), quiet.folder, "loss", "red", verdict="refused: a syntax error")
    (here(quiet) / COVERAGE_FILE).touch()
    done = trajvid("evidence", "good", "bad", "--cached", cwd=quiet.folder)
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "bad: no evidence yet"
    commit = quiet.git("rev-parse", "HEAD")
    assert f"held against {commit[:7]}, as synced" in done.stdout and "coverage: " in done.stdout
    assert re.search(rf"loss +red +refused: a syntax error  {commit[:7]}  \d+ \w+ ago\n", done.stdout)
    assert "stale" not in done.stdout
    quiet.git("rm", "-q", "file.txt")
    quiet.git("commit", "-qm", "Second")
    edited = write_evidence(here(quiet), quiet.folder, "loss", "green")
    edited.write_text(edited.read_text().replace("tests: 1", "tests: 2"))
    answer = envelope(trajvid("evidence", "good", "--cached", "--json", cwd=quiet.folder))
    [told] = answer["data"]["evidence"]
    assert told["cached"] is True and told["proof"] is None
    pieces = {(one["component"], one["phase"]): one for one in told["evidence"]}
    assert "edited" in pieces["loss", "green"]["why"] and not pieces["loss", "green"]["accepted"]
    assert pieces["tracker", "red"]["accepted"] and pieces["tracker", "red"]["stale"] == ""
    assert pieces["tracker", "green"]["stale"].startswith(f"of another commit: it tested {commit[:7]}")


def test_mistakes_are_told_before_a_host_is_asked(quiet: Project, trajvid: Trajvid) -> None:  # noqa: F811
    for words, code, told in (
        (["good", "red", "a/b"], 2, "cannot be a component"),
        (["good", "red", "a", "b"], 2, "takes one component"),
        (["good", "green", "a", "--bar", "120"], 2, "no share"),
        (["good", "green", "a", "--files", "-x"], 2, "--files"),
        (["good", "--as-it-is"], 2, "for running tests"),
        (["good", "--", "-x"], 2, "for running tests"),
        (["god", "red", "a"], 2, "did you mean good"),
        (["good", "red", "a", "--read-only"], 7, "--read-only"),
    ):
        done = trajvid("evidence", *words, cwd=quiet.folder)
        assert done.returncode == code and told in done.stderr, (words, done.stderr)


@pytest.mark.slow  # 3 s
def test_a_launch_without_evidence_ends_with_9(project: Project, trajvid: Trajvid) -> None:  # noqa: F811
    profile = project.folder / "profiles.yaml"
    good = '"{python}", work.py, "0"], requires: green, checklist: [{text: it is there, file: file.txt}]}'
    profile.write_text(profile.read_text().replace('"{python}", work.py, "0"]}', good))
    done = trajvid("launch", "good", cwd=project.folder)
    assert done.returncode == 9 and "-> trajvid-tui evidence good red COMPONENT" in done.stderr
    done = trajvid("evidence", "good", "--checklist", cwd=project.folder)
    assert done.returncode == 0 and "☐ it is there: unproved, 0 s ago: it is not there" in done.stdout
    answer = envelope(trajvid("evidence", "--checklist", "--cached", "--json", cwd=project.folder))
    assert [len(one["items"]) for one in answer["data"]["checklists"]] == [1, 0, 0]
    assert answer["data"]["checklists"][0]["items"][0]["proved"] is False
