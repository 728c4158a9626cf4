"""Work of several processes: torchrun's words, the record of each rank, what is told of their deaths."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remote.onhost.outcome import Outcome
from remote.onhost.ranks import RankRecord, Ranks, Roll, record_name, started
from remote.onhost.request import Refusal
from remote.onhost.spawn import Claim
from tests.onhost.far import Far, lines, record, wait_for
from tests.trainer.sessions import TINY
from wire.records import RunSpec
from wire.run_dir import RunDir, replace_file
from wire.state import State

CLAIM = Claim("/r", "p", "w", "run", 1, "nonce")
TWO = {"nproc": 2, "nodes": 1}


def spec(**more: Any) -> RunSpec:
    return RunSpec("run", "p", "w", "nonce", ("python", "t.py"), "", **more)


class TestWords:
    def test_the_command_keeps_its_arguments_and_its_own_python_has_the_torchrun(self) -> None:
        words = started(["/env/bin/python3.11", "-m", "trainer", "run", "--config", "x"], Ranks(4), "/other", CLAIM)
        assert words[:3] == ["/env/bin/python3.11", "-m", "torch.distributed.run"]
        assert words[-6:] == ["/env/bin/python3.11", "-m", "trainer", "run", "--config", "x"]
        assert {"--nproc-per-node=4", "--max-restarts=3", "--standalone"} < set(words)
        assert words.index("--no-python") < words.index("/r/runs/p/w/run/attempts/1/ranks")
        assert "--signals-to-handle=SIGTERM,SIGINT" in words, "HUP stays ignored, and USR1 ends nobody"

    def test_another_command_is_started_by_the_torchrun_of_the_runs_python(self) -> None:
        words = started(["./train.sh", "-x"], Ranks(2), "/env/bin/python", CLAIM)
        assert words[0] == "/env/bin/python" and words[-2:] == ["./train.sh", "-x"]

    def test_several_machines_meet_at_the_first_and_are_started_by_srun(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", "8")
        words = started(["python", "t.py"], Ranks(2, 3), "/p", CLAIM)
        assert words[:4] == ["srun", "--nodes=3", "--ntasks=3", "--ntasks-per-node=1"]
        assert "--export=ALL" in words and "--cpus-per-task=8" in words and "--standalone" not in words
        agent = words[words.index("node") + 2 :]
        assert "/r/runs/p/w/run/attempts/1/ranks" in words[: words.index("node")], "is it seen there at all"
        assert agent[1:3] == ["-m", "torch.distributed.run"] and "--nnodes=3" in agent
        again = started(["python", "t.py"], Ranks(2, 3), "/p", CLAIM)
        assert again != words, "what is left of an earlier start must not join this one"

    @pytest.mark.parametrize(
        ("ranks", "said"),
        [
            ({"nproc": 0}, "`ranks.nproc` must be a whole number from 1 to 256, not 0"),
            ({"nproc": True}, "`ranks.nproc`"),
            ({"nproc": 2, "nodes": "3"}, "`ranks.nodes` must be"),
            ({"nproc": 2, "nodes": 2}, "2 nodes need a cluster"),
        ],
    )
    def test_nonsense_is_refused_before_anything_starts(self, far: Far, ranks: dict[str, Any], said: str) -> None:
        with pytest.raises(Refusal, match=said):
            Ranks.of(spec(ranks=ranks))
        answer = far.ask("launch", spec=far.spec("true", ranks=ranks))
        assert not answer["ok"] and said in answer["message"]


def ended(rank: int, code: int, at_s: float, asked: bool = False, node: str = "n1") -> RankRecord:
    reason = Outcome.of(code if code < 128 else 128 - code).reason
    return RankRecord(rank, 4, node, 100 + rank, at_s, code, reason, asked)


class TestRoll:
    @pytest.fixture
    def roll(self, tmp_path: Path) -> Roll:
        self.folder = tmp_path
        return Roll(str(tmp_path), 0)

    def write(self, generation: int, *records: RankRecord, kind: str = "end", restarts: int = 0) -> None:
        for one in records:
            path = self.folder / record_name(restarts, generation, one.rank, kind)
            replace_file(str(path), one.to_line())

    def test_the_first_death_is_the_reason_and_what_followed_is_named_after_it(self, roll: Roll) -> None:
        self.write(0, ended(0, 1, 12.0), ended(2, 137, 11.0, node="n2"), ended(3, 143, 13.0, asked=True))
        ((kind, text, data),) = roll.news()
        assert kind == "warning" and len(data["ranks"]) == 2
        assert text == "rank 2 of 4 on n2: killed by SIGKILL; then rank 0: exit code 1"
        assert roll.news() == [], "each death is told once"

    def test_a_new_start_says_why_and_which(self, roll: Roll) -> None:
        self.write(0, ended(1, 3, 11.0))
        self.write(1, ended(1, 0, 12.0), kind="start")
        assert [text for _, text, _ in roll.news()] == [
            "rank 1 of 4 on n1: exit code 3",
            "rank 1 of 4 on n1: exit code 3; torchrun starts all ranks again, restart 1 of 3",
        ]

    def test_the_end_is_that_of_the_rank_not_of_torchrun(self, roll: Roll) -> None:
        self.write(0, ended(1, 3, 11.0))
        self.write(1, ended(0, 1, 22.0), ended(1, 139, 21.0))
        roll.news()
        assert roll.outcome(Outcome.of(1)).reason == "rank 1 of 4 on n1: killed by SIGSEGV, after 1 restart"
        assert roll.outcome(Outcome.of(1)).code == 139

    def test_after_a_stop_the_first_rank_speaks_for_all(self, roll: Roll) -> None:
        self.write(0, ended(1, 143, 11.0, asked=True), ended(0, 143, 12.0, asked=True))
        assert roll.news() == []
        assert roll.outcome(Outcome.of(1)).code == 143
        assert roll.outcome(Outcome.of(-9)) == Outcome(State.FAILED, 137, "torchrun: killed by SIGKILL"), (
            "not the ranks"
        )

    def test_what_an_earlier_start_by_the_supervisor_left_is_not_of_this_one(self, roll: Roll) -> None:
        self.write(3, ended(1, 3, 11.0))
        assert Roll(str(self.folder), 1).news() == []

    def test_a_torchrun_that_started_nobody_says_so(self, roll: Roll) -> None:
        assert roll.outcome(Outcome.of(1)).reason == "no rank is known to have started: exit code 1"

    def test_a_node_that_did_not_come_up_is_counted(self, tmp_path: Path) -> None:
        (tmp_path / "0-n1.node").touch()
        reason = Roll(str(tmp_path), 0, 2).outcome(Outcome.of(143)).reason
        assert reason == "1 of 2 nodes came up (n1); do all see this folder? exit code 143"

    def test_a_broken_record_is_passed_over(self, roll: Roll) -> None:
        for name, text in (("0-0-1.end", "{"), ("0-x-1.end", "{}"), ("0-0-2.end", '{"rank": 2}'), ("readme", "")):
            (self.folder / name).write_text(text)
        assert roll.news() == []


STAND_IN = """
import os, subprocess, sys
nproc = int(next(word for word in sys.argv if word.startswith("--nproc-per-node=")).partition("=")[2])
command = sys.argv[sys.argv.index("--no-python") + 1 :]
for restart in range(4):
    common = {**os.environ, "WORLD_SIZE": str(nproc), "TORCHELASTIC_RESTART_COUNT": str(restart)}
    ranks = [subprocess.Popen(command, env={**common, "RANK": str(n)}, start_new_session=True) for n in range(nproc)]
    if not any([each.wait() for each in ranks]):
        sys.exit(0)
sys.exit(1)
"""
"""What of torchrun matters here: sessions of their own, and all of them again when one has failed."""


@pytest.fixture
def torch_here(tmp_path: Path) -> str:
    """A PYTHONPATH with a `torch.distributed.run` that starts at once."""
    folder = tmp_path / "packages" / "torch" / "distributed"
    folder.mkdir(parents=True)
    (folder / "run.py").write_text(STAND_IN)
    return str(tmp_path / "packages")


def test_a_lost_rank_is_said_and_the_run_goes_on(far: Far, torch_here: str) -> None:
    code = (
        "import os; os.environ['RANK'] + os.environ['TORCHELASTIC_RESTART_COUNT'] == '10' and os.kill(os.getpid(), 9)"
    )
    run = far.launch(sys.executable, "-c", code, ranks=TWO, env={"PYTHONPATH": torch_here})
    assert far.end(run)["state"] == "completed"
    told = [(event["kind"], event["text"]) for event in lines(run.events)]
    node = lines(run.events)[1]["data"]["ranks"][0]["node"]
    assert told[1] == ("warning", f"rank 1 of 2 on {node}: killed by SIGKILL")
    assert told[2][0] == "restarted" and told[2][1].endswith("restart 1 of 3")


def test_a_command_that_fails_for_good_ends_with_its_own_code(far: Far, torch_here: str) -> None:
    run = far.launch("./no-such", ranks={"nproc": 1}, env={"PYTHONPATH": torch_here, "PATH": os.environ["PATH"]})
    end = far.end(run)
    assert (end["state"], end["code"]) == ("failed", 127)
    assert "cannot run ./no-such: No such file or directory, after 3 restarts" in end["reason"]


class TestRank:
    """The process between torchrun and a rank."""

    @pytest.fixture
    def start(self, far: Far, tmp_path: Path) -> Iterator[Any]:
        children = []

        def begin(code: str) -> subprocess.Popen[bytes]:
            variables = {"RANK": "1", "WORLD_SIZE": "2", "TRAJVID_RESTARTS": "0"}
            far.env = {**variables, "TRAJVID_NONCE": far.nonce()}
            children.append(far.start("rank", str(tmp_path), sys.executable, "-c", code))
            wait_for(lambda: (tmp_path / "ready").exists() or children[-1].poll() is not None)
            return children[-1]

        yield begin
        for child in children:
            child.kill()
            child.communicate()

    READY = "import pathlib, signal, sys, time; ready = pathlib.Path({path!r}) / 'ready'\n"

    def script(self, folder: Path, code: str) -> str:
        return self.READY.format(path=str(folder)) + code

    def test_term_goes_on_once_and_the_record_says_that_it_was_asked(self, start: Any, tmp_path: Path) -> None:
        code = """
got = []
signal.signal(signal.SIGTERM, lambda *_: got.append(1))
ready.touch()
while not got: time.sleep(0.01)
time.sleep(0.3)
sys.exit(40 + len(got))
"""
        child = start(self.script(tmp_path, code))
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(20) == 41
        end = record(str(tmp_path / "0-0-1.end"))
        assert end is not None and (end["code"], end["asked"], end["rank"]) == (41, True, 1)

    def test_killed_it_takes_the_rank_along(self, far: Far, start: Any, tmp_path: Path) -> None:
        child = start(self.script(tmp_path, "ready.touch(); time.sleep(600)"))
        assert len(far.family()) == 2
        child.kill()
        child.wait()
        wait_for(lambda: not far.family(), "the rank's end")

    def test_usr1_is_for_the_rank_not_for_us(self, start: Any, tmp_path: Path) -> None:
        code = "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7)); ready.touch(); time.sleep(600)"
        child = start(self.script(tmp_path, code))
        os.kill(child.pid, signal.SIGUSR1)
        pid = wait_for(lambda: record(str(tmp_path / "0-0-1.start")))["pid"]
        os.kill(pid, signal.SIGUSR1)
        assert child.wait(20) == 7


PLAIN = """
import os, signal, sys, time, pathlib
folder = pathlib.Path(os.environ["TRAJVID_RUN_DIR"])
name = os.environ["RANK"] + "-" + os.environ["TORCHELASTIC_RESTART_COUNT"]
signal.signal(signal.SIGUSR1, lambda *_: (folder / f"checkpoint-{name}").touch())
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.2), (folder / f"saved-{name}").touch(), os._exit(143)))
(folder / f"up-{name}").touch()
time.sleep(600)
"""


def names(run: RunDir, prefix: str) -> set[str]:
    return {path.name for path in Path(run.path).glob(f"{prefix}-*")}


def up(run: RunDir, generation: int = 0) -> dict[int, int]:
    """Wait for both ranks; return rank -> pid."""
    wait_for(lambda: {f"up-0-{generation}", f"up-1-{generation}"} <= names(run, "up"), "both ranks")
    folder = Path(run.attempt(1).ranks)
    found = {n: record(str(folder / record_name(0, generation, n, "start"))) for n in range(2)}
    return {n: one["pid"] for n, one in found.items() if one}


@pytest.mark.slow
class TestTorchrun:
    """The real one; 8 s each."""

    @pytest.fixture
    def run(self, far: Far) -> RunDir:
        return far.launch(sys.executable, "-c", PLAIN, ranks=TWO)

    def test_usr1_reaches_every_rank_and_ends_none_term_ends_all_with_their_own_code(
        self, far: Far, run: RunDir
    ) -> None:
        up(run)
        supervisor = far.facts()["job"]["pid"]
        os.kill(supervisor, signal.SIGUSR1)
        wait_for(lambda: len(names(run, "checkpoint")) == 2, "both checkpoints")
        time.sleep(1)
        assert far.facts()["alive"] and not names(run, "saved")
        answer = far.stop()
        assert (answer["state"], answer["code"], answer["left"], answer["forced"]) == ("stopped", 143, [], False)
        assert len(names(run, "saved")) == 2

    def test_a_killed_rank_is_said_and_all_start_again(self, far: Far, run: RunDir) -> None:
        os.kill(up(run)[1], signal.SIGKILL)
        up(run, 1)
        wait_for(lambda: any(event["kind"] == "restarted" for event in lines(run.events)), "the event")
        assert far.facts()["alive"]
        assert not far.stop()["left"]

    def test_nothing_outlives_a_killed_torchrun(self, far: Far, run: RunDir) -> None:
        up(run)
        os.kill(far.facts()["beat"]["child_pid"], signal.SIGKILL)
        end = far.end(run)
        assert (end["state"], end["code"]) == ("failed", 137)
        assert len(names(run, "saved")) == 2, "the ranks heard TERM"
        wait_for(lambda: not far.family(), "the end of all")

    def test_a_kill_leaves_nothing(self, far: Far, run: RunDir) -> None:
        up(run)
        assert far.stop(kill=True)["left"] == []
        assert not far.family()


@pytest.mark.slow
def test_the_trainer_goes_on_from_its_checkpoint_when_a_rank_is_lost(far: Far) -> None:
    """About 40 s."""
    words = (*TINY, "epochs=20")
    run = far.launch(sys.executable, "-m", "trainer", "run", "--config", "keypoint", *words, ranks=TWO,
                     env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONSAFEPATH": "1"})  # fmt: skip
    wait_for(lambda: (Path(run.checkpoints) / "last.pt").exists(), "a checkpoint")
    start = record(str(Path(run.attempt(1).ranks) / record_name(0, 0, 1, "start")))
    assert start is not None
    os.kill(start["pid"], signal.SIGKILL)
    end = far.end(run)
    assert end["state"] == "completed", end
    assert "going on from last.pt at step" in Path(run.log).read_text()
    steps = [point["step"] for point in lines(run.metrics)]
    assert steps == sorted(set(steps)), "no step twice, none lost"
