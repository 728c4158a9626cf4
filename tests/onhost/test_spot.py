"""Amazon's notice reaches the work within seconds, the events, the beats and the facts; nobody else is asked."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from remote.fold import fold_facts
from remote.onhost import spot
from remote.onhost.spot import Notice, Spot
from remote.onhost.tenure import Tenure
from tests.fixtures.spot import NOTICE, Metadata, metadata, notice_in
from tests.onhost.far import Far, Following, lines, record, wait_for

__all__ = ["metadata"]

AT_S = 1767255720.0


def test_a_notice_is_told_once(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spot, "POLL_S", 0.02)
    told: list[Notice] = []
    asker = Spot(told.append)
    asker.start()
    wait_for(lambda: len(metadata.asked) > 2)
    assert (asker.notice, told) == (None, [])
    metadata.token = "token-2"  # the old one has run out
    metadata.notice = NOTICE
    wait_for(lambda: told)
    assert told == [Notice("terminate", AT_S)]
    assert told[0].text == "Amazon will terminate this machine at 08:22:00 UTC"
    assert set(metadata.asked) == {"/latest/meta-data/spot/instance-action"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", NOTICE.replace("Z", ""), NOTICE.replace("terminate", "\\u001b[2J"), "[" * 100_000]
)
def test_what_is_no_notice_is_none(text: str) -> None:
    assert spot.parse(text) is None


def test_only_amazons_machines_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(spot.ENDPOINT_VARIABLE, raising=False)
    vendor = tmp_path / "sys_vendor"
    assert spot.endpoint(str(vendor)) == ""
    vendor.write_text("QEMU\n")
    assert spot.endpoint(str(vendor)) == ""
    vendor.write_text("Amazon EC2\n")
    assert spot.endpoint(str(vendor)) == spot.ENDPOINT
    monkeypatch.setenv(spot.ENDPOINT_VARIABLE, "file:///etc/passwd")
    assert spot.endpoint(str(vendor)) == ""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv(spot.ENDPOINT_VARIABLE)
    assert spot.endpoint(str(vendor)) == ""


LISTENING = """
import os, signal, subprocess, sys, time
def checkpoint(*_):
    open("checkpoint", "w").close()
signal.signal(signal.SIGUSR1, checkpoint)
open("ready", "w").close()
while True:
    time.sleep(0.05)
"""


@pytest.mark.slow
def test_the_work_behind_a_shell_is_asked_for_a_checkpoint(
    far: Far, follow: Callable[..., Following], metadata: Metadata
) -> None:
    """About 1.5 s of CPU, and 5 s of waiting."""
    following = follow("facts=3600")
    following.watch()
    following.wait(lambda m: m["k"] == "facts" and "spot_at_s" not in m, "facts before the notice")
    run = far.launch("sh", "-c", '"$0" -c "$1"; exit 0', sys.executable, LISTENING)
    deaf = far.launch("sleep", "60", worker="deaf", nonce="nonce-2")
    wait_for(lambda: os.path.exists(os.path.join(run.path, "ready")))
    wait_for(lambda: (record(deaf.heartbeat) or {}).get("child_pid"))
    metadata.notice = NOTICE
    wait_for(lambda: os.path.exists(os.path.join(run.path, "checkpoint")), "the checkpoint")
    facts = following.wait(lambda m: m["k"] == "facts" and "spot_at_s" in m, "facts that name the notice")
    assert fold_facts(facts, 0.0, 0.0).spot_at_s == AT_S

    event = wait_for(lambda: next((e for e in lines(run.events) if e["kind"] == "spot"), None))
    assert event["text"] == "Amazon will terminate this machine at 08:22:00 UTC: asks for a checkpoint"
    assert event["data"] == {"action": "terminate", "until_s": AT_S}
    beat = wait_for(lambda: (b := record(run.heartbeat)) and "Amazon" in b["text"] and b)
    assert (beat["state"], beat["text"]) == ("running", "running; Amazon will terminate this machine at 08:22:00 UTC")

    warned = wait_for(lambda: next((e for e in lines(deaf.events) if e["kind"] == "warning"), None))
    assert "listens for USR1" in warned["text"]
    assert far.facts("deaf")["alive"] is True, "USR1 would have ended it"
    far.stop(kill=True)
    far.stop("deaf", kill=True)


SAVING = """
import os, signal, sys, time
def say(number, _):
    with open("order", "a") as file:
        file.write(signal.Signals(number).name + "\\n")
    if number == signal.SIGTERM:
        sys.exit(143)
for number in (signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, say)
open("ready", "w").close()
while True:
    time.sleep(0.05)
"""


def test_the_run_ends_by_the_notice_after_its_checkpoint(far: Far, metadata: Metadata) -> None:
    run = far.launch(sys.executable, "-c", SAVING)
    wait_for(lambda: os.path.exists(os.path.join(run.path, "ready")))
    metadata.notice = notice_in(4)
    end = far.end(run)
    assert Path(run.path, "order").read_text().split() == ["SIGUSR1", "SIGTERM"]
    assert (end["state"], end["code"], end["by"]) == ("stopped", 143, "spot")
    assert end["reason"].startswith("spot: Amazon will terminate this machine at ")


def test_the_first_half_is_for_the_checkpoint_and_the_second_for_the_end() -> None:
    tenure = Tenure()
    assert tenure.due_s() > 1000 and tenure.grace_s(90.0) == 90.0
    tenure.taken_away(Notice("hibernate", time.time() + 100))
    assert tenure.due_s() > 1000, "a pause ends nothing"
    tenure.taken_away(Notice("stop", time.time() + 100))
    assert 40 < tenure.due_s() <= 50
    tenure.taken_away(Notice("terminate", time.time() - 9e6))
    assert 40 < tenure.due_s() <= 50, "a clock that is wrong never makes it later"
    late = Tenure()
    late.taken_away(Notice("terminate", time.time() + 0.02))
    wait_for(lambda: late.due_s() == 0.0)
    assert late.grace_s(90.0) == 1.0
