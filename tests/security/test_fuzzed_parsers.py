"""Whatever a host, a config file or a person says: each parser returns or refuses in its own words, and stays clean.

Parsers with such a test of their own: the codec, YAML, `clean`, names, ~/.ssh/config, the follower's stream, `fold`,
the bridge, log lines, redaction, pruning, report. The examples named here once broke something, or nearly.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from remote.clean import clean
from remote.doctor import judged
from remote.errors import ConfigError, FarSideError, UsageError
from remote.farside import Probe, _cleaned
from remote.lacking import _runs
from remote.listing import listing_of
from remote.names import check_host_name
from remote.onhost.control import _decoded
from remote.onhost.git import is_hash
from remote.onhost.machine import parse_gpus
from remote.onhost.pip_output import PipOutput
from remote.profile_reader import read_profile
from remote.rsync import parse_help, too_large, updated_file
from remote.snapshot_json import load_snapshot
from remote.ssh_hosts import ssh_hosts
from remote.userhosts import parse_target
from remote.waiting import waiting_in
from wire.codec import WireError, encode

few = settings(
    max_examples=int(os.environ.get("TRAJVID_EXAMPLES", "12")),  # by hand: 2,000, a minute
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
HUGE = 10**400
NASTY = ["", "..", "../x", "/", "\x1b[2J", "a\x9bb", "\u202e", "-oProxyCommand=x", "$(id)", "[/x]", "\0", "x" * 300]
texts = st.one_of(st.sampled_from(NASTY), st.text(max_size=12))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.just(HUGE), st.floats(allow_nan=False), texts)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)


def made_of(*pieces: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=20).map("".join)


def objects(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of these keys, with values of any type."""
    return st.dictionaries(st.sampled_from(keys), values, max_size=len(keys))


def arrived(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer as `FarSide.call` hands it on; what it refuses is no answer at all."""
    try:
        return dict(_cleaned(json.loads(json.dumps(answer))))
    except WireError:
        return {}


def is_clean(value: Any) -> bool:
    """True if every text of a dataclass or container would reach the terminal unchanged."""
    if isinstance(value, str):
        return clean(value) == value
    if isinstance(value, (list, tuple)):
        return all(map(is_clean, value))
    return all(map(is_clean, vars(value).values())) if hasattr(value, "__dict__") else True


@few
@given(st.lists(values | objects("path", "kind", "size", "mtime_ns", "target"), max_size=4), objects("run", "clock_s"))
@example([{"path": "../../etc/passwd", "kind": "file", "size": 1}], {})
@example([{"path": "a\x1b]52;c;aGk=\x07", "kind": "file", "size": -1}], {"clock_s": HUGE, "run": "\x1b[2J"})
def test_listings(files: list[Any], head: dict[str, Any]) -> None:
    listing = listing_of(arrived({**head, "files": files}))
    assert len(listing.entries) <= len(files) and is_clean(listing)
    assert not any(entry.plain and ".." in entry.path.split("/") for entry in listing.entries)


@few
@given(objects(*(field for field in Probe.__dataclass_fields__)))
@example({"clock_s": HUGE})
@example({"cpus": True, "free_bytes": "many"})
def test_the_first_answer_of_a_host(answer: dict[str, Any]) -> None:
    probe = Probe.from_answer(arrived(answer))
    assert all(type(value) in (str, bool, int, float, type(None)) for value in vars(probe).values())


@few
@given(
    objects(
        *(
            "python",
            "git",
            "rsync",
            "root",
            "root_mode",
            "fixed",
            "flock",
            "disk_free_bytes",
            "inodes_total",
            "clock_s",
        ),
        *("kill_user_processes", "linger", "setsid", "gpu_processes", "torch", "create", "leftovers"),
    )
)
@example({"clock_s": "now", "root_mode": [], "fixed": 3, "torch": "x", "gpu_processes": [{"memory_bytes": HUGE}]})
def test_what_doctor_is_told(answer: dict[str, Any]) -> None:
    assert judged(arrived(answer), wall_s=1.8e9, took_s=0.1)


@few
@given(st.dictionaries(texts, values, max_size=3) | objects("runs", "current"))
@example(
    {"runs": [{"run": "../x", "attempts": 1}, {"run": "ok-1", "attempts": HUGE}, 3, {"run": "b", "attempts": "1"}]}
)
def test_runs_that_a_host_keeps(told: dict[str, Any]) -> None:
    for one in _runs("w", arrived(told), current=True):
        assert "/" not in one.run and not one.run.startswith((".", "-")) and isinstance(one.attempts, int)


@few
@given(
    objects("head", "branch", "made", "subjects", "uncommitted", "beside", "saved")
    | st.fixed_dictionaries(
        {
            "head": st.sampled_from(["", "a" * 40]) | values,
            "branch": values,
            "made": st.integers(-1, 3) | values,
            "subjects": st.lists(texts, max_size=2) | values,
            "uncommitted": st.integers(0, 3) | values,
            "beside": st.sampled_from(["", "b" * 40]) | values,
            "saved": st.lists(objects("name", "commit") | values, max_size=2),
        }
    )
)
def test_commits_that_a_host_offers(answer: dict[str, Any]) -> None:
    with contextlib.suppress(FarSideError):
        found = waiting_in("box", arrived(answer))
        assert all(is_hash(commit) for commit in (found.head, found.beside) if commit)
        assert is_clean(found) and (found.head or not found.made)


@few
@given(
    st.text()
    | st.lists(st.sampled_from([",", " ", "N/A", "[Not Supported]", "0", "-1", "9" * 30, "A\x1b"])).map("".join)
)
@example("0, NVIDIA A10G, 12, 23028, 55, 80.31, 300.00, 61\n")
@example(", , , , , , , \n")
def test_nvidia_smi(text: str) -> None:
    for gpu in parse_gpus(text):
        encode(gpu)


@few
@given(st.lists(st.text() | st.sampled_from(["Progress 5 of 0", "Progress 9 of 3", "Collecting ", "ERROR: \x1b[2J"])))
@example(["Progress " + "9" * 400 + " of 1"])
def test_what_pip_prints(lines: list[str]) -> None:
    output = PipOutput(total=3)
    for number, line in enumerate(lines):
        output.feed(line, float(number))
        output.received(number)
        assert isinstance(output.message(number + 0.5), str) and isinstance(output.reason(line), str)


@few
@given(st.text() | st.text(max_size=20).map(lambda name: f">f+++++++++ 12 {name}"))
@example("\\#033[2J is over max-size")
def test_lines_of_rsync(line: str) -> None:
    assert is_clean(updated_file(line))
    too_large(line)
    assert all(option.startswith("--") for option in parse_help(line))


@few
@given(st.binary(max_size=80) | values.map(lambda value: json.dumps(value).encode()))
@example(b'{"op":' * 5000)
def test_requests_to_a_follower(line: bytes) -> None:
    told = _decoded(line)
    assert told is None or isinstance(told, dict)


@few
@given(values | objects("host", "worker", "state", "metrics", "messages", "sync", "progress", "beat", "spec", "exit"))
@example({"state": "running", "metrics": {"a": 1}, "messages": 3, "sync": []})
def test_a_row_of_the_history(row: Any) -> None:
    with contextlib.suppress(WireError):
        load_snapshot(json.dumps(row).encode(), 1.0)


@few
@given(st.text(max_size=30) | made_of("@", ":", "[", "]", "-", "host", "22", "::1"))
@example("-oProxyCommand=touch x")
@example("user@[::1]:99999999999")
def test_where_a_person_points(text: str) -> None:
    with contextlib.suppress(UsageError):
        user, address, port = parse_target(text)
        check_host_name(address, "h")  # as `add_host` does, and every dial
        assert 0 <= port <= 65535 and not address.startswith("-") and isinstance(user, str)


@few
@given(text=st.binary(max_size=200) | made_of("Host", "Match", "Include", " ", "=", '"', "a", "\n", "*", "#"))
@example(text="Include config\nHost -oProxyCommand=x\n")
def test_hosts_of_an_ssh_config(text: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert not any(host.alias.startswith("-") for host in ssh_hosts(path))


@few
@given(
    profile=objects("project", "base", "results", "hosts", "defaults", "workers", "sync")
    | st.fixed_dictionaries({"project": texts, "workers": st.dictionaries(texts, objects("branch", "command", "keys"))})
)
@example(profile={"project": "p", "workers": {"a": {"branch": "--upload-pack=x", "command": ["true"]}}})
@example(profile={"project": "p", "workers": {"a": {"branch": "b", "command": "'"}}, "sync": {"interval_s": HUGE}})
@example(profile={"project": "p", "hosts": {"h": {"address": "-oProxyCommand=x"}}, "workers": {}})
def test_profiles(profile: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text(json.dumps(profile), "utf-8")
    try:
        read = read_profile(path)
    except ConfigError as refusal:
        assert str(path) in str(refusal)
    else:
        assert all(not worker.branch.startswith("-") for worker in read.workers.values())
