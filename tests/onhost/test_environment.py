"""`env: create`: one environment for all workers that want the same, made where people can watch."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import sys
import zipfile
from pathlib import Path

import pytest

from remote.onhost.installing import pip_argv
from remote.onhost.wanted import Wanted, digest
from tests.onhost.far import Far, lines, record, wait_for
from wire.run_dir import Root


def wheel(folder: Path, name: str, version: str) -> None:
    """Write a wheel with one module by hand."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    listing = []
    for path, text in files.items():
        checksum = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        listing.append(f"{path},sha256={checksum},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*listing, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)


@pytest.fixture
def offline(far: Far, tmp_path: Path) -> list[str]:
    """Requirement lines of an index that is a folder: no network."""
    wheel(tmp_path, "tvone", "1.5")
    far.env = {name: "" for name in os.environ if name.startswith("PIP_")} | {"PIP_CONFIG_FILE": os.devnull}
    return ["--no-index", f"--find-links {tmp_path}"]


@pytest.mark.slow
def test_two_workers_share_one_environment(far: Far, offline: list[str]) -> None:
    wanted = {"python": sys.executable, "requirements": [*offline, "tvone==1.5"]}
    folder = Root(far.root).environment(digest(Wanted.of(wanted), platform.python_version()))
    os.makedirs(folder)
    Path(folder, "half").touch()  # left half made: there is no marker
    show = "import os, sys, tvone; print(tvone.VERSION, sys.prefix, os.environ['VIRTUAL_ENV'])"
    names = ("first", "second")
    runs = [far.launch("{python}", "-c", show, worker=w, nonce=f"nonce-{w}", environment=wanted) for w in names]
    said: set[str] = set()
    states: set[str] = set()

    def ended() -> bool:
        said.update((record(run.progress) or {}).get("message", "") for run in runs)
        states.update((record(run.heartbeat) or {}).get("state", "") for run in runs)
        return all(record(run.attempt(1).exit) for run in runs)

    wait_for(ended)
    logs = [Path(run.log).read_text() for run in runs]
    assert all(log.endswith(f"1.5 {folder} {folder}\n") for log in logs), logs
    assert sum("Installing collected packages: tvone" in log for log in logs) == 1, "made once"
    assert not os.path.exists(os.path.join(folder, "half"))
    assert any(message.startswith(("waiting for first: ", "waiting for second: ")) for message in said), said
    assert any(message.startswith("making an environment with") for message in said), said
    assert "preparing" in states
    assert not any(record(run.progress) for run in runs), "it must not look as if it still prepared"
    third = far.launch("{python}", "-c", show, worker="third", nonce="nonce-third", environment=wanted)
    assert far.end(third)["code"] == 0
    assert Path(third.log).read_text() == f"1.5 {folder} {folder}\n", "found, not made"


@pytest.mark.slow  # 2 s
def test_a_failed_install_is_a_failed_run_with_pips_own_reason(far: Far, offline: list[str]) -> None:
    run = far.launch(
        "{python}", "-c", "0", environment={"python": sys.executable, "requirements": [*offline, "tvnone==9"]}
    )
    ended = far.end(run)
    assert (ended["state"], ended["code"]) == ("failed", 1)
    assert ended["reason"] == "preparing the environment: No matching distribution found for tvnone==9"
    assert "ERROR: No matching distribution" in Path(run.log).read_text()
    assert [event["kind"] for event in lines(run.events)] == ["started", "ended"]
    assert not list(Path(far.root, "envs").glob("*/.trajvid-ready"))


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"python": "no-such-python", "minimum": "9.9"}, "needs Python 9.9 or newer, but no-such-python is not there"),
        ({"python": sys.executable, "minimum": "9.9"}, "needs Python 9.9 or newer, but"),
        ({"requirements": "numpy"}, "`environment` in the spec is not as it should be"),
    ],
)
def test_what_cannot_be_made_is_said(far: Far, environment: dict[str, object], reason: str) -> None:
    ended = far.end(far.launch("true", environment=environment))
    assert ended["state"] == "failed"
    assert reason in ended["reason"]


def test_the_name_depends_on_all_that_matters() -> None:
    base = {"python": "python3", "requirements": ["a==1"]}
    one = digest(Wanted.of(base), "3.11.7")
    assert one == digest(Wanted.of({**base, "python": "/usr/bin/python3"}), "3.11.7")
    others = [
        digest(Wanted.of({**base, "requirements": ["a==2"]}), "3.11.7"),
        digest(Wanted.of({**base, "extra_index": "https://x"}), "3.11.7"),
        digest(Wanted.of(base), "3.12.1"),
    ]
    assert len({one, *others}) == 4


def test_the_arguments_of_pip() -> None:
    wanted = Wanted.of({"requirements": [], "index": "https://i", "extra_index": "/wheels"})
    assert pip_argv(wanted, "/r.txt", (23, 2))[2:] == [
        "install", "--progress-bar=off", "--no-input", "--disable-pip-version-check",
        "--index-url=https://i", "--find-links=/wheels", "--requirement=/r.txt",
    ]  # fmt: skip
    other = Wanted.of({"requirements": [], "extra_index": "https://e"})
    assert "--extra-index-url=https://e" in pip_argv(other, "/r.txt", (24, 1))
    assert "--progress-bar=raw" in pip_argv(other, "/r.txt", (24, 1))
