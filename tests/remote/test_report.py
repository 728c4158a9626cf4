"""The page of a span of time: from hosts' records, from copies where a host is away, by no clock but the host's."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.errors import Unreachable
from remote.fleet import Fleet
from remote.onhost.past import past
from remote.report import HostShare, PastRun, Report, _read, _share, report, union_s
from tests.fixtures.project import Project
from tests.onhost.test_remove import NEW, OLD, a_run, alive
from tui.housekeeping.report import page
from wire.records import Event, ExitRecord, JobRecord, RunSpec, RunSummary
from wire.run_dir import Root, RunDir
from wire.state import State

HOUR_S = 3600.0


def lasted(run: RunDir, name: str, hours_ago: float, hours: float, state: str = "completed", **more: object) -> RunDir:
    """Write when a run's only attempt was active, and how it ended."""
    began = time.time() - hours_ago * HOUR_S
    Path(run.attempt(1).job).write_bytes(JobRecord(f"{name}.1", "n", 1, 1, "b", began).to_line())
    ended = ExitRecord(f"{name}.1", state, 0, began + hours * HOUR_S, extra={"last_line": "out of memory"})
    Path(run.attempt(1).exit).write_bytes(ended.to_line())
    spec = RunSpec(name, "p", "w", "n", ("x",), "", commit="3f2a91c" + "0" * 33, subject="Try", by="ada@lab", **more)  # type: ignore[arg-type]
    Path(run.spec).write_bytes(spec.to_line())
    return run


def test_a_host_tells_what_was_active_and_what_it_took(tmp_path: Path) -> None:
    old, new = a_run(tmp_path, OLD), a_run(tmp_path, NEW)
    lasted(old, OLD, 40.0, 2.0)
    lasted(new, NEW, 5.0, 2.0, "failed", resources={"gpus": 4})
    told = past({"root": str(tmp_path), "project": "p", "within_s": 24 * HOUR_S})
    assert [item["run"] for item in told["runs"]] == [NEW], "the other ended before"
    [item] = told["runs"]
    assert (item["state"], item["last_line"], item["going_on"]) == ("failed", "out of memory", False)
    assert item["attempts"][0]["gpus"] == 4
    Path(new.events).write_bytes(Event("granted", 1.0, f"{NEW}.1", data={"gpus": [0, 3]}).to_line() + b"no record\n")
    assert past({"root": str(tmp_path), "project": "p"})["runs"][1]["attempts"][0]["gpus"] == 2, "what it got counts"
    alive(new)
    item = past({"root": str(tmp_path), "project": "p", "within_s": 1.0})["runs"][0]
    assert item["going_on"] and item["attempts"][0]["ended_s"] == pytest.approx(time.time(), abs=600.0)


async def test_what_a_host_cannot_tell_is_told_by_the_copies_here(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = Fleet(project.profile)
    away = Root(str(project.folder)).run("x", "y", OLD)
    copy = a_run(project.folder / "elsewhere", OLD)
    lasted(copy, OLD, 3.0, 1.0, "failed")
    home = project.profile.results / "good"
    home.mkdir(parents=True)
    Path(copy.path).rename(home / OLD)
    assert not Path(away.path).exists()
    found = await report(fleet, ["local"], time.time() - 24 * HOUR_S, {"local": Unreachable("local: refused")})
    [run] = found.runs
    assert (run.worker, run.state, run.synced, run.subject) == ("good", State.FAILED, True, "Try")
    assert run.reason == "out of memory" and run.busy_s == pytest.approx(HOUR_S, abs=1.0)
    assert found.hosts[0].problem == "local: refused" and found.hosts[0].cost_usd is None
    (home / OLD / "attempts" / "1" / "exit").unlink()
    [run] = (await report(fleet, ["local"], time.time() - 24 * HOUR_S, {"local": Unreachable("local: refused")})).runs
    await fleet.close()
    assert run.reason == "had not ended when it was synced"
    assert ", now, " not in "\n".join(page(replace(found, runs=(run,)))), "a copy does not know what goes on now"
    text = "\n".join(page(found))
    assert "1 failed" in text and "told by the copy here" in text and "  local: refused; 1 run as synced here" in text
    nothing = page(replace(found, runs=()))
    assert "nothing ran, as far as is known without local" in nothing, "a host that is silent may have run something"


async def test_what_a_host_tells_counts_within_the_span_and_goes_before_the_copy_here(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, now = Fleet(project.profile), 1e9  # by the clock of the host, which is far from ours

    def told(run: str, *attempts: tuple[float, float, int | None], state: str = "completed") -> dict[str, Any]:
        spans = [{"began_s": now - began * HOUR_S, "ended_s": now - ended * HOUR_S, "gpus": gpus}
                 for began, ended, gpus in attempts]  # fmt: skip
        return {"worker": "good", "run": run, "spec": {}, "state": state, "reason": "", "last_line": "", "result": None,
                "attempts": spans}  # fmt: skip

    class Far:
        root = "/r"

        async def ready(self) -> None:
            pass

        async def call(self, verb: str, asked: dict[str, Any], **_more: object) -> dict[str, Any]:
            older, newest = (30.0, 20.0, 2), ((3.0, 2.0, 1), (2.0, 1.0, None), (0.5, 0.0, 1))
            runs = [told(OLD, older, (5.0, 4.0, 2)), told(NEW, *newest, state="running")]
            runs += [told("../etc", (1.0, 0.0, 1)), {"run": "nonsense"}]
            return {"clock_s": now, "runs": runs, "left_out": 7}

    monkeypatch.setattr(fleet, "far", lambda host: Far())
    copy = a_run(project.folder / "elsewhere", OLD)
    lasted(copy, OLD, 3.0, 1.0, "failed")
    (project.profile.results / "good").mkdir(parents=True)
    Path(copy.path).rename(project.profile.results / "good" / OLD)
    found = await report(fleet, ["local"], time.time() - 24 * HOUR_S, {})
    await fleet.close()
    assert [(run.run, run.state, run.synced) for run in found.runs] == [
        (NEW, State.RUNNING, False), (OLD, State.COMPLETED, False),
    ]  # fmt: skip
    newest, older = found.runs
    assert older.busy_s == pytest.approx(5 * HOUR_S, abs=1.0) and older.gpu_s == pytest.approx(10 * HOUR_S, abs=2.0)
    assert newest.gpu_s is None, "an attempt that says nothing of GPUs may have used any"
    assert found.hosts[0].left_out == 7 and found.hosts[0].busy_s == pytest.approx(7.5 * HOUR_S, abs=2.0)
    assert "7 runs more not told" in "\n".join(page(found))
    elsewhere = replace(older, host="other", spans=((9 * HOUR_S, 0.0),))
    assert _share(fleet, "local", [older, elsewhere], "", 0).busy_s == pytest.approx(5 * HOUR_S, abs=1.0)


def test_the_page_says_what_it_took_and_escapes_what_hosts_said() -> None:
    gate = RunSummary("r.1", 1.0, "completed", gate={"passed": True})
    runs = (
        PastRun("a", "box", "r", State.COMPLETED, subject="*bold* <b>|", spans=((7200.0, 3600.0),), gpu_s=7200.0,
                passed_gate=True, result=gate),
        PastRun("b", "box", "s", State.LOST, reason="pid gone", spans=((3600.0, 0.0),), gpu_s=None),
    )  # fmt: skip
    found = Report("p", 0.0, 7200.0, runs, (HostShare("box", 7200.0, 3.0, left_out=2),))
    text = "\n".join(page(found, as_markdown=True))
    hostile = replace(found, runs=(replace(runs[0], subject="a \x1b]0;x\x07 b", worker="w\x9b2J"),))
    for markdown in (False, True):
        assert all(line.replace("\n", "").isprintable() for line in page(hostile, as_markdown=markdown))
    assert "2 runs of 2 workers" in text and "2.0 hours of GPUs (1 run not counted)" in text
    assert "about 3.00 USD" in text and r"\*bold\* \<b\>\|" in text and "lost: pid gone" in text
    assert "passed its gate" in text and "2 runs more not told" in text and text.startswith("# p: ")


async def test_a_run_that_makes_no_sense_is_left_out(project: Project) -> None:
    fleet = Fleet(project.profile)
    odd: list[object] = [None, 7, [], {}, {"worker": "../x"}, {"worker": "w", "run": "r", "spec": 7}]
    for bad in odd:
        assert _read(fleet, "local", bad, 0.0, 1.0) is None
    await fleet.close()


SPANS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: (max(pair), min(pair))), max_size=6)


@given(SPANS)
def test_time_in_which_anything_ran_counts_once(spans: list[tuple[float, float]]) -> None:
    seconds = {at for began, ended in spans for at in range(int(ended), int(began))}
    assert union_s(spans) == len(seconds)
