"""A person's mistake gives what, where and what next, the documented exit code, and never a traceback."""

from __future__ import annotations

import sys

import pytest

from tests.end_to_end.conftest import Desk

SLEEP = {"branch": "exp/one", "command": [sys.executable, "-c", "import time; time.sleep(60)"]}
pytestmark = pytest.mark.parametrize("desk", ["embedded"], indirect=True)


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("projekt: x\n", ["profiles.yaml:1", "projekt", "project"]),
        ("project: x\nworkers:\n  a: {branch: b, comand: [ls]}\n", ["profiles.yaml:3", "comand", "command"]),
        ("project: x\nproject: y\n", ["profiles.yaml:2", "project"]),
        ("a: &x 1\nb: *x\n", ["profiles.yaml"]),
        ("project: x\nworkers:\n  ../up: {branch: b, command: [ls]}\n", ["../up"]),
        ("project: x\nworkers:\n  'two words': {branch: b, command: [ls]}\n", ["two words"]),
        ("project: x\nworkers:\n  -rf: {branch: b, command: [ls]}\n", ["-rf"]),
        ("project: x\nworkers:\n  a: {branch: '--upload-pack=x', command: [ls]}\n", ["--upload-pack"]),
        ("project: x\nworkers:\n  a: {host: nowhere, branch: b, command: [ls]}\n", ["nowhere"]),
    ],
)
def test_a_wrong_profile_names_its_place(desk: Desk, profile: str, says: list[str]) -> None:
    (desk.repo / "profiles.yaml").write_text(profile)
    done = desk.look("status", code=2)
    assert done.stdout == "" and all(text in done.stderr for text in says), done.stderr


def test_no_profile_says_how_to_make_one(desk: Desk) -> None:
    done = desk.look("status", code=2)
    assert "trajvid-tui init" in done.stderr


def test_an_unknown_worker_and_an_unknown_base_name_the_nearest(desk: Desk) -> None:
    desk.profile({"keypoint-a": SLEEP})
    assert "keypoint-a" in desk.run("launch", "keypoint-b", code=2).stderr
    desk.profile({"keypoint-a": SLEEP}, base="mian")
    assert "main" in desk.run("launch", "keypoint-a", code=2).stderr
    assert desk.runs("keypoint-a") == []


def test_a_host_that_does_not_resolve_or_refuses_is_a_connection_error(desk: Desk) -> None:
    for address, port in (("no-such-host.invalid", 22), ("127.0.0.1", 1)):
        desk.host = {"address": address, "port": port, "user": "u"}
        desk.profile({"one": SLEEP})
        error = desk.ask("launch", "one", code=3)
        assert address in error["message"] and error["hint"]


def test_a_config_with_an_impossible_value_fails_with_its_reason(desk: Desk) -> None:
    desk.profile({"one": {"branch": "exp/one", "config": "keypoint", "set": {"epochs": -3}}})
    done = desk.run("launch", "one", "--wait", code=None)
    assert done.returncode in (2, 5), done.stderr
    assert "epochs" in done.stdout + done.stderr


def test_a_command_that_does_not_exist_fails_and_says_so(desk: Desk) -> None:
    desk.profile({"one": {"branch": "exp/one", "command": ["/no/such/program"]}})
    done = desk.run("launch", "one", "--wait", code=5)
    assert "/no/such/program" in done.stdout + done.stderr


def test_a_dirty_worktree_on_the_host_is_kept_and_named(desk: Desk) -> None:
    desk.profile({"one": {"branch": "exp/one", "command": ["true"]}})
    desk.run("launch", "one", "--wait")
    (readme,) = desk.far_root.glob("worktrees/*/one/README")
    readme.write_text("edited on the host\n")
    (desk.repo / "README").write_text("a newer version\n")
    done = desk.run("launch", "one", code=1)
    assert "README" in done.stderr
    assert readme.read_text() == "edited on the host\n"
