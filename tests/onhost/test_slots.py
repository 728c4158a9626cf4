"""GPUs of a host are never held twice over, are given first come, first served, and are free when a holder dies."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from remote.onhost import processes, queueing, slots
from remote.onhost.queueing import Grant, Queue
from remote.onhost.resources import Resources
from remote.onhost.spawn import Claim
from tests.onhost.far import DEADLINE_S, PROJECT, Far, lines, record, wait_for
from wire.codec import encode
from wire.run_dir import Root, replace_file

GPUS = "0, A100, 1000, 81559, 1, 50, 400, 30\\n1, A100, 500, 81559, 1, 50, 400, 30\\n2, T4, 0, 15360, 1, 50, 70, 30\\n"


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for nvidia-smi: prints what the file holds. Returns the file."""
    tools, told = tmp_path / "tools", tmp_path / "gpus"
    tools.mkdir()
    told.write_text(GPUS.replace("\\n", "\n"))
    script = tools / "nvidia-smi"
    script.write_text(f"#!{shutil.which('sh')}\ncat {told}\n")
    script.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return told


@dataclass
class Waiter:
    """One run in the queue, on a thread: each has open files of its own, so the locks work as between processes."""

    root: Root
    name: str
    wish: Resources
    project: str = PROJECT
    grant: Grant | None = None
    why: str = ""
    given_up: bool = False
    done: bool = False
    looks: int = 0

    def start(self) -> Waiter:
        claim = Claim(self.root.path, self.project, self.name, f"run-{self.name}", 1, "nonce-1")
        queue = Queue(self.root, self.wish, claim)

        def go_on() -> None:
            self.grant = queue.take(self._wait)
            self.done = True

        self.thread = threading.Thread(target=go_on, daemon=True)
        self.thread.start()
        wait_for(lambda: self.done or self.why, f"{self.name}'s first look")
        return self

    def _wait(self, why: str) -> bool:
        self.why, self.looks = why, self.looks + 1
        threading.Event().wait(0.01)
        return not self.given_up

    def still_waits(self) -> bool:
        """Whether it has looked anew since now and found nothing."""
        seen = self.looks + 1  # one look may have begun before
        wait_for(lambda: self.done or self.looks > seen, f"{self.name}'s next look")
        return not self.done

    def has(self) -> tuple[int, ...]:
        self.thread.join(DEADLINE_S)
        assert self.grant is not None
        return self.grant.gpus

    def leave(self) -> None:
        """As the end of the last process that holds the locks."""
        assert self.grant is not None
        slots.close(self.grant.fds)
        self.grant = None


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Callable[..., Waiter]]:
    waiters: list[Waiter] = []

    def join(name: str, *, project: str = PROJECT, **wish: object) -> Waiter:
        root = Root(str(tmp_path / "root"))
        waiters.append(Waiter(root, name, Resources.from_dict(wish), project).start())
        return waiters[-1]

    yield join
    for one in waiters:
        one.given_up = True
        one.thread.join(DEADLINE_S)
        if one.grant is not None:
            one.leave()


def test_two_share_a_gpu_and_the_third_waits_its_turn(queue: Callable[..., Waiter]) -> None:
    a, b = queue("a", gpu=0), queue("b", gpu=0, project="other-9f9f")
    assert (a.has(), b.has()) == ((0,), (0,))
    c, d = queue("c", gpu=0), queue("d", gpu=0)
    assert c.why == "GPU 0 is taken by a (just now) and b of other-9f9f (just now)"
    assert d.why.startswith("behind c (just now); GPU 0 is taken by ")
    assert queue("e", gpu=1).has() == (1,), "a free GPU that nobody before it could use"
    b.leave()
    assert c.has() == (0,)
    assert d.still_waits()
    a.leave()
    assert d.has() == (0,)


def test_an_exclusive_run_is_alone(queue: Callable[..., Waiter]) -> None:
    a = queue("a", gpu=0)
    alone = queue("alone", gpu=0, exclusive=True)
    assert "taken by a" in alone.why
    later = queue("later", gpu=0)
    assert "behind alone (just now)" in later.why, "else one that shares would starve one that does not"
    a.leave()
    assert alone.has() == (0,)
    assert later.still_waits()
    alone.leave()
    assert later.has() == (0,)


def test_who_counts_on_more_slots_than_others_takes_no_more_than_they_leave(queue: Callable[..., Waiter]) -> None:
    a, b, c = (queue(name, gpu=0, slots=4) for name in "abc")
    assert [one.has() for one in (a, b, c)] == [(0,)] * 3
    two = queue("two", gpu=0, slots=2)
    a.leave()
    assert two.still_waits()
    b.leave()
    assert two.has() == (0,)


def test_auto_takes_the_emptiest_and_waits_for_memory(queue: Callable[..., Waiter], smi: Path) -> None:
    first = queue("first", gpus=1)
    assert first.has() == (1,), "fewest runs, then most free memory"
    assert queue("second", gpus=2).has() == (0, 2)
    large = queue("large", gpus=1, gpu_memory_mib=81000)
    assert "GPU 1 has 81059 MiB free" not in large.why
    assert large.has() == (1,)
    short = queue("short", gpu=2, gpu_memory_mib=15361)
    wait_for(lambda: short.why == "GPU 2 has 15360 MiB free, it needs 15361", short.why)
    smi.write_text("")
    nothing = queue("nothing", gpus=1)
    wait_for(lambda: "behind short" in nothing.why)


def test_memory_that_became_free_is_seen(
    queue: Callable[..., Waiter], smi: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queueing, "FRESH_S", 0.05)
    monkeypatch.setattr(queueing, "LOOK_S", 4 * DEADLINE_S)
    smi.write_text("0, A100, 80000, 81559, 1, 50, 400, 30\n")
    one = queue("one", gpu=0, gpu_memory_mib=40000)
    wait_for(lambda: one.why == "GPU 0 has 1559 MiB free, it needs 40000", one.why)
    smi.write_text("0, A100, 1000, 81559, 1, 50, 400, 30\n")
    assert one.has() == (0,)


class Tool:
    """A stand-in for `machine.Gpus` whose last answer is so old; `asked` holds how long its asker waited."""

    has_tool, trouble = True, "nvidia-smi hangs"

    def __init__(self, age_s: float, last: list[dict[str, object]]) -> None:
        self.last_at, self.last, self.asked = time.monotonic() - age_s, last, list[float]()

    def ask(self, wait_s: float) -> None:
        self.asked.append(wait_s)


@pytest.mark.parametrize(
    ("age_s", "last", "asked", "why"),
    [
        (0.0, [{"index": 0}], [], ""),
        (0.6 * queueing.FRESH_S, [{"index": 0}], [0.0], ""),
        (2.0 * queueing.FRESH_S, [{"index": 0}], [queueing.LOOK_S / 4], "nvidia-smi has not answered yet"),
        (0.0, [], [], "nvidia-smi hangs"),
    ],
)
def test_a_slow_tool_is_asked_anew_before_its_answer_is_old(
    tmp_path: Path, age_s: float, last: list[dict[str, object]], asked: list[float], why: str
) -> None:
    claim = Claim(str(tmp_path), PROJECT, "a", "run-a", 1, "nonce-1")
    queue, tool = Queue(Root(str(tmp_path)), Resources(gpus=1), claim), Tool(age_s, last)
    queue._gpus = tool  # type: ignore[assignment]
    assert (queue._unknown(), tool.asked) == (why, asked)


def test_who_waits_holds_nothing(queue: Callable[..., Waiter], smi: Path) -> None:
    for name, wish in {"a": {"gpu": 0, "exclusive": True}, "b": {"gpu": 1}, "c": {"gpu": 1}}.items():
        assert queue(name, **wish).grant
    many = queue("many", gpus=3)
    wait_for(lambda: "GPU 1 is taken" in many.why)
    with slots.turn_to_look(many.root):
        open_files = [os.path.realpath(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]
    start = os.path.join(slots.folder(many.root), "gpu")
    held = sorted(path.removeprefix(start) for path in open_files if path.startswith(start))
    assert held == ["0", "1", "1", "1.0", "1.1"]


def test_who_gives_up_leaves_the_queue(queue: Callable[..., Waiter]) -> None:
    a = queue("a", gpu=0, exclusive=True)
    b, c = queue("b", gpu=0), queue("c", gpu=0)
    b.given_up = True
    b.thread.join(DEADLINE_S)
    assert (b.done, b.grant) == (True, None)
    wait_for(lambda: "behind" not in c.why)
    a.leave()
    assert c.has() == (0,)


def test_a_start_waits_for_the_first_progress_of_the_one_before_it(queue: Callable[..., Waiter]) -> None:
    canary = queue("canary", stagger_s=3600)
    assert canary.has() == ()
    later = queue("later", stagger_s=3600)
    assert later.why == "lets canary make its first progress, for at most 3600 s"
    run = later.root.run(PROJECT, "canary", "run-canary")
    os.makedirs(run.path)
    replace_file(run.progress, encode({"attempt": "run-canary.1", "seq": 1, "phase": "load", "step": 0}))
    assert later.still_waits()
    replace_file(run.progress, encode({"attempt": "run-canary.1", "seq": 2, "phase": "train", "step": 1}))
    assert later.has() == ()
    assert queue("unstaggered", gpu=0, exclusive=True).has() == (0,)
    assert queue("waiting", gpu=0).still_waits()
    why = queue("without", stagger_s=3600).why
    assert why.startswith("lets unstaggered make"), "it wants no GPU, so it is behind nobody"


def test_machines_that_share_a_root_share_no_gpu(queue: Callable[..., Waiter], monkeypatch: pytest.MonkeyPatch) -> None:
    assert queue("here", gpu=0, exclusive=True).has() == (0,)
    monkeypatch.setenv(processes.BOOT_ID_OVERRIDE, "that-one")
    assert queue("there", gpu=0, exclusive=True).has() == (0,)


def test_a_canary_that_died_holds_nobody(queue: Callable[..., Waiter], monkeypatch: pytest.MonkeyPatch) -> None:
    assert queue("canary", stagger_s=3600).has() == ()
    assert queue("later", stagger_s=3600).still_waits()
    monkeypatch.setattr(slots, "alive", lambda _holder: False)
    assert queue("last", stagger_s=3600).has() == ()


def test_a_ticket_without_a_living_supervisor_is_taken_away(queue: Callable[..., Waiter], tmp_path: Path) -> None:
    folder = Path(slots.folder(Root(str(tmp_path / "root"))))
    folder.mkdir(parents=True)
    (folder / "queue-000000000007").write_text('{"worker": "dead", "wanted": null}')
    assert queue("a", gpu=0).has() == (0,)
    assert not list(folder.glob("queue-*"))


def test_a_queued_run_says_so_starts_when_it_can_and_stops_at_once(far: Far) -> None:
    wish = {"gpu": 0, "exclusive": True, "threads": 3, "nice": 7}
    holder = far.launch("sleep", "60", nonce="nonce-a", worker="a", resources=wish)
    show = "echo $CUDA_VISIBLE_DEVICES $OMP_NUM_THREADS; nice"
    waiting = far.launch("sh", "-c", show, nonce="nonce-b", worker="b", resources=wish, beat_interval_s=60.0)
    stopped = far.launch("sh", "-c", "echo no", nonce="nonce-c", worker="c", resources=wish, beat_interval_s=60.0)
    beat = wait_for(lambda: (b := record(waiting.heartbeat)) and b["state"] == "queued" and b)
    assert beat["waits_for"] == "GPU 0 is taken by a (just now)"
    assert beat["text"] == f"queued: {beat['waits_for']}"
    wait_for(lambda: (b := record(stopped.heartbeat)) and b["state"] == "queued")
    assert far.stop("c")["reason"] == "by ada@laptop"
    assert not os.path.getsize(stopped.log)

    for pid in far.family("nonce-a"):
        os.kill(pid, signal.SIGKILL)
    assert far.end(waiting)["state"] == "completed"
    assert Path(waiting.log).read_text() == "0 3\n7\n"
    assert [event["kind"] for event in lines(waiting.events)] == ["started", "queued", "granted", "ended"]
    assert [point["bytes"] for point in lines(waiting.log_index)][:1] == [0]
    assert lines(holder.events)[1]["data"] == {"gpus": [0]}
    assert record(waiting.heartbeat)["gpus"] == record(holder.heartbeat)["gpus"] == [0]
    assert "gpus" not in beat, "what waits has none"

    name = os.path.basename(stopped.path)
    spec = {"run": name, "project": PROJECT, "worker": "c"}
    assert far.ask("launch", spec=spec, resume=True, nonce=far.nonce("nonce-d"))["ok"], "a resume queues anew"
    assert far.end(stopped, 2)["code"] == 0


def test_a_gpu_that_leftovers_hold_is_no_endless_queue(far: Far) -> None:
    holder = far.launch("sleep", "60", worker="a", resources={"gpu": 0, "exclusive": True})
    wait_for(lambda: len(far.family()) == 2)
    os.kill(record(holder.attempt(1).job)["pid"], signal.SIGKILL)  # type: ignore[index]
    wait_for(lambda: len(far.family()) == 1)
    spec = far.spec("true", worker="b", nonce="nonce-2", resources={"gpu": 0})
    refused = far.ask("launch", spec=spec)
    assert (refused["ok"], refused["code"]) == (False, "orphans")
    assert refused["message"] == "GPU 0 is taken by what is left of a, whose supervisor is gone: stop it"
    answer = far.stop("a")
    assert (answer["stopped"], answer["forced"]) == (True, False), "it ended by TERM, without its supervisor too"
    assert far.ask("launch", spec=spec)["ok"]


@pytest.mark.slow  # about 10 s
@pytest.mark.parametrize("slots", [2, 1])
def test_four_runs_of_two_projects_on_one_gpu(far: Far, tmp_path: Path, slots: int) -> None:
    """Real processes: never one holder too many, and with a single slot in the order in which they came."""
    held, order, go = tmp_path / "held", tmp_path / "order", tmp_path / "go"
    held.mkdir()
    script = (
        f"echo $0 >> {order}; touch {held}/$0; ls {held} | wc -l\n"
        f"while ! test -e {go}; do sleep 0.05; done; rm {held}/$0"
    )
    runs = []
    for number in range(4):
        spec = far.spec(
            "sh", "-c", script, f"w{number}", worker=f"w{number}", nonce=f"nonce-{number}",
            project=("one-1a1a", "two-2b2b")[number % 2], resources={"gpu": 0, "slots": slots},
        )  # fmt: skip
        assert far.ask("launch", spec=spec)["ok"]
        runs.append(Root(far.root).run(spec["project"], spec["worker"], spec["run"]))
        wanted = "running" if number < slots else "queued"
        wait_for(lambda run=runs[-1], wanted=wanted: (record(run.heartbeat) or {}).get("state") == wanted)
    wait_for(lambda: len(list(held.iterdir())) == slots)
    go.touch()
    assert all(far.end(run)["code"] == 0 for run in runs)
    assert max(int(Path(run.log).read_text()) for run in runs) == slots
    assert slots == 2 or order.read_text().split() == ["w0", "w1", "w2", "w3"]
