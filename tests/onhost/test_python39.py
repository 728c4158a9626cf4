"""The far side runs on Python 3.9 too: its whole way once, on the oldest Python that we promise."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from remote.onhost.__main__ import bundle_path
from tests.onhost.far import PROJECT, Far, Following, record, wait_for


def test_the_whole_way(far: Far, follow: Callable[..., Following], python39: str) -> None:
    far.python = python39
    probe = far.ask("probe")
    assert probe["python"].startswith("3.9.")
    following = follow()
    following.watch()
    following.send(op="select", worker="w", tail_bytes=1000)
    run = far.launch("{python}", "-c", "import sys, time; print(sys.version, flush=True); time.sleep(60)")
    following.part("beat", lambda beat: beat["state"] == "running")
    wait_for(lambda: any(line.startswith("3.9.") for line in following.text("log")))
    assert far.ask("tail", project=PROJECT, worker="w")["lines"][0].startswith("3.9.")
    assert far.facts()["alive"] is True
    answer = far.stop()
    assert (answer["state"], answer["code"], answer["stopped"]) == ("stopped", 143, True)
    following.part("exit", lambda exit: exit["state"] == "stopped")
    assert following.close() == 0
    asked = {"project": PROJECT}
    [entry] = far.ask("inventory", **asked)["runs"]
    item = {"kind": "run", "worker": "w", "name": entry["name"], "inode": entry["inode"]}
    assert "newest" in far.ask("remove", items=[item], **asked)["removed"][0]["skipped"]
    assert far.ask("worktrees", **asked)["worktrees"] == [] and len(far.ask("past", **asked)["runs"]) == 1
    assert far.ask("tail", worker="w", part=1, within_s=600.0, **asked)["lines"][0].startswith("3.9.")
    spec = {"run": os.path.basename(run.path), "project": PROJECT, "worker": "w"}
    assert far.ask("launch", spec=spec, resume=True, nonce=far.nonce("nonce-2"))["attempt"].endswith(".2")
    assert far.stop(kill=True)["stopped"]
    refused = far.launch("true", worker="e", nonce="nonce-3", environment={"python": "none", "minimum": "9.9"})
    assert "needs Python 9.9" in far.end(refused)["reason"]
    assert record(refused.attempt(1).exit)


def test_every_module_compiles_and_imports(python39: str) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import importlib, os, remote.onhost, wire\n"
        "for package in (wire, remote.onhost):\n"
        "    for name in os.listdir(package.__path__[0]):\n"
        "        if name.endswith('.py'):\n"
        "            importlib.import_module(package.__name__ + '.' + name[:-3])\n"
    )
    subprocess.run([python39, "-I", "-S", "-W", "error", "-c", script, bundle_path()], check=True)
