"""The follower tells what changes, once, in order, and never dies of what it finds."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remote.fold import fold_facts
from remote.onhost import processes
from tests.onhost.far import PROJECT, Far, Following, record, wait_for
from wire.codec import LINE_MAX_BYTES, encode
from wire.run_dir import RunDir, append_line, replace_file

Follow = Callable[..., Following]
MODES = pytest.mark.parametrize("mode", [(), ("poll=0.2",)], ids=["inotify", "poll"])


def numbered(run: RunDir, first: int, last: int) -> None:
    """Append metric lines, as the work does."""
    for step in range(first, last + 1):
        append_line(run.metrics, encode({"step": step, "epoch": 0, "at_s": 1.0, "values": {}}))


def steps(following: Following) -> list[int]:
    return [json.loads(line)["step"] for line in following.text("metrics")]


@MODES
def test_a_run_from_its_start_to_its_end(far: Far, follow: Follow, mode: tuple[str, ...]) -> None:
    following = follow(*mode)
    following.watch()
    hello = following.wait(lambda m: m["k"] == "hello")
    assert (hello["protocol"], hello["pid"]) == (1, following.process.pid)
    assert hello["boot_id"] == processes.boot_id()
    assert abs(hello["clock_s"] - time.time()) < 60
    run = far.launch("sh", "-c", "while ! test -e go; do sleep 0.05; done; exit 3")
    first = following.part("spec", lambda spec: spec["nonce"] == far.nonce())
    assert (first["worker"], first["run"], first["attempt"]) == ("w", os.path.basename(run.path), 1)
    following.part("alive", lambda alive: alive is True)
    following.part("beat", lambda beat: beat["state"] == "running" and beat["seq"] >= 4)
    numbered(run, 1, 3)
    replace_file(run.progress, encode({"attempt": "x.1", "seq": 1, "at_s": 1.0, "phase": "train"}))
    following.part("progress", lambda progress: progress["seq"] == 1)
    wait_for(lambda: steps(following) == [1, 2, 3])
    Path(run.path, "go").touch()
    following.part("exit", lambda exit: exit["code"] == 3)
    gone = following.part("alive", lambda alive: alive is False)
    assert (gone["why"], gone.get("orphans", 0)) == ("gone", 0)
    wait_for(lambda: [json.loads(line)["kind"] for line in following.text("events")] == ["started", "ended"])
    assert len(following.text("actions")) == 1
    assert sum("spec" in message for message in following.messages) == 1, "what did not change is not said again"


def test_a_ping_is_answered_after_everything_that_was_asked_before_it(far: Far, follow: Follow) -> None:
    """Both requests in one write: the answer to the ping is the word that all runs have been told."""
    far.launch("true")
    following = follow()
    watch = {"op": "watch", "root": far.root, "project": PROJECT, "offsets": {}}
    stdin = following.process.stdin
    assert stdin is not None
    stdin.write(b"".join(json.dumps(asked).encode() + b"\n" for asked in (watch, {"op": "ping", "t": 1.5})))
    stdin.flush()
    following.wait(lambda m: m["k"] == "pong")
    kinds = [message["k"] for message in following.messages]
    assert kinds.index("run") < kinds.index("pong")


@MODES
def test_a_resume_is_seen(far: Far, follow: Follow, mode: tuple[str, ...]) -> None:
    run = far.launch("false")
    far.end(run)
    following = follow(*mode)
    following.watch()
    following.part("exit", lambda exit: exit["code"] == 1)
    spec = {"run": os.path.basename(run.path), "project": PROJECT, "worker": "w"}
    assert far.ask("launch", spec=spec, resume=True, nonce=far.nonce("nonce-2"))["ok"]
    following.part("attempt", lambda attempt: attempt == 2)
    following.part("exit", lambda exit: exit["attempt"].endswith(".2"))


def test_a_reconnect_loses_and_repeats_nothing(far: Far, follow: Follow) -> None:
    run = far.launch("sleep", "60")
    numbered(run, 1, 5000)
    first = follow()
    first.watch()
    wait_for(lambda: steps(first)[-1:] == [5000])
    assert steps(first) == list(range(1, 5001))
    for message in (m for m in first.messages if m["k"] == "lines" and m["file"] == "metrics"):
        assert len(encode(message)) <= LINE_MAX_BYTES
        assert message["end"] - message["start"] == sum(len(line) + 1 for line in message["lines"])
    last = [m for m in first.messages if m["k"] == "lines" and m["file"] == "metrics"][-1]
    first.close()
    numbered(run, 5001, 5003)
    second = follow()
    second.watch(**{f"w/{last['run']}/metrics": [last["inode"], last["end"]]})
    numbered(run, 5004, 5005)
    wait_for(lambda: steps(second)[-1:] == [5005])
    assert steps(second) == [5001, 5002, 5003, 5004, 5005]
    far.stop(kill=True)


def test_another_file_under_the_name_is_read_from_its_beginning(far: Far, follow: Follow) -> None:
    run = far.launch("sleep", "60")
    numbered(run, 1, 3)
    following = follow()
    following.watch(**{f"w/{os.path.basename(run.path)}/metrics": [1, 100]})
    wait_for(lambda: steps(following) == [1, 2, 3])
    os.unlink(run.metrics)
    numbered(run, 7, 8)
    wait_for(lambda: steps(following)[3:] == [7, 8])
    far.stop(kill=True)


@MODES
def test_the_log_of_the_selected_worker_alone(far: Far, follow: Follow, mode: tuple[str, ...]) -> None:
    run = far.launch("sleep", "60")
    Path(run.log).write_bytes(b"".join(b"line %06d\n" % i for i in range(20_000)))
    following = follow(*mode)
    following.watch()
    following.part("spec", bool)
    with open(run.log, "ab") as log:
        log.write(b"unseen\n")
    following.send(op="select", worker="w", tail_bytes=1000)
    wait_for(lambda: following.text("log")[-1:] == ["unseen"])
    first = next(m for m in following.messages if m["k"] == "lines" and m["file"] == "log")
    assert first["skipped"] == first["start"] > 200_000, "all before the tail"
    assert first["lines"][0].startswith("line 0"), "whole lines only"
    with open(run.log, "ab", buffering=0) as log:
        log.write(b"\xff\x1b[31mred\nhalf a li")
        wait_for(lambda: "\ufffd\x1b[31mred" in following.text("log"))
        log.write(b"ne\n")
        wait_for(lambda: "half a line" in "".join(following.text("log")))
        following.send(op="select", worker=None)
        following.send(op="ping", t=1.0)
        following.wait(lambda m: m["k"] == "pong")
        log.write(b"not for us\n")
    numbered(run, 1, 1)
    wait_for(lambda: steps(following) == [1])
    assert "not for us" not in following.text("log")
    far.stop(kill=True)


def test_an_unfinished_line_is_sent_after_a_while(far: Far, follow: Follow) -> None:
    run = far.launch("sleep", "60")
    following = follow()
    following.watch()
    following.send(op="select", worker="w", tail_bytes=1000)
    following.part("spec", bool)
    with open(run.log, "ab", buffering=0) as log:
        log.write(b"\r10 %\r20 %")
        partial = following.wait(lambda m: m["k"] == "lines" and m["file"] == "log")
        assert (partial["lines"], partial["partial"]) == (["\r10 %\r20 %"], True)
        log.write(b"\r100 %\n")
    rest = following.wait(lambda m: m["k"] == "lines" and m["file"] == "log" and not m.get("partial"))
    assert (rest["lines"], rest["start"]) == (["\r100 %"], partial["end"])
    far.stop(kill=True)


def test_a_flood_in_the_log_is_skipped_not_queued(far: Far, follow: Follow) -> None:
    run = far.launch("sleep", "60")
    following = follow()
    following.watch()
    following.send(op="select", worker="w", tail_bytes=2000)
    following.part("spec", bool)
    with open(run.log, "ab") as log:
        log.write(b"x" * 99 + b"\n")
        log.flush()
        wait_for(lambda: following.text("log"))
        log.write(b"".join(b"%099d\n" % i for i in range(50_000)))
    wait_for(lambda: following.text("log")[-1:] == [f"{49_999:099d}"])
    logs = [m for m in following.messages if m["k"] == "lines" and m["file"] == "log"]
    assert sum(message["skipped"] for message in logs) > 1_000_000
    places = [(message["start"] - message["skipped"], message["end"]) for message in logs]
    assert all(after[0] == before[1] for before, after in itertools.pairwise(places)), "every byte is told of"
    far.stop(kill=True)


def test_killed_supervisors_are_noticed(far: Far, follow: Follow) -> None:
    run = far.launch("sleep", "60")
    following = follow("proof=0.3")
    following.watch()
    following.part("alive", lambda alive: alive is True)
    wait_for(lambda: len(far.family()) == 2)
    os.kill(record(run.attempt(1).job)["pid"], signal.SIGKILL)  # type: ignore[index]
    lost = following.part("alive", lambda alive: alive is False)
    assert (lost["why"], lost["orphans"]) == ("gone", 1)
    far.stop()
    following.part("orphans", lambda orphans: orphans == 0)
    following.part("exit", lambda exit: exit["state"] == "stopped")


@MODES
def test_bad_files_are_warnings(far: Far, follow: Follow, mode: tuple[str, ...]) -> None:
    run = far.launch("sleep", "60")
    following = follow(*mode)
    following.watch()
    following.part("spec", bool)
    numbered(run, 1, 1)
    with open(run.metrics, "ab") as file:
        file.write(b"z" * 1_000_000 + b"\n")
        file.write(b"\xff" * 50_000 + b"\n")
    os.mkfifo(os.path.join(run.path, "fifo"))
    os.rename(os.path.join(run.path, "fifo"), run.result)
    following.wait(lambda m: m["k"] == "warning" and "result.json is not a regular file" in m["text"])
    for bad, why in (
        (b"[" * 50_000, "RecursionError"),
        (b'{"a": NaN}', "WireError"),
        (b"x" * 300_000, "over the limit"),
    ):
        replace_file(run.progress, bad)
        following.wait(lambda m, w=why: m["k"] == "warning" and "progress.json" in m["text"] and w in m["text"])
    replace_file(run.progress, encode({"attempt": "x.1", "seq": 8, "at_s": 1.0, "phase": "train"}))
    following.part("progress", lambda progress: progress["seq"] == 8)
    replace_file(run.progress, b"{")
    following.wait(lambda m: m["k"] == "warning" and "JSONDecodeError" in m["text"])
    replace_file(run.progress, encode({"attempt": "x.1", "seq": 9, "at_s": 1.0, "phase": "train"}))
    following.part("progress", lambda progress: progress["seq"] == 9)
    said = [m["progress"] for m in following.messages if m["k"] == "run" and "progress" in m]
    assert [progress and progress["seq"] for progress in said] == [None, 8, 9], "a bad record takes nothing away"
    numbered(run, 2, 2)
    wait_for(lambda: following.text("metrics")[-1].startswith('{"step":2,'))
    far.stop(kill=True)


def test_bad_requests_are_warnings(far: Far, follow: Follow) -> None:
    following = follow()
    assert following.process.stdin is not None
    following.process.stdin.write(b"\xff\n[1]\n" + b"[" * 100_000 + b"\n")
    for request in ({"op": "dance"}, {"op": "watch", "root": "x", "project": "p"}, {"op": "watch", "project": "../p"}):
        following.send(**request)
    following.send(op="watch", root=far.root, project=PROJECT, offsets="none")
    following.send(op="select", worker=7, tail_bytes="many")
    following.send(op="ping", t={"any": [1]})
    assert following.wait(lambda m: m["k"] == "pong")["t"] == {"any": [1]}
    texts = [message["text"] for message in following.messages if message["k"] == "warning"]
    assert any("dance" in text for text in texts)
    assert any("absolute" in text for text in texts)
    assert any("folder name" in text for text in texts)


def test_the_machine_is_described(far: Far, follow: Follow) -> None:
    following = follow("facts=0.1")
    following.watch()
    facts = following.wait(lambda m: m["k"] == "facts")
    assert facts["cpus"] == os.cpu_count()
    assert facts["memory_total_bytes"] > facts["memory_available_bytes"] > 0
    assert facts["disk_free_bytes"] > 0
    following.messages.clear()
    following.wait(lambda m: m["k"] == "facts")


def test_it_leaves_at_the_end_of_stdin(far: Far, follow: Follow) -> None:
    following = follow()
    following.watch()
    following.wait(lambda m: m["k"] == "hello")
    assert following.close() == 0


def test_it_leaves_after_a_silence(far: Far, follow: Follow) -> None:
    following = follow("silence=0.5")
    following.watch()
    assert following.process.wait(30) == 0


def test_it_leaves_though_nobody_reads(far: Far) -> None:
    """The output is stuck in a dead connection: only the thread that listens can notice."""
    run = far.launch("sleep", "60")
    numbered(run, 1, 1)
    with open(run.metrics, "ab") as file:
        for _ in range(400):
            file.write(os.urandom(5000).hex().encode() + b"\n")
    with far.start("follow", stderr=None) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"op": "watch", "root": far.root, "project": PROJECT}).encode() + b"\n")
        process.stdin.flush()
        stat = Path(f"/proc/{process.pid}/wchan")
        wait_for(lambda: "pipe" in stat.read_text() or _blocked(process.pid), "a write that blocks")
        process.stdin.close()
        assert process.wait(30) == 0
    far.stop(kill=True)


def _blocked(pid: int) -> Any:
    """True if the main thread sleeps in write(2)."""
    try:
        return Path(f"/proc/{pid}/syscall").read_text().split()[0] == "1"
    except OSError:
        return False


def test_workers_come_and_go(far: Far, follow: Follow) -> None:
    following = follow()
    following.watch()
    far.end(far.launch("true", worker="a"))
    following.part("exit", lambda exit: True, worker="a")
    os.rename(os.path.join(far.root, "runs", PROJECT, "a"), os.path.join(far.root, "aside"))
    far.end(far.launch("true", worker="b", nonce="nonce-2"))
    following.part("exit", lambda exit: True, worker="b")
    far.end(far.launch("true", worker="b", nonce="nonce-3"))
    following.wait(lambda m: m["k"] == "run" and m["run"].endswith("nonce-3") and m.get("exit"))


def test_the_gpus_of_nvidia_smi_reach_the_row(far: Far, follow: Follow, tmp_path: Path) -> None:
    lines = (
        "0, NVIDIA A100-SXM4-80GB, 12595, 81559, 87, 251.34, 400.00, 61",
        "1, Tesla T4, 4, 15360, [N/A], [N/A], [N/A], 33",
    )
    tool = tmp_path / "nvidia-smi"
    tool.write_text("".join(["#!/bin/sh\n", *(f"echo '{line}'\n" for line in lines)]))
    tool.chmod(0o700)
    far.env["PATH"] = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    following = follow("facts=0.2")
    following.watch()
    message = following.wait(lambda m: m["k"] == "facts" and m["gpus"], "facts that name the GPUs")
    first, second = fold_facts(message, 0.0, 0.0).gpus
    assert (first.name, first.memory_used_bytes, first.busy_percent) == ("NVIDIA A100-SXM4-80GB", 12595 * 1024**2, 87)
    assert (second.index, second.busy_percent) == (1, None)
