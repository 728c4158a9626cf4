"""What the follower says becomes a row: states, ages, stale markers, hostile messages."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remote import doctor
from remote.clean import clean
from remote.fold import fold, fold_facts
from remote.metric_history import POINTS_MAX, extend
from remote.row import Row
from remote.snapshot import Gpu, Link, LinkStatus, RunSnapshot
from remote.verdict import CHECKING, LOST_AFTER_S, settle, settles_at
from tests.fixtures.gated import GATE, WHY
from tui.hosts.machine import skew_words
from wire.codec import WireError
from wire.records import MetricPoint
from wire.state import State

RUN = "20260101T000000-abcdef0-1f2e"
NOW = 1000.0


def row() -> Row:
    return Row(RunSnapshot(host="local", project="p", worker="w", link=LinkStatus(Link.LIVE)))


def run_message(**parts: Any) -> dict[str, Any]:
    return {"k": "run", "worker": "w", "run": RUN, "attempt": 1, "alive": True, "why": "", **parts}


def beat(seq: int = 1, state: str = "running", attempt: str = f"{RUN}.1", **more: Any) -> dict[str, Any]:
    return {"attempt": attempt, "seq": seq, "at_s": 5.0, "interval_s": 30.0, "state": state, "pid": 7, **more}


def exit_record(state: str, code: int | None, attempt: str = f"{RUN}.1", **more: Any) -> dict[str, Any]:
    return {"attempt": attempt, "state": state, "code": code, "at_s": 9.0, **more}


def progress(seq: int = 1, attempt: str = f"{RUN}.1", **more: Any) -> dict[str, Any]:
    return {"attempt": attempt, "seq": seq, "at_s": 6.0, "phase": "train", **more}


def queue(state: str, attempt: str = f"{RUN}.1", **more: Any) -> dict[str, Any]:
    return {"attempt": attempt, "job": "7", "state": state, **more}


def decision(word: str, attempt: str = f"{RUN}.1", by: str = "ada@laptop") -> dict[str, Any]:
    return {"decision": word, "by": by, "at_s": 9.5, "attempt": attempt}


STOP = {"attempt": f"{RUN}.1", "by": "ada@laptop", "at_s": 8.0}
RESULT = {"attempt": f"{RUN}.1", "at_s": 9.0, "verdict": "held"}


@pytest.mark.parametrize(
    ("parts", "state", "reason"),
    [
        ({}, State.STARTING, ""),
        ({"beat": beat(state="preparing")}, State.PREPARING, ""),
        ({"beat": beat(state="queued")}, State.QUEUED, ""),
        ({"beat": beat(state="queued", waits_for="GPU 0 is taken by a")}, State.QUEUED, "GPU 0 is taken by a"),
        ({"beat": beat(state="queued", waits_for="a\x1b[2J")}, State.QUEUED, "a"),
        ({"beat": beat()}, State.RUNNING, ""),
        ({"beat": beat(state="a word of next year")}, State.RUNNING, ""),
        ({"beat": beat(state="completed")}, State.RUNNING, ""),
        ({"beat": beat(), "stop": STOP}, State.STOPPING, "asked by ada@laptop"),
        ({"beat": beat(), "stop": {**STOP, "kill": True}}, State.STOPPING, "killed by ada@laptop"),
        ({"beat": beat(), "stop": {**STOP, "attempt": f"{RUN}.7"}}, State.RUNNING, ""),
        ({"beat": beat(attempt=f"{RUN}.7")}, State.STARTING, ""),
        ({"queue": queue("PENDING", reason="Resources")}, State.QUEUED, "Slurm: PENDING (Resources)"),
        ({"queue": queue("PENDING", reason="a\x1b[2J")}, State.QUEUED, "Slurm: PENDING (a)"),
        ({"queue": queue("CONFIGURING", waits=False, nodes="n1")}, State.STARTING, "Slurm: CONFIGURING on n1"),
        ({"queue": queue("RUNNING", waits=False), "beat": beat()}, State.RUNNING, ""),
        ({"queue": queue("SUSPENDED", waits=False), "beat": beat()}, State.RUNNING, "Slurm: SUSPENDED"),
        ({"queue": queue("PENDING", attempt=f"{RUN}.7")}, State.STARTING, ""),
        (
            {"queue": queue("PENDING", trouble="down"), "alive": None},
            State.QUEUED,
            "Slurm is unknown (down); it last said PENDING",
        ),
        (
            {"queue": queue("RUNNING", waits=False, trouble="down"), "alive": None, "beat": beat()},
            State.RUNNING,
            "Slurm is unknown (down); it last said RUNNING",
        ),
        ({"queue": queue("CANCELLED", waits=False), "exit": exit_record("stopped", None)}, State.STOPPED, ""),
        ({"exit": exit_record("completed", 0)}, State.COMPLETED, ""),
        ({"exit": exit_record("completed", 0), "result": RESULT}, State.HELD, "held at the gate"),
        (
            {"exit": exit_record("completed", 0), "result": {**RESULT, "gate": GATE}, "decision": decision("release")},
            State.HELD,
            f"held at the gate: {WHY}",
        ),
        (
            {"exit": exit_record("completed", 0), "result": {**RESULT, "gate": GATE}, "decision": decision("retire")},
            State.STOPPED,
            f"retired by ada@laptop at the gate: {WHY}",
        ),
        ({"exit": exit_record("failed", 3), "decision": decision("retire")}, State.FAILED, "exit code 3"),
        ({"exit": exit_record("completed", 0), "result": {**RESULT, "attempt": "x.1"}}, State.COMPLETED, ""),
        ({"exit": exit_record("failed", 3)}, State.FAILED, "exit code 3"),
        ({"exit": exit_record("failed", None)}, State.FAILED, "no exit code"),
        ({"exit": exit_record("failed", 3, reason="exit code 3: no data")}, State.FAILED, "exit code 3: no data"),
        ({"exit": exit_record("stopped", 143, by="ada@laptop")}, State.STOPPED, "by ada@laptop"),
        ({"exit": exit_record("exploded", 1)}, State.FAILED, "exit code 1"),
        ({"exit": exit_record("running", 0)}, State.FAILED, "exit code 0"),
        ({"exit": exit_record("completed", 0), "beat": beat(), "alive": False}, State.COMPLETED, ""),
        ({"exit": exit_record("failed", 3, attempt=f"{RUN}.2"), "beat": beat()}, State.RUNNING, ""),
        ({"alive": None, "beat": beat()}, State.RUNNING, ""),
        ({"alive": False, "why": "gone", "beat": beat()}, State.RUNNING, CHECKING),
    ],
)
def test_state_of_one_message(parts: dict[str, Any], state: State, reason: str) -> None:
    folded = fold(row(), run_message(**parts), NOW)
    assert (folded.row.snapshot.state, folded.row.snapshot.reason) == (state, reason)
    assert folded.warnings == ()


@pytest.mark.parametrize(
    ("why", "orphans", "reason"),
    [
        ("gone", 0, "supervisor gone, no exit record"),
        ("pid_reused", 0, "supervisor gone (its pid is another process now), no exit record"),
        ("rebooted", 0, "the host rebooted, no exit record"),
        ("gone", 2, "supervisor gone, no exit record; 2 of its processes still run"),
    ],
)
def test_dead_supervisor_is_lost_only_after_a_grace(why: str, orphans: int, reason: str) -> None:
    dead = fold(row(), run_message(alive=False, why=why, orphans=orphans, beat=beat()), NOW).row
    assert dead.snapshot.state is State.RUNNING
    assert settles_at(dead) == NOW + LOST_AFTER_S
    assert settle(dead, NOW + LOST_AFTER_S - 0.01) is dead
    lost = settle(dead, NOW + LOST_AFTER_S)
    assert (lost.snapshot.state, lost.snapshot.reason) == (State.LOST, reason)
    assert settles_at(lost) is None


def test_exit_record_in_the_grace_wins_and_the_clock_does_not_undo_it() -> None:
    dead = fold(row(), run_message(alive=False, why="gone", beat=beat()), NOW).row
    ended = fold(dead, {"k": "run", "worker": "w", "run": RUN, "exit": exit_record("completed", 0)}, NOW + 1).row
    assert settle(ended, NOW + 60).snapshot.state is State.COMPLETED


def test_exit_record_after_lost_still_wins() -> None:
    lost = settle(fold(row(), run_message(alive=False, why="gone"), NOW).row, NOW + 60)
    assert lost.snapshot.state is State.LOST
    assert (
        fold(lost, run_message(alive=False, exit=exit_record("failed", 9)), NOW + 61).row.snapshot.state is State.FAILED
    )


def test_lost_does_not_flicker_back_when_the_same_proof_comes_again() -> None:
    lost = settle(fold(row(), run_message(alive=False, why="gone"), NOW).row, NOW + 60)
    again = fold(lost, run_message(alive=False, why="gone", orphans=1), NOW + 61).row
    assert again.snapshot.state is State.LOST


def test_new_attempt_forgets_the_old_end_but_keeps_the_history() -> None:
    line = json.dumps({"step": 1, "epoch": 1, "at_s": 1.0, "values": {"loss": 1.0}, "attempt": f"{RUN}.1"})
    ended = fold(row(), run_message(beat=beat(4, text="bye"), exit=exit_record("failed", 3)), NOW).row
    ended = fold(ended, lines("metrics", [line]), NOW).row
    again = fold(ended, {"k": "run", "worker": "w", "run": RUN, "attempt": 2, "alive": True}, NOW + 1).row
    snapshot = again.snapshot
    assert (snapshot.state, snapshot.attempt) == (State.STARTING, f"{RUN}.2")
    assert snapshot.exit is None and snapshot.beat is None
    assert snapshot.messages == ("bye",) and len(snapshot.metrics) == 1


def test_new_run_starts_an_empty_row() -> None:
    old = fold(row(), run_message(beat=beat(text="hello"), progress=progress()), NOW).row
    new = fold(old, {"k": "run", "worker": "w", "run": "20270101T000000-abcdef0-aaaa", "attempt": 1}, NOW).row.snapshot
    assert new.messages == () and new.progress is None and new.state is State.STARTING
    assert (new.host, new.worker, new.link.link) == ("local", "w", Link.LIVE)


def test_ages_follow_sequence_numbers_on_our_clock() -> None:
    first = fold(row(), run_message(beat=beat(1), progress=progress(1)), NOW).row
    same = fold(first, run_message(beat=beat(1), progress=progress(1)), NOW + 40).row.snapshot
    assert (same.beat_at, same.progress_at, same.seen_at) == (NOW, NOW, NOW + 40)
    grown = fold(first, run_message(beat=beat(2, progress_seq=1, progress_age_s=30.0)), NOW + 41).row.snapshot
    assert (grown.beat_at, grown.progress_at) == (NOW + 41, NOW)
    assert same.silent(NOW + 91) and not same.silent(NOW + 89) and not grown.silent(NOW + 91)


def test_first_sight_of_old_progress_is_moved_back_by_the_hosts_own_age() -> None:
    parts = run_message(beat=beat(9, progress_seq=3, progress_age_s=700.0), progress=progress(3))
    snapshot = fold(row(), parts, NOW).row.snapshot
    assert snapshot.progress_at == NOW - 700
    assert snapshot.stalled(NOW)


def test_a_decision_stays_beside_the_attempts_that_follow_it_and_goes_with_its_run() -> None:
    one = fold(row(), run_message(exit=exit_record("completed", 0), result=RESULT), NOW).row
    one = fold(one, run_message(decision=decision("release")), NOW).row
    assert one.snapshot.state is State.HELD
    one = fold(one, {"k": "run", "run": RUN, "attempt": 2, "alive": True}, NOW).row
    assert one.snapshot.state is State.STARTING and one.snapshot.result is None
    assert one.snapshot.decision is not None and one.snapshot.decision.by == "ada@laptop"
    assert fold(one, {**run_message(), "run": "r2"}, NOW).row.snapshot.decision is None


def test_checkpoint_age() -> None:
    first = fold(row(), run_message(checkpoint_age_s=12.0), NOW).row
    assert first.snapshot.checkpoint_at == NOW - 12
    assert fold(first, run_message(beat=beat()), NOW + 5).row.snapshot.checkpoint_at == NOW - 12
    assert fold(first, run_message(checkpoint_age_s=-3), NOW + 5).row.snapshot.checkpoint_at == NOW + 5


def test_only_the_last_twenty_texts_are_kept() -> None:
    one = row()
    for seq in range(30):
        one = fold(one, run_message(beat=beat(seq, text=f"beat {seq}")), NOW + seq).row
    assert one.snapshot.messages == tuple(f"beat {seq}" for seq in range(10, 30))


def lines(
    file: str, texts: list[str], *, inode: int = 1, start: int = 0, end: int = 10, skipped: int = 0
) -> dict[str, Any]:
    return {
        "k": "lines", "worker": "w", "run": RUN, "file": file, "inode": inode,
        "start": start, "end": end, "lines": texts, "skipped": skipped,
    }  # fmt: skip


def point(step: int, attempt: int = 1, **values: float) -> MetricPoint:
    return MetricPoint(
        step=step, epoch=step, at_s=0.0, values=dict(values) or {"loss": 1.0}, attempt=f"{RUN}.{attempt}"
    )


def test_metrics_append_and_restart_with_a_new_file() -> None:
    texts = [json.dumps(point(step).to_dict()) for step in range(4)]
    one = fold(row(), run_message(), NOW).row
    one = fold(one, lines("metrics", texts[:2], end=20), NOW).row
    one = fold(one, lines("metrics", texts[2:], start=20, end=40), NOW).row
    assert [item.step for item in one.snapshot.metrics] == [0, 1, 2, 3]
    again = fold(one, lines("metrics", texts[:1], inode=2), NOW).row
    assert [item.step for item in again.snapshot.metrics] == [0]


def test_a_resumed_attempt_replaces_the_steps_it_says_again() -> None:
    history = extend((), [point(step) for step in (10, 20, 30, 40)])
    resumed = extend(history, [point(30, attempt=2, loss=9.0), point(40, attempt=2)])
    assert [(item.step, item.attempt[-1]) for item in resumed] == [(10, "1"), (20, "1"), (30, "2"), (40, "2")]


def test_history_is_bounded_and_keeps_rare_metrics() -> None:
    points = [
        point(step, **({"loss": 1.0, "val_loss": 2.0} if step % 100 == 0 else {"loss": 1.0})) for step in range(20000)
    ]
    history = extend((), points)
    assert len(history) <= POINTS_MAX
    assert [item.step for item in history] == sorted(item.step for item in history)
    assert sum("val_loss" in item.values for item in history) == 200
    assert history[-1].step == 19999


def test_history_is_bounded_even_if_every_point_is_unique() -> None:
    assert len(extend((), [point(step, **{f"m{step}": 1.0}) for step in range(10000)])) <= POINTS_MAX


def test_words_that_thousands_of_points_say_are_held_once() -> None:
    texts = [point(step, loss=0.5).to_line().decode() for step in range(2)]
    one = fold(row(), run_message(), NOW).row
    first, second = fold(one, lines("metrics", texts, end=20), NOW).row.snapshot.metrics
    assert first.attempt is second.attempt
    assert next(iter(first.values)) is next(iter(second.values))


def test_log_tail_appends_what_follows_and_replaces_what_does_not() -> None:
    one = fold(row(), run_message(), NOW).row
    one = fold(one, lines("log", ["a"], start=100, end=102, skipped=100), NOW).row
    one = fold(one, lines("log", ["b\x1b[2J"], start=102, end=110), NOW).row
    assert (one.snapshot.log_tail, one.snapshot.log_skipped_bytes) == (("a", "b"), 100)
    one = fold(one, lines("log", ["z"], start=500, end=502, skipped=7), NOW).row
    assert (one.snapshot.log_tail, one.snapshot.log_skipped_bytes) == (("z",), 7)


def test_lines_of_another_run_are_ignored() -> None:
    assert fold(row(), lines("log", ["a"]), NOW).row == row()


@pytest.mark.parametrize("run", ["", "../x", "a/b", ".hidden", "-rf", "a\n", "x" * 300, 7, None])
def test_a_run_that_is_no_folder_name_is_refused(run: Any) -> None:
    folded = fold(row(), {**run_message(), "run": run}, NOW)
    assert folded.row == row() and folded.warnings


def test_one_broken_part_does_not_hide_the_others() -> None:
    folded = fold(row(), run_message(beat=beat(), progress={"seq": "seven"}, exit=[], attempt=1), NOW)
    assert folded.row.snapshot.state is State.RUNNING
    assert len(folded.warnings) == 2


HOSTILE = "a\x1b]52;c;eA==\x07b\x1b[2J\x9b31m[/x]\u202e\x00"


def test_every_text_is_cleaned() -> None:
    parts = run_message(
        spec={
            "run": RUN, "project": "p", "worker": "w", "nonce": "n", "command": [HOSTILE], "cwd": HOSTILE,
            "branch": HOSTILE, "subject": HOSTILE, "by": HOSTILE, "extractor": HOSTILE, "env": {HOSTILE: HOSTILE},
            "mystery": {"x": [HOSTILE]},
        },
        beat=beat(text=HOSTILE, phase=HOSTILE),
        progress=progress(phase=HOSTILE, message=HOSTILE, checkpoint=HOSTILE, metrics={HOSTILE: 1.0}),
        exit=exit_record("failed", 1, reason=HOSTILE, by=HOSTILE),
        result={
            **RESULT, "flags": [HOSTILE], "controls": {HOSTILE: {HOSTILE: HOSTILE}}, "gate": {"reasons": [HOSTILE]},
        },
        decision=decision("retire", by=HOSTILE),
        why=HOSTILE,
    )  # fmt: skip
    folded = fold(row(), parts, NOW)
    one = fold(folded.row, lines("log", [HOSTILE]), NOW).row
    one = fold(one, lines("metrics", [json.dumps({**point(1).to_dict(), "values": {HOSTILE: 1.0}})]), NOW).row
    assert folded.warnings == ()
    assert one.snapshot.spec is not None and one.snapshot.metrics and one.snapshot.result is not None
    for text in texts_of(dataclasses.asdict(one)):
        assert text == clean(text)
        assert "\x1b" not in text and "\x9b" not in text and "\u202e" not in text


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in texts_of(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in texts_of(item)]
    return []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NUMBERS = st.sampled_from([0, 1, -1, 2**70, -(2**70), 10**400, 1.5, float("inf"), True, None, "7", [], {}])
PART = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"attempt": st.sampled_from([f"{RUN}.1", f"{RUN}.2", HOSTILE, ""]), "seq": NUMBERS, "at_s": NUMBERS},
        optional={
            "interval_s": NUMBERS, "state": st.text(max_size=9), "pid": NUMBERS, "phase": st.text(max_size=9),
            "code": NUMBERS, "progress_age_s": NUMBERS, "verdict": st.text(max_size=5), "metrics": JSON,
            "gate": JSON, "decision": st.text(max_size=5), "by": st.text(max_size=5), "step": NUMBERS,
            "progress_seq": NUMBERS,
        },
    ),
)  # fmt: skip
MESSAGE = st.fixed_dictionaries(
    {"k": st.sampled_from(["run", "lines", "facts", ""]), "run": st.sampled_from([RUN, "r2", "", 3])},
    optional={
        "attempt": NUMBERS, "alive": st.one_of(st.booleans(), JSON), "why": JSON, "orphans": NUMBERS,
        "checkpoint_age_s": NUMBERS, "spec": PART, "job": PART, "beat": PART, "progress": PART, "exit": PART,
        "result": PART, "stop": PART, "decision": PART, "file": st.sampled_from(["metrics", "log", "events", 4]),
        "inode": NUMBERS, "start": NUMBERS, "end": NUMBERS, "skipped": NUMBERS,
        "lines": JSON | st.lists(st.text(max_size=9), max_size=3),
    },
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(MESSAGE, max_size=4))
def test_hostile_messages_never_raise_and_stay_drawable(messages: list[dict[str, Any]]) -> None:
    one = row()
    for number, message in enumerate(messages):
        one = settle(fold(one, message, NOW + number).row, NOW + number)
    snapshot = one.snapshot
    assert isinstance(snapshot.state, State)
    snapshot.silent(NOW + 100), snapshot.stalled(NOW + 100), snapshot.age_s(NOW + 100)
    for text in (snapshot.reason, *snapshot.messages, *snapshot.log_tail):
        assert text == clean(text)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["cpus", "load_1min", "gpus", "clock_s", "disk_free_bytes"]), JSON))
def test_hostile_facts(message: dict[str, Any]) -> None:
    try:
        facts = fold_facts(message, NOW, 5.0)
    except WireError:
        return
    assert all(gpu.name == clean(gpu.name) for gpu in facts.gpus)


ABSURD = [
    (0.0, "1970-01-01"),
    (-5.0, "1969-12-31"),
    (4_102_444_800, "2100-01-01"),
    (1e18, "1e+18 s after 1970"),
    (float("inf"), "no time"),
    (float("nan"), "no time"),
    ("now", "no time"),
]


@pytest.mark.parametrize(("told", "why"), ABSURD)
def test_a_clock_that_cannot_be_right_is_named_and_the_rest_believed(told: Any, why: str) -> None:
    facts = fold_facts({"cpus": 2, "clock_s": told}, NOW, 1.8e9)
    assert facts.cpus == 2 and facts.clock_skew_s is None and why in facts.clock_wrong
    assert skew_words(facts) == (facts.clock_wrong, "warn")
    assert why in doctor._clock(told, 1.8e9, 0.1).text


def test_a_clock_that_is_only_off_is_no_such_clock() -> None:
    for told in (946_684_800, 4_102_444_799):
        facts = fold_facts({"clock_s": told}, NOW, 1.8e9)
        assert facts.clock_skew_s == told - 1.8e9 and not facts.clock_wrong


def test_facts() -> None:
    told = {"index": 1, "name": "A100\x1b[2J", "memory_used_bytes": 5, "later": "x", "power_w": None}
    facts = fold_facts({"cpus": 2, "load_1min": 0.5, "clock_s": 1.8e9 + 5, "gpus": [told, "junk"]}, NOW, 1.8e9)
    assert (facts.cpus, facts.clock_skew_s, facts.at) == (2, 5.0, NOW)
    assert facts.gpus == (Gpu(1, "A100", memory_used_bytes=5),)
    assert facts.spot_at_s is None
    assert fold_facts({"spot_at_s": 130.0}, NOW, 100.0).spot_at_s == 130.0
