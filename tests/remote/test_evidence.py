"""What evidence a launch may rely on: accepted, whole, of exactly its commit; and how it comes to this laptop."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from remote import runs
from remote.checklist_items import FILE
from remote.errors import NoEvidence, UsageError
from remote.evidence import Piece, demand_green, folder_here, not_green, proof_in
from remote.fleet import Fleet
from remote.profiles import ToDo
from remote.proving import PROVE, Wish, check
from remote.worktrees import prepare
from tests.fixtures.evidence import write_evidence
from tests.fixtures.project import Project
from wire.evidence import PROOF_FILE, Evidence, read_evidence
from wire.run_dir import Root


def piece(component: str, phase: str, verdict: str = "accepted", *, at: str = "1", stale: str = "") -> Piece:
    return Piece(Evidence(component, phase, verdict, at, code=phase), stale)


RED = piece("a", "red")


@pytest.mark.parametrize(
    ("pieces", "problem"),
    [
        ([RED, piece("a", "green", at="2")], None),
        ([RED], ("green", "there is no green yet")),
        ([RED, Piece(replace(piece("a", "green", at="2").evidence, problem="edited"), "")],
         ("green", "green is not accepted: edited")),
        ([piece("a", "green")], ("red", "there is no red yet")),
        ([piece("a", "red", "refused: a syntax error")], ("red", "red is not accepted: a syntax error")),
        ([RED, piece("a", "green", "refused: 1 failed", at="2")], ("green", "green is not accepted: 1 failed")),
        ([RED, piece("a", "green", at="2", stale="of another commit")], ("green", "green is of another commit")),
        ([piece("a", "red", at="3"), piece("a", "green", at="2")], ("green", "green is older than red")),
        ([RED, piece("a", "green", at="2"), piece("a", "refactor", "refused: x", at="3")],
         ("refactor", "refactor is not accepted: x")),
        ([RED, piece("a", "green", at="2", stale="old"), piece("a", "refactor", at="3")], None),
        ([RED, piece("a", "green", at="3"), piece("a", "refactor", "refused: x", at="2")], None),
    ],
)  # fmt: skip
def test_what_is_missing_for_green(pieces: list[Piece], problem: tuple[str, str] | None) -> None:
    fine = [piece("b", "red"), piece("b", "green", at="2")]
    assert not_green([*fine, *pieces]) == ({"a": problem} if problem else {})


@pytest.mark.parametrize(
    ("phase", "component"),
    [("blue", "a"), ("red", ""), ("red", "a/b"), ("red", "../a"), ("red", "--out"), ("red", "a" * 65), (PROVE, "a")],
)
def test_what_can_be_no_phase_or_component(phase: str, component: str) -> None:
    with pytest.raises(UsageError):
        check(Wish(phase, component))


def there(project: Project) -> Path:
    """Where the host keeps the evidence of `good`."""
    profile = project.profile
    return Path(Root(profile.hosts["local"].root).evidence(profile.project_id, "good"))


def strict(project: Project, **more: object) -> Fleet:
    """A fleet whose worker `good` requires green."""
    profile = project.profile
    good = replace(profile.workers["good"], **{"requires": "green", **more})  # type: ignore[arg-type]
    return Fleet(replace(profile, workers={**profile.workers, "good": good}))


async def test_a_launch_that_requires_green(project: Project) -> None:
    """Each refusal says what is missing and the next command, and leaves the host as it was."""
    fleet = strict(project)

    with pytest.raises(NoEvidence, match="there is no evidence") as none:
        await demand_green(fleet, fleet.place("good"), await runs.commit_of(fleet, "good"))
    assert "evidence good red COMPONENT" in none.value.hint
    write_evidence(there(project), project.folder, "tracker", "red")
    green = write_evidence(there(project), project.folder, "tracker", "green", at="2026-01-02T00:00:00Z")
    (project.folder / "file.txt").write_text("second\n")
    with pytest.raises(NoEvidence, match="of another commit") as old:  # uncommitted work is not what was tested
        await runs.launch(fleet, "good")
    assert old.value.hint == "trajvid-tui evidence good green tracker" and old.value.exit_code == 9
    assert not (there(project).parents[2] / "repos").exists(), "nothing went to the host"
    project.git("checkout", "-q", "file.txt")
    project.git("commit", "-qm", "The same content", "--allow-empty")
    # Its content is what was tested, so the launch would go on from here.
    await demand_green(fleet, fleet.place("good"), await runs.commit_of(fleet, "good"))
    assert sorted(path.name for path in folder_here(fleet, "good").iterdir()) == [green.name, "tdd_tracker_red.txt"]
    await fleet.close()


@pytest.mark.slow  # 2 s
async def test_the_host_is_believed_about_what_there_is(project: Project) -> None:
    fleet = strict(project)
    assert (await runs.told(fleet, "good")).pieces == ()
    path = write_evidence(there(project), project.folder, "tracker", "green")
    proof = {"verdict": "no", "reasons": ["\x1b[31mred"], "commit": "abc", "at_s": 5}
    (there(project) / PROOF_FILE).write_text(json.dumps(proof))
    (there(project) / "tdd_a..b_red.txt").write_text("verdict: accepted\n")
    found = await runs.told(fleet, "good")
    assert [(one.evidence.component, one.evidence.accepted, one.stale) for one in found.pieces] == [
        ("tracker", True, "")
    ]
    assert found.proof is not None and found.proof.reasons == ("red",) and "another commit" in found.stale[PROOF_FILE]
    path.unlink()
    assert (await runs.told(fleet, "good")).pieces == (), "it is here still, and no longer there"
    cached = await runs.told(fleet, "good", cached=True)
    assert cached.cached and [one.evidence.component for one in cached.pieces] == ["tracker"]
    await fleet.close()


@pytest.mark.slow  # 3 s
async def test_evidence_comes_home_with_the_results_of_a_run(project: Project) -> None:
    name = write_evidence(there(project), project.folder, "tracker", "red").name
    fleet = Fleet(project.profile)
    await runs.launch(fleet, "good")
    await fleet.start(["good"])
    async with asyncio.timeout(60):
        while not (folder_here(fleet, "good") / name).exists():
            await asyncio.sleep(0.05)
    await runs.wait(fleet, ["good"])
    await fleet.close()


@pytest.mark.slow  # 2 s
async def test_a_checklist_comes_home_and_names_what_the_profile_names(project: Project) -> None:
    to_do = (ToDo("file.txt is there", "file", ("file.txt",)), ToDo("it works", "command", ("cat", "file.txt")))
    fleet = strict(project, checklist=to_do, requires="")
    here = runs.checklist_here(fleet, "good")
    assert [item.why for item in here.items] == ["not looked at yet"] * 2 and not any(map(here.proved, here.items))
    commit = await runs.commit_of(fleet, "good")
    profile, far = fleet.profile, fleet.far("local")
    await prepare(fleet.connection("local"), far, profile.folder, commit, profile.project_id, "good")
    found = await runs.judge(fleet, "good")
    assert [(item.text, found.proved(item)) for item in found.items] == [
        ("file.txt is there", True),
        ("it works", True),
    ]
    assert found.commit == commit.hash and found.items[1].why.endswith(": first")
    here = runs.checklist_here(fleet, "good")
    assert here.items == found.items and all(here.proved(item, commit.hash) for item in here.items)
    assert not any(here.proved(item, "0" * 40) for item in here.items), "a proof is of its commit"
    assert [item.why for item in runs.checklist_here(strict(project, checklist=to_do[:1]), "good").items] == [
        found.items[0].why
    ]
    await fleet.close()


NONSENSE = (
    "", "[]", "{", "{}", '{"verdict": ["yes"], "reasons": 5, "at_s": "now"}', '{"at_s": 1e999}', "[" * 100_000,
    '{"verdict": "yes", "items": 7}', '{"items": [{"proof": {}, "argument": [[]]}, 5], "clock_s": true}',
    '{"items": [{"proof": "file", "argument": ["file.txt"], "proved": "yes", "commit": "c"}], "commit": "c"}',
)  # fmt: skip


async def test_nonsense_beside_the_evidence_proves_nothing(project: Project) -> None:
    fleet = strict(project, checklist=(ToDo("it is there", "file", ("file.txt",)),))
    folder = folder_here(fleet, "good")
    folder.mkdir(parents=True)
    for text in NONSENSE:
        for name in (PROOF_FILE, FILE, "tdd_tracker_green.txt"):
            (folder / name).write_text(text)
        assert [one.accepted for one in read_evidence(str(folder))] == [False]
        proof = proof_in(folder)
        assert proof is None or "" in (proof.verdict, proof.commit)
        here = runs.checklist_here(fleet, "good")
        assert not any(map(here.proved, here.items)), text
    await fleet.close()
