"""Amazon's notice reaches the work within seconds, the events, the beats and the facts; nobody else is asked."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from remote.fold import fold_facts
from remote.onhost import spot
from remote.onhost.spot import Notice, Spot
from tests.onhost.far import Far, Following, lines, record, wait_for

NOTICE = '{"action": "terminate", "time": "2026-01-01T08:22:00Z"}'
AT_S = 1767255720.0


class Metadata(ThreadingHTTPServer):
    """The instance metadata service, version 2, as far as it is asked."""

    notice = ""
    token = "token-1"
    asked: list[str]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(BaseHTTPRequestHandler):
    server: Metadata

    def do_PUT(self) -> None:
        good = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
        self._say(200 if good else 400, self.server.token)

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.headers["X-aws-ec2-metadata-token"] != self.server.token:
            return self._say(401, "")
        return self._say(200 if self.server.notice else 404, self.server.notice)

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    server = Metadata(("127.0.0.1", 0), _Answer)
    server.asked = []
    monkeypatch.setenv(spot.ENDPOINT_VARIABLE, server.endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


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


def test_the_work_behind_a_shell_is_asked_for_a_checkpoint(
    far: Far, follow: Callable[..., Following], metadata: Metadata
) -> None:
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
