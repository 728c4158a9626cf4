"""The commands of the profile that run before the work, and requirements that lie in the worktree."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from remote.onhost.requirements import with_files
from remote.onhost.wanted import CannotPrepare, Wanted, digest
from tests.onhost.far import Far, lines, record, wait_for
from tests.onhost.test_environment import wheel
from wire.run_dir import Root


def test_commands_run_in_the_worktree_before_the_work(far: Far, tmp_path: Path) -> None:
    go = tmp_path / "go"
    commands = [
        'echo "one $VALUE $KEY" | tee made.txt',
        f"while [ ! -e {go} ]; do sleep 0.05; done; cd /; echo $TRAJVID_ATTEMPT",
    ]
    run = far.launch(
        "cat", "made.txt", cwd=str(tmp_path), setup=commands, env={"VALUE": "v"}, secrets={"KEY": "hush-4711"}
    )
    said = wait_for(lambda: (record(run.progress) or {}).get("message", "").startswith("setup 2 of 2: while"))
    assert said and (record(run.heartbeat) or {})["state"] == "preparing"
    go.touch()
    assert far.end(run)["state"] == "completed"
    attempt = os.path.basename(run.path) + ".1"
    assert Path(run.log).read_text().splitlines() == [
        f"+ {commands[0]}", "one v [KEY hidden]", f"+ {commands[1]}", attempt, "one v [KEY hidden]",
    ]  # fmt: skip
    assert record(run.progress) is None, "it must not look as if it still prepared"


def test_a_command_that_fails_fails_the_run(far: Far, tmp_path: Path) -> None:
    run = far.launch("touch", "ran", cwd=str(tmp_path), setup=["echo why >&2; exit 7", "touch second"])
    ended = far.end(run)
    assert (ended["state"], ended["code"], ended["last_line"]) == ("failed", 1, "why")
    assert ended["reason"] == "setup: `echo why >&2; exit 7`: exit code 7"
    assert not (tmp_path / "ran").exists() and not (tmp_path / "second").exists()
    assert [event["kind"] for event in lines(run.events)] == ["started", "ended"]


def test_a_stop_during_setup_ends_all_of_it(far: Far) -> None:
    run = far.launch("true", setup=["sleep 60 & sleep 60"])
    wait_for(lambda: len(far.family()) >= 5, "supervisor, setup, shell and two sleeps")
    answer = far.stop()
    assert (answer["state"], answer["stopped"]) == ("stopped", True)
    assert far.end(run)["state"] == "stopped" and not far.family()


def test_a_failure_of_the_work_after_setup_is_its_own(far: Far) -> None:
    assert far.end(far.launch("sh", "-c", "exit 9", setup=["true"]))["reason"] == "exit code 9"


def requirements(folder: Path, **files: str) -> Wanted:
    """What is wanted of `requirements.txt` in a worktree with these files (`_` for `/`, `.txt` is added)."""
    for name, text in files.items():
        path = folder / (name.replace("_", "/") + ".txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return with_files(Wanted.of({"files": ["requirements.txt"]}), str(folder), sys.executable)


def test_requirements_are_read_with_what_they_include(tmp_path: Path) -> None:
    wanted = requirements(
        tmp_path,
        requirements=(
            "# all\na==1  # why\n-r more/base.txt\n--extra-index-url https://x/#egg\nb[c] >= 2; \\\n  x > 1\na==1\n"
        ),
        more_base="d @ https://h/d.whl\n-rrequirements.txt\n-c ../pins.txt\n",
        more_requirements="f==6\n",
        pins="e==5\n",
    )
    assert wanted.requirements == (
        "a==1", "d @ https://h/d.whl", "f==6", "--extra-index-url https://x/#egg", "b[c] >= 2;   x > 1",
    )  # fmt: skip
    assert wanted.constraints == ("e==5",) and wanted.files == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-e .", "requirements.txt:2: -e .: what lies in the worktree is for `setup:`"),
        ("./pkg", "is for `setup:`"),
        ("pkg @ file:///srv/pkg", "is for `setup:`"),
        ("-r ../outside.txt", "no such file in the worktree"),
        ("--requirement=none.txt", "none.txt: no such file in the worktree"),
        ("-r https://h/r.txt", "include files of the repository only"),
    ],
)
def test_requirements_that_no_shared_environment_can_have(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "outside.txt").write_text("a\n")
    (tmp_path / "w").mkdir()
    with pytest.raises(CannotPrepare) as caught:
        requirements(tmp_path / "w", requirements=f"a==1\n{line}\n")
    assert reason in str(caught.value)


def test_a_link_does_not_lead_out_of_the_worktree(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("a\n")
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "in.txt").symlink_to("../outside.txt")
    with pytest.raises(CannotPrepare, match="no such file"):
        requirements(tmp_path / "w", requirements="-r in.txt\n")


def test_the_dependencies_of_a_pyproject(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text('[project]\nname = "p"\ndependencies = ["a==1", "b"]\n')
    asked = Wanted.of({"requirements": ["z==9"], "files": ["pyproject.toml"]})
    assert with_files(asked, str(tmp_path), sys.executable).requirements == ("z==9", "a==1", "b")
    path.write_text("[project\n")
    with pytest.raises(CannotPrepare, match=r"pyproject.toml: tomllib.TOMLDecodeError"):
        with_files(asked, str(tmp_path), sys.executable)


def test_an_environment_is_named_by_the_content_of_the_files(tmp_path: Path) -> None:
    same = digest(Wanted.of({"requirements": ["a==1"]}), "3.11.7")
    wanted = requirements(tmp_path, requirements="a==1\n")
    assert digest(wanted, "3.11.7") == same
    owned = {digest(replace(wanted, owner=owner), "3.11.7") for owner in ("p/w", "p/v")}
    assert len(owned | {same}) == 3, "with `setup` it is one worker's own"
    assert digest(requirements(tmp_path, requirements="a==1\n-c pins.txt\n", pins="b==1\n"), "3.11.7") != same


@pytest.mark.slow  # 8 s of CPU: a virtual environment is made
@pytest.mark.timeout(600)
def test_a_run_has_what_its_own_commit_requires(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And with `setup` in an environment of its own."""
    monkeypatch.setattr("tests.onhost.far.DEADLINE_S", 500.0)
    worktree = tmp_path / "w"
    worktree.mkdir()
    wheel(tmp_path, "tvone", "1.5")
    wheel(tmp_path, "tvone", "1.6")
    (worktree / "pins.txt").write_text("tvone<1.6\n")
    (worktree / "requirements.txt").write_text(f"--no-index\n--find-links {tmp_path}\ntvone\n-c pins.txt\n")
    far.env = {name: "" for name in os.environ if name.startswith("PIP_")} | {"PIP_CONFIG_FILE": os.devnull}
    environment = {"python": sys.executable, "files": ["requirements.txt"]}
    show = "import sys, tvone; print(tvone.VERSION, sys.prefix)"
    run = far.launch(
        "{python}", "-c", show, cwd=str(worktree), environment=environment, setup=["python -c 'import tvone'"]
    )
    assert far.end(run)["state"] == "completed", Path(run.log).read_text()
    (folder,) = [path for path in Path(far.root, "envs").iterdir() if path.is_dir()]
    assert Path(run.log).read_text().splitlines()[-1] == f"1.5 {folder}"
    wanted = with_files(Wanted.of(environment), str(worktree), sys.executable)
    assert Root(far.root).environment(digest(wanted, platform.python_version())) != str(folder), "not a shared one"
