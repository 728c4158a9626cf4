"""A secret that the work prints is not in the log, and the log misses nothing else."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote.onhost import log_filter
from remote.onhost.log_filter import LogFilter
from remote.onhost.spawn import Claim
from remote.onhost.work import Work
from tests.onhost.far import Far, wait_for
from wire.hiding import TELLS_NOTHING, Hiding, needed
from wire.records import RunSpec

KEY = "hush-4711/é+x"
SHOWN = b"[KEY hidden]"


def through(data: bytes, *cuts: int, secrets: dict[str, str] | None = None) -> bytes:
    """What the log holds when `data` comes in pieces."""
    hiding = Hiding(secrets or {"KEY": KEY})
    edges = [0, *sorted(cuts), len(data)]
    return b"".join(hiding.feed(data[a:b]) for a, b in itertools.pairwise(edges)) + hiding.rest()


def test_every_cut_of_the_stream() -> None:
    data = b"a hush-4711 b " + KEY.encode() + KEY.encode() + b"\rhush-"
    for first in range(len(data)):
        assert through(data, first, min(first + 3, len(data))) == b"a hush-4711 b " + SHOWN * 2 + b"\rhush-"
    assert through(data, *range(len(data))) == b"a hush-4711 b " + SHOWN * 2 + b"\rhush-"


@pytest.mark.parametrize("before", ["", "u", "user:", "ada:-"])
def test_in_base64_wherever_it_begins(before: str) -> None:
    text = (before + KEY + "@host").encode()
    for encoded in (base64.b64encode(text), base64.urlsafe_b64encode(text)):
        assert SHOWN in through(b"Authorization: Basic " + encoded)


def test_in_addresses_json_and_by_lines() -> None:
    assert through(f"https://u:{quote(KEY, safe='')}@h/".encode()) == b"https://u:" + SHOWN + b"@h/"
    assert through(json.dumps({"k": KEY}).encode()) == b'{"k": "' + SHOWN + b'"}'
    secrets = {"PEM": "first line of it\nshort\nthe third line"}
    assert through(b"> the third line\n> short\n", secrets=secrets) == b"> [PEM hidden]\n> short\n"


def test_the_longer_value_wins_and_short_ones_are_left() -> None:
    secrets = {"A": "12345678", "B": "123456789abc", "C": "1234567"}
    assert through(b"123456789abc 12345678 1234567", secrets=secrets) == b"[B hidden] [A hidden] 1234567"
    assert needed(secrets) and not needed({"C": "1234567"})


@given(
    st.lists(st.sampled_from([b"ab", b"abcabcabd", b"abcabcab", b"bcabcabdxx", b"\n", b"x"]), max_size=20),
    st.sets(st.integers(0, 200)),
    st.sets(st.integers(0, 200)),
)
def test_the_pieces_do_not_matter(words: list[bytes], cuts: set[int], quiet: set[int]) -> None:
    """Nor do values that are the begin of others, or overlap; and a pause tells a few bytes, never more."""
    data = b"".join(words)
    secrets = {"LONG": "abcabcabd", "OVER": "bcabcabdxx", "SHORT": "abcabcab"}
    names = {value.encode(): f"[{name} hidden]".encode() for name, value in secrets.items()}
    expected = re.sub(b"bcabcabdxx|abcabcabd|abcabcab", lambda found: names[found[0]], data)
    assert through(data, *(min(cut, len(data)) for cut in cuts), secrets=secrets) == expected
    hiding, out = Hiding(secrets), b""
    for at in range(len(data)):
        out += hiding.feed(data[at : at + 1])
        out += hiding.told() if at in quiet and hiding.waits else b""
    out += hiding.rest()
    labels = [re.findall(rb"\[\w+ hidden\]", text) for text in (out, expected)]
    assert not any(value in out for value in names) and labels[0] == labels[1]
    assert 0 <= len(out) - len(expected) <= TELLS_NOTHING * len(labels[0])


def test_a_value_that_is_typed_slowly_tells_no_more_than_its_begin() -> None:
    hiding, out = Hiding({"KEY": "hush-4711"}), b""
    for at in range(len("hush-4711")):
        out += hiding.feed(b"hush-4711"[at : at + 1])
        out += hiding.told() if hiding.waits else b""
        assert not hiding.waits
    assert out + hiding.rest() == b"hush-4711"[:TELLS_NOTHING] + SHOWN
    assert hiding.feed(b"hu") + hiding.told() + hiding.feed(b"e\n") == b"hue\n", "nothing is said twice"


def test_the_log_of_a_run_has_everything_but_the_secret(far: Far, tmp_path: Path) -> None:
    """Also what its child prints, the last line without an end, and what comes in pieces."""
    script = (
        "import os, sys, time, base64\nkey = os.environ['KEY']\n"
        "os.write(1, b'key=' + key[:5].encode()); time.sleep(0.5); os.write(1, key[5:].encode() + b'\\n')\n"
        "os.system('echo from a child: $KEY >&2')\n"
        "os.write(2, base64.b64encode(key.encode()) + b'\\r50 %\\rdone: ' + key.encode())\n"
        "sys.exit(3)\n"
    )
    run = far.launch(sys.executable, "-c", script, secrets={"KEY": "hush-4711"})
    ended = far.end(run)
    assert Path(run.log).read_bytes() == (
        b"key=[KEY hidden]\nfrom a child: [KEY hidden]\n[KEY hidden]\r50 %\rdone: [KEY hidden]"
    )
    assert ended["code"] == 3 and ended["last_line"] == "done: [KEY hidden]"
    files = [path for path in Path(far.root).rglob("*") if path.is_file()]
    assert files and not any(b"hush-4711" in path.read_bytes() for path in files)
    wait_for(lambda: not far.family(), "the end of the filter and of the supervisor")


def redactors(far: Far) -> list[int]:
    """The filters of the run, by their argument lists, which have no secret."""
    found = []
    for pid in far.family():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except FileNotFoundError:
            continue
        assert not any(b"hush-4711" in word for word in words)
        found += [pid] * (b"redact" in words)
    return found


def test_a_filter_that_is_killed_comes_back_and_a_stop_ends_it(far: Far, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = (
        "import os, pathlib, sys, time\nprint('one', os.environ['KEY'], flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.02)\n"
        "print('two', os.environ['KEY'], flush=True)\ntime.sleep(60)\n"
    )
    run = far.launch(sys.executable, "-c", script, secrets={"KEY": "hush-4711"})
    log = Path(run.log)
    wait_for(lambda: log.read_text() == "one [KEY hidden]\n")
    (first,) = redactors(far)
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: [pid for pid in redactors(far) if pid != first], "another filter")
    go.touch()
    wait_for(lambda: log.read_text() == "one [KEY hidden]\ntwo [KEY hidden]\n")
    answer = far.stop()
    assert (answer["state"], answer["stopped"], answer["forced"], answer["left"]) == ("stopped", True, False, [])
    assert not far.family()


def filter_to(log: Path) -> LogFilter:
    return LogFilter({"KEY": "hush-4711"}, lambda: open(log, "ab"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_the_end_of_the_log_needs_no_filter(tmp_path: Path, number: int) -> None:
    """One that is killed with the work, or halted, has left the last words in the pipe; whoever escaped may go on."""
    log = tmp_path / "log"
    filtered = filter_to(log)
    (pid,) = filtered.pids
    os.kill(pid, number)
    if number == signal.SIGKILL:
        wait_for(lambda: not filtered.pids)
    escaped = os.dup(filtered.write)
    os.write(filtered.write, b"the last words: hush-4711, hush-")
    filtered.drain(0.1)
    assert log.read_bytes() == b"the last words: [KEY hidden], hush-"
    assert not filtered.pids
    with pytest.raises(BrokenPipeError):
        os.write(escaped, b"x")
    os.close(escaped)


def test_a_filter_that_cannot_live_is_not_started_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_filter, "REVIVE_AFTER_S", 0.3)
    started = time.monotonic()
    filtered = filter_to(tmp_path / "log")
    (pid,) = filtered.pids
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not filtered.pids)
    filtered.revive()
    assert filtered.pids and filtered.pids != {pid} and time.monotonic() - started >= 0.3
    filtered.drain(10.0)


def test_a_filter_that_cannot_be_started_now_harms_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim = Claim(str(tmp_path), "p", "w", "r", 1, "nonce")
    work = Work(claim, RunSpec("r", "p", "w", "nonce", ("true",), ""), {"KEY": "hush-4711"}, 0)
    monkeypatch.setattr(work, "_filter", filter_to(tmp_path / "log"))
    with monkeypatch.context() as patch:
        patch.setattr(LogFilter, "revive", lambda _: (_ for _ in ()).throw(BlockingIOError(11, "no more processes")))
        work.attend()
    work.drain()
    assert not work.helpers


def test_without_secrets_there_is_no_filter(far: Far) -> None:
    run = far.launch("sleep", "60", secrets={"KEY": "short"})
    wait_for(lambda: len(far.family()) == 2, "supervisor and work")
    assert not redactors(far)
    assert far.stop(kill=True)["stopped"] and Path(run.log).exists()
