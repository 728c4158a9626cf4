"""`prune` and `worktrees` where hosts are silent: what is not known is not said to be nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from remote.errors import RemoteError, Unreachable, UsageError
from remote.host_inventory import Thing, Worktree
from remote.pruning_plan import Cure, Kept
from remote.worktree_inventory import Found
from tui.cli import prune, worktrees
from tui.cli.envelope import Answer
from tui.cli.parser import parse
from tui.cli.session import Session

SILENT = Unreachable("b: connection refused")
TREE = Found("a", "good", Worktree(Thing("good", 1, 5.0, 1), "good", "/w/good", "3f2a91c", "main"))
Say = Callable[..., Any]


class Told(Session):
    """A session of two hosts, each with a worker; of them `failed` do not answer."""

    def __init__(self, words: list[str], failed: dict[str, RemoteError]) -> None:
        super().__init__(parse(words))
        self._failed, self.said = failed, list[str]()
        workers = {"good": SimpleNamespace(host="a", slug="good"), "far": SimpleNamespace(host="b", slug="far"),
                   "bare": SimpleNamespace(host="a", slug="bare")}  # fmt: skip
        self._profile = cast(Any, SimpleNamespace(workers=workers))
        self._fleet = cast(Any, SimpleNamespace())

    async def reach(self, hosts: Any) -> dict[str, RemoteError]:
        assert sorted(set(hosts)) == ["a", "b"]
        return self._failed

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Say:
    async def look(_fleet: object, hosts: list[str]) -> tuple[list[Found], dict[str, RemoteError]]:
        return [TREE for host in hosts if host == "a"], {}

    async def one(*words: str, failed: dict[str, RemoteError]) -> tuple[Answer, list[str]]:
        session = Told(["worktrees", *words], failed)
        return await worktrees.main(session), session.said

    monkeypatch.setattr(worktrees, "look_at_worktrees", look)
    return one


async def test_of_a_silent_host_nothing_is_known(ask: Say) -> None:
    both = {"a": Unreachable("a: connection refused"), "b": SILENT}
    for words in (["list"], ["prune"]):
        answer, _ = await ask(*words, failed=both)
        assert answer.text == "no host has answered, so nothing is known" and answer.error is not None
    answer, _ = await ask("prune", failed={"b": SILENT})
    assert answer.text == "no clean worktree without a worker of this profile on a"
    answer, _ = await ask("list", "good", failed={"b": SILENT})
    assert answer.text.startswith("good on a: ")


@pytest.mark.parametrize("action", ["list", "remove"])
async def test_whether_a_named_worker_has_a_worktree_only_its_own_host_can_tell(ask: Say, action: str) -> None:
    with pytest.raises(Unreachable):
        await ask(action, "far", failed={"b": SILENT})
    with pytest.raises(Unreachable):
        await ask(action, "stranger", failed={"b": SILENT})
    with pytest.raises(UsageError, match="bare has no worktree"):
        await ask(action, "bare", failed={"b": SILENT})
    with pytest.raises(UsageError, match="stranger has no worktree"):
        await ask(action, "stranger", failed={})


def test_many_runs_that_one_sync_would_bring_are_one_line() -> None:
    many = [Kept("a", "good", f"r{number}", 1024, "is not here", Cure.SYNC) for number in range(30)]
    others = [Kept("a", "far", "r1", 1024, "is not here", Cure.SYNC),
              Kept("a", "good", "r99", 1024, "has 1 checkpoint not here", Cure.EVERYTHING),
              Kept("a", "good", "r98", 1024, "is held")]  # fmt: skip
    assert prune._staying([*many, *others], lambda host, slug: slug) == [
        "stays: 1 run, as it is held",
        "stays: 30 runs of good (30.0 KiB), each of which", "  is not here", "  -> trajvid-tui sync good --earlier",
        "stays: far/r1 (1.0 KiB), which", "  is not here", "  -> trajvid-tui sync far --run r1",
        "stays: good/r99 (1.0 KiB), which", "  has 1 checkpoint not here",
        "  -> trajvid-tui sync good --run r99 --everything",
    ]  # fmt: skip
