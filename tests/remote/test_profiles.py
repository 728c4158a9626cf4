"""profiles.yaml: what it means, and what is said when it is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from remote.errors import ConfigError
from remote.onhost.resources import Resources
from remote.profiles import Host, Profile, find_profile, load_profile
from remote.worker_resources import on_host

GOOD = """\
project: four-branches
base: HEAD                # branch from which missing branches are made
results: results
hosts:
  local: {kind: embedded}
  gpu-1: {address: 203.0.113.7, user: ubuntu, identity: ~/.ssh/lab.pem, python: python3.11}
  lab: {alias: labbox}    # an entry of ~/.ssh/config
defaults: {host: local, env: create, set: {threads: 1}}
workers:
  keypoint-a: {branch: demo/keypoint-a, config: keypoint, set: {seed: 1, epochs: 6}}
  far: {branch: demo/far, config: configs/mine.yaml, host: gpu-1, python: /opt/py/bin/python, grace_s: 5}
  clock: {branch: demo/clock, command: [python3, -c, "print(1)"], variables: {MODE: fast}}
sync: {interval_s: 30, bandwidth_kib: 100}
"""


@pytest.fixture(autouse=True)
def config_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAJVID_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def load(tmp_path: Path, text: str) -> Profile:
    path = tmp_path / "profiles.yaml"
    path.write_text(text, encoding="utf-8")
    return load_profile(path)


def test_the_example_of_the_readme(tmp_path: Path) -> None:
    profile = load(tmp_path, GOOD)
    assert profile.project == "four-branches" and profile.project_id.startswith("four-branches-")
    assert profile.folder == tmp_path.resolve() and profile.results == tmp_path.resolve() / "results"
    assert list(profile.workers) == ["keypoint-a", "far", "clock"]
    assert profile.sync.interval_s == 30 and profile.sync.bandwidth_kib == 100
    first, far, clock = profile.workers.values()
    assert (first.host, first.environment, first.python) == ("local", "create", "")
    assert first.set == {"threads": 1, "seed": 1, "epochs": 6} and first.extractor == "keypoint"
    assert (far.host, far.environment, far.python, far.grace_s) == ("gpu-1", "", "/opt/py/bin/python", 5)
    assert clock.command == ("python3", "-c", "print(1)") and clock.env == {"MODE": "fast"}
    assert (clock.environment, clock.set, clock.extractor) == ("", {}, "")


def test_what_comes_home(tmp_path: Path) -> None:
    text = GOOD.replace(
        "bandwidth_kib: 100}",
        "include: [a/*.pt], exclude: ['*.png', big/], max_file_mib: 5, quota_mib: 100, earlier: false}",
    ).replace("env: create,", "env: create, collect: ['out/**'],")
    profile = load(tmp_path, text.replace("variables: {MODE: fast}", "collect: [plots/*]"))
    sync = profile.sync
    assert (sync.include, sync.exclude, sync.earlier) == (("a/*.pt",), ("*.png", "big/"), False)
    assert (sync.max_file_bytes, sync.quota_bytes) == (5 * 2**20, 100 * 2**20)
    assert profile.workers["far"].collect == ("out/**",) and profile.workers["clock"].collect == ("plots/*",)


@pytest.mark.parametrize("bad", ["/etc/*", "../*", "a/../b", "'a**'", "'+ x'", '"a\\nb"'])
def test_a_pattern_that_leaves_its_folder_is_refused(tmp_path: Path, bad: str) -> None:
    for text in (
        GOOD.replace("bandwidth_kib: 100", f"exclude: [{bad}]"),
        GOOD.replace("grace_s: 5", f"collect: [{bad}]"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(tmp_path, text)
        assert "no pattern of files" in str(caught.value) and caught.value.line > 1


def test_a_branch_of_the_plan_shows_its_extractor(tmp_path: Path) -> None:
    worker = load(tmp_path, "project: p\nworkers:\n  a: {branch: a, config: branch-2-slowfast}\n").workers["a"]
    assert (worker.config, worker.extractor) == ("branch-2-slowfast", "slowfast")


def test_a_verb_of_the_trainer_has_the_trainers_environment(tmp_path: Path) -> None:
    text = "project: p\ndefaults: {env: create}\nworkers:\n  a: {branch: a, command: trainer generate objects}\n"
    worker = load(tmp_path, text).workers["a"]
    assert worker.command == ("trainer", "generate", "objects") and worker.environment == "create"


def test_hosts(tmp_path: Path) -> None:
    hosts = load(tmp_path, GOOD).hosts
    assert hosts["local"] == Host(name="local", kind="embedded", python=sys.executable)
    assert hosts["lab"].alias == "labbox" and hosts["lab"].address == ""
    assert hosts["gpu-1"] == Host(
        name="gpu-1", address="203.0.113.7", user="ubuntu", identity="~/.ssh/lab.pem", python="python3.11"
    )


def test_the_smallest_profile_runs_on_this_machine(tmp_path: Path) -> None:
    profile = load(tmp_path, "project: p\nworkers:\n  a: {branch: main, command: sleep '1 2'}\n")
    assert profile.hosts["local"].kind == "embedded" and profile.workers["a"].host == "local"
    assert profile.workers["a"].command == ("sleep", "1 2")


def test_hosts_of_the_users_own_file_lie_under_the_profiles(tmp_path: Path, config_dir: Path) -> None:
    config_dir.mkdir()
    (config_dir / "hosts.yaml").write_text("hosts:\n  mine: {address: 192.0.2.1}\n  lab: {address: 192.0.2.2}\n")
    hosts = load(tmp_path, GOOD.replace("host: gpu-1", "host: mine")).hosts
    assert hosts["mine"].address == "192.0.2.1" and hosts["lab"].alias == "labbox"
    (config_dir / "hosts.yaml").write_text("hosts:\n  mine: {adress: 192.0.2.1}\n")
    with pytest.raises(ConfigError, match=r"hosts.yaml:2: unknown key 'hosts.mine.adress'") as caught:
        load(tmp_path, GOOD)
    assert caught.value.hint == "did you mean 'address'?"


# What is replaced, by what, the line to blame, the message, the hint.
WRONG = [
    ("results: results", "result: results", 3, "unknown key 'result'", "did you mean 'results'"),
    ("user: ubuntu", "usr: ubuntu", 6, "unknown key 'hosts.gpu-1.usr'", "did you mean 'user'"),
    ("env: create, set", "env: create, sett", 8, "unknown key 'defaults.sett'", "did you mean 'set'"),
    ("command: [", "commnd: [", 12, "unknown key 'workers.clock.commnd'", "did you mean 'command'"),
    ("interval_s: 30", "interval: 30", 13, "unknown key 'sync.interval'", "did you mean 'interval_s'"),
    ("interval_s: 30", "interval_s: often", 13, "'sync.interval_s' must be a number, not 'often'", ""),
    ("interval_s: 30", "interval_s: -1", 13, "'sync.interval_s'.*not -1", ""),
    ("interval_s: 30", "interval_s: .nan", 13, "'sync.interval_s'", ""),
    ("grace_s: 5", "grace_s: 5s", 11, "'workers.far.grace_s' must be a number, not '5s'", ""),
    ("project: four-branches", "project: 4", 1, "'project' must be text, not 4", 'in quotes it is text: "4"'),
    ("project: four-branches", "project: ../up", 1, "project name '../up' contains a slash", ""),
    ("host: gpu-1", "host: gpu-l", 11, "far: no host is named 'gpu-l'", "did you mean 'gpu-1'"),
    ("host: local", "host: lokal", 8, "no host is named 'lokal'", "did you mean 'local'"),
    ("branch: demo/clock, ", "", 12, "the key 'workers.clock.branch' is missing", ""),
    ("kind: embedded", "kind: embeded", 5, "'hosts.local.kind'.*not 'embeded'", ""),
    ("kind: embedded", "kind: embedded, user: x", 5, "an embedded host is this machine and takes no `user`", ""),
    ("alias: labbox", "alias: labbox, address: 192.0.2.1", 7, "either `address` or `alias`", ""),
    ("{alias: labbox}", "{user: x}", 7, "either `address` or `alias`", ""),
    ("alias: labbox", "alias: -oProxyCommand=x", 7, "starts with '-'", ""),
    ("user: ubuntu", "user: '$(id)'", 6, "the user .* contains", ""),
    ("env: create", "env: make", 8, "'defaults.env'.*'create', not 'make'", ""),
    ("python: /opt/py/bin/python", "python: /opt/py, env: create", 11, "exclude each other", ""),
    ("config: keypoint, ", "", 10, "either `config` .* or `command`", ""),
    ('"print(1)"], ', '"print(1)"], set: {a: 1}, ', 12, "`set` is for `config`", ""),
    ('[python3, -c, "print(1)"]', "'it is open'' quoted'", 12, "no closing quotation", ""),
    ('[python3, -c, "print(1)"]', "[]", 12, "`command` is empty", ""),
    ('[python3, -c, "print(1)"]', "[true]", 12, "'workers.clock.command.0' must be text, not true", '"true"'),
    ('[python3, -c, "print(1)"]', "true", 12, "'workers.clock.command' must be text, not true", '"true"'),
    ('[python3, -c, "print(1)"]', "[nice, -n, 5]", 12, "'workers.clock.command.2' must be text, not 5", '"5"'),
    ('[python3, -c, "print(1)"]', "[sleep, 0.5]", 12, "command.1' must be text, not 0.5", "in quotes it is text"),
    ("  clock:", "  ../clock:", 12, "contains a slash", "clock"),
    ("  clock:", "  'clo ck':", 12, "contains a space", ""),
    ("  clock:", "  -clock:", 12, "starts with '-'", ""),
    ("  clock:", "  far:", 12, "'far' is there twice", ""),
    ("  clock:", "  FAR:", 9, "would share a folder", ""),
    ("results: results", "results: ../../.ssh", 3, "hidden folders or", ""),
    ("seed: 1", "seed: [1]", 10, "'workers.keypoint-a.set.seed'", ""),
    ("kind: embedded", "kind: embedded, root: here", 5, "`root` must start with", ""),
    ("~/.ssh/lab.pem", "keys/lab.pem", 6, "`identity` must start with", ""),
]


@pytest.mark.parametrize(("old", "new", "line", "message", "hint"), WRONG, ids=[f"{row[1]}-{row[2]}" for row in WRONG])
def test_mistakes_are_named_with_their_place(
    tmp_path: Path, old: str, new: str, line: int, message: str, hint: str
) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert caught.value.line == line and str(caught.value).startswith(f"{tmp_path.resolve()}/profiles.yaml:{line}: ")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not empty"),
        ("[]", "a group of keys is expected"),
        ("just text", "a group of keys is expected"),
        ("project: p\n", "'workers' is missing"),
        ("project: p\nworkers: {}\n", "'workers' is empty$"),
        ("workers: 3\nproject: p", "'workers' must be a group of keys, not 3"),
    ],
)
def test_files_of_another_shape(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(tmp_path, text)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file") as caught:
        load_profile(tmp_path / "absent.yaml")
    assert "init" in caught.value.hint


def test_it_is_found_from_inside_the_repository_but_not_above_it(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "a" / "b").mkdir(parents=True)
    (tmp_path / "profiles.yaml").touch()
    assert find_profile(repository / "a" / "b") is None
    (repository / "profiles.yaml").touch()
    assert find_profile(repository / "a" / "b") == repository / "profiles.yaml"


WITH_GPUS = """\
project: p
hosts: {h: {address: a, slots: 3, stagger_s: 20}}
defaults: {host: h, gpu: auto, threads: 4}
workers:
  w: {branch: b, command: sleep 1%s}
"""


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", {"gpus": 1, "threads": 4, "slots": 3}),
        (", gpu: 1, threads: 0", {"gpu": 1, "slots": 3}),
        (", gpus: 2, exclusive: true", {"gpus": 2, "threads": 4, "exclusive": True}),
        (
            ", gpus: 0, nice: 5, memory_mib: 100, disk_mib: 9",
            {"gpus": 0, "threads": 4, "nice": 5, "memory_mib": 100, "disk_mib": 9},
        ),
        (", gpus: auto, gpu_memory_mib: 20000", {"gpus": 1, "threads": 4, "gpu_memory_mib": 20000, "slots": 3}),
    ],
)
def test_what_the_host_is_told_of_a_workers_wishes(tmp_path: Path, more: str, told: dict[str, object]) -> None:
    profile = load(tmp_path, WITH_GPUS % more)
    assert on_host(profile.workers["w"], profile.hosts["h"]) == {**told, "stagger_s": 20}
    Resources.from_dict(told)


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (", gpus: 2, gpu: 1", "exclude each other"),
        (", gpus: many", "'workers.w.gpus'"),
        (", gpu: -1", "'workers.w.gpu'"),
        (", nice: 20", "'workers.w.nice'"),
        (", gpus: 0, exclusive: true", "`exclusive` is for a run that asks for a GPU"),
        (", variables: {CUDA_VISIBLE_DEVICES: '1'}", "CUDA_VISIBLE_DEVICES is set by"),
    ],
)
def test_wishes_that_cannot_be_meant(tmp_path: Path, more: str, text: str) -> None:
    with pytest.raises(ConfigError, match=r"profiles\.yaml:5: ") as caught:
        load(tmp_path, WITH_GPUS % more)
    assert text in str(caught.value)
