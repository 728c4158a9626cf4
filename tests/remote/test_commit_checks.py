"""What a push does not carry, or a commit does not hold, is told before anything goes to a host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from remote.commit_checks import checked
from remote.errors import ConfigError, UsageError
from remote.git import Commit, snapshot
from remote.profiles import Host, Worker, load_profile
from remote.run_spec import requirements, spec_of, trainer_words
from tests.remote.test_git import git, repo

__all__ = ["repo"]

PLAIN = Worker("w", "w", "h", "main", command=("python", "train.py"))
TRAINER = Worker("w", "w", "h", "main", config="i3d")
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "ab" * 32 + "\nsize 123456\n"


async def look(repo: Path, worker: Worker = PLAIN) -> Commit:
    return await checked(repo, await snapshot(repo, "main", "HEAD"), worker)


async def test_a_plain_commit_has_everything(repo: Path) -> None:
    assert not (await look(repo)).has_trainer


async def test_submodules_are_named_and_refused(repo: Path) -> None:
    other = repo / "libs" / "näw"
    other.mkdir(parents=True)
    git(other, "init", "-q")
    git(other, "commit", "-q", "--allow-empty", "-m", "x")
    git(repo, "add", "-A")
    with pytest.raises(UsageError, match=r"has 1 submodule \(libs/näw\), which would be empty on the host") as caught:
        await look(repo)
    assert "allow_missing: [submodules]" in caught.value.hint
    await look(repo, replace(PLAIN, allow_missing=frozenset({"submodules"})))


async def test_pointers_of_lfs_are_named_and_refused(repo: Path) -> None:
    for number in range(4):
        (repo / f"w{number}.pt").write_text(POINTER)
    await look(repo), "no attribute says that they are LFS's"
    (repo / "sub").mkdir()
    (repo / "sub" / ".gitattributes").write_text("*.pt filter=lfs diff=lfs merge=lfs -text\n")
    (repo / "sub" / "small.txt").write_text("x" * 150)
    with pytest.raises(UsageError, match=r"keeps 4 files \(w0.pt, w1.pt, w2.pt, ...\) in Git LFS") as caught:
        await look(repo)
    assert "allow_missing: [lfs]" in caught.value.hint
    await look(repo, replace(PLAIN, allow_missing=frozenset({"lfs"})))


async def test_an_object_that_is_not_there_is_told(repo: Path) -> None:
    (repo / ".gitattributes").write_text("*.pt filter=lfs\n")
    commit = await snapshot(repo, "main", "HEAD")
    name = git(repo, "rev-parse", f"{commit.hash}:.gitattributes").strip()
    (repo / ".git" / "objects" / name[:2] / name[2:]).unlink()
    with pytest.raises(UsageError, match=f"git lacks an object of this commit: {name[:12]}"):
        await checked(repo, commit, PLAIN)


async def test_requirements_must_be_in_the_commit(repo: Path) -> None:
    worker = replace(PLAIN, environment="create", requirements="needs.txt")
    with pytest.raises(UsageError, match=r"needs.txt is not in main"):
        await look(repo, worker)
    (repo / "needs.txt").write_text("a\n")
    await look(repo, worker)


async def test_whose_trainer_runs(repo: Path) -> None:
    own = replace(TRAINER, trainer="worktree")
    with pytest.raises(UsageError, match=r"main has no trainer of its own: trainer/__main__.py is not in"):
        await look(repo, own)
    assert trainer_words(await look(repo, TRAINER), TRAINER) == ""
    for name in ("trainer/__main__.py", "trainer/requirements.txt", "wire/records.py"):
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).touch()
    commit = await look(repo, own)
    bundled = replace(TRAINER, trainer="bundle")
    for worker, code in ((own, "/w"), (TRAINER, "/w"), (bundled, "/b")):
        spec = spec_of(
            replace(worker, environment="create", requirements="more.txt"), Host("h"), commit, project_id="p",
            cwd="/w", bundle="/b", home="~", nonce="0" * 16, by="", now_s=0.0,
        )  # fmt: skip
        assert (spec.env["PYTHONPATH"], spec.env["PYTHONSAFEPATH"]) == (code, "1")
        files = ["more.txt"] if code == "/b" else ["trainer/requirements.txt", "more.txt"]
        assert spec.environment["files"] == files
        assert spec.environment["requirements"] == (requirements() if code == "/b" else [])
    assert trainer_words(commit, own) == "the branch's own trainer"
    assert trainer_words(commit, bundled) == "the bundled trainer, not the branch's own"


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("command: x, trainer: bundle", "`trainer` is for work of the trainer"),
        ("config: i3d, requirements: r.txt", "`requirements` is for `env: create`"),
        ("config: i3d, env: create, requirements: ../r.txt", "must stay below the folder"),
        ("config: i3d, env: create, requirements: r.lock", "name a .txt, .in or .toml file"),
        ("config: i3d, env: create, index: 'https://u:pw@host/simple'", "`index` has a password"),
        ("config: i3d, allow_missing: [everything]", "allow_missing"),
    ],
)
def test_what_a_profile_may_not_say(tmp_path: Path, keys: str, reason: str) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(f"project: p\nworkers:\n  w: {{branch: w, {keys}}}\n")
    with pytest.raises(ConfigError) as caught:
        load_profile(path)
    assert reason in str(caught.value) and f"{path}:3: " in str(caught.value) and "pw@" not in str(caught.value)


def test_what_a_profile_may_say(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(
        "project: p\ndefaults: {env: create, requirements: ./all.txt, setup: [make data], trainer: bundle}\nworkers:\n"
        "  w: {branch: w, config: i3d, index: 'https://h/simple', setup: []}\n"
        "  v: {branch: v, command: python x.py}\n"
        "  u: {branch: u, command: python x.py, env: create, requirements: pyproject.toml}\n"
    )
    w, v, u = load_profile(path).workers.values()
    assert (w.requirements, w.index, w.setup, w.trainer) == ("all.txt", "https://h/simple", (), "bundle")
    assert (v.requirements, v.environment, v.setup, v.trainer) == ("", "", ("make data",), "")
    spec = spec_of(
        u, Host("h"), Commit("ab" * 20, "u", ""), project_id="p", cwd="/w", bundle="/b", home="~", nonce="0" * 16,
        by="", now_s=0.0,
    )  # fmt: skip
    assert spec.environment["files"] == ["pyproject.toml"] and spec.environment["requirements"] == []
    assert spec.setup == ("make data",)
