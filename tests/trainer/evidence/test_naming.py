"""Which files are a component's, and which paths hold in another worktree."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import ConfigError
from trainer.evidence import naming
from trainer.evidence.naming import LOADED, NAMED, component_files, from_top

PATHS = [
    b"tracker.py", b"src/tracker/core.py", b"src/other.py", b"src/tracker.txt", b"tests/test_tracker.py",
    b"tests/test_tracker_speed.py", b"tests/tracker/test_core.py", b"tests/tracker/made.py", b"tests/tracker_test.py",
    b"tests/test_trackers.py",
]  # fmt: skip


def test_files_of_a_component() -> None:
    assert component_files(PATHS, "Tracker", []) == (["src/tracker/core.py", "tracker.py"], NAMED)
    assert component_files(PATHS, "absent", []) == ([], LOADED)
    assert component_files(PATHS, "tracker", ["src/o*.py"]) == (["src/other.py"], "src/o*.py")
    with pytest.raises(ConfigError, match=r"--files b\*.py matches no"):
        component_files(PATHS, "tracker", ["src/o*.py", "b*.py"])


def test_tests_of_a_component() -> None:
    assert naming.tests_named("tracker", PATHS) == [
        "tests/test_tracker.py", "tests/test_tracker_speed.py", "tests/tracker/test_core.py", "tests/tracker_test.py"
    ]  # fmt: skip


def test_paths_hold_in_another_worktree(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "tests").mkdir(parents=True)
    (tmp_path / "link").symlink_to(top)
    (top / "beside").symlink_to(tmp_path)
    words = ("-k", "a or b" * 100, "tests", "", "::x", "tests::test_a[/]")
    assert from_top(words, top) == words
    assert from_top([f"{top}/tests::test_a", f"{tmp_path}/link/tests"], top) == ("tests::test_a", "tests")
    for outside in ("..", str(tmp_path), "beside", "../link/.."):
        with pytest.raises(ConfigError, match="is not in the worktree"):
            from_top([outside], top)
