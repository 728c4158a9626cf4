"""Which files come: the same answer from our own rules and from a real rsync with the filters made of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from remote.onhost.globs import matches, pattern_problem
from remote.rsync import too_large, updated_file
from remote.selection import Selection

FILES = [
    "spec.json", "metrics.jsonl", "training.log", "notes.txt", "attempts/1/log", "attempts/1/job",
    "checkpoints/best.pt", "checkpoints/last.pt", "checkpoints/epoch_1.pt", "checkpoints/epoch_12.pt",
    "artifacts/curves.png", "artifacts/deep/er/still.png", "artifacts/deep/table.csv", "artifacts/.git/config",
    "artifacts/[odd].png", "worktree/out/a.png", "worktree/out/b.txt", ".ssh/config", ".tmp-half",
]  # fmt: skip
SELECTIONS = [
    Selection(),
    Selection(everything=True),
    Selection(exclude=("*.png", "training.log")),
    Selection(exclude=("artifacts/",)),
    Selection(exclude=("artifacts/**/*.png",), include=("artifacts/curves.png",)),
    Selection(exclude=("**/*.png", "worktree/**")),
    Selection(exclude=("artifacts/*",), include=("artifacts/deep/",)),
    Selection(include=("checkpoints/epoch_?.pt",)),
    Selection(exclude=("*",)),
    Selection(exclude=("[!a]*", "*[[]odd*")),
    Selection(include=("artifacts/**",), left_out=("artifacts/[odd].png", "checkpoints/last.pt", "spec.json")),
]


def test_what_is_too_much_is_left_out_largest_first() -> None:
    sizes = {"spec.json": 90, "checkpoints/best.pt": 50, "checkpoints/last.pt": 50, "notes.txt": 40, "z": 1}
    assert Selection().within(sizes, 231).left_out == ()
    assert Selection().within(sizes, 230).left_out == ("checkpoints/last.pt",)
    assert Selection().within(sizes, 131).left_out == ("checkpoints/last.pt", "checkpoints/best.pt")
    assert Selection().within(sizes, 0).left_out == (
        "checkpoints/last.pt", "checkpoints/best.pt", "notes.txt", "z"
    )  # fmt: skip
    many = Selection().within({f"frames/{number}": 10 for number in range(500)}, 20)
    assert len(many.left_out) == 200 and many.max_file_bytes == 9


def test_records_always_come_and_unfinished_files_never() -> None:
    nothing = Selection(exclude=("*", "attempts/**", "spec.json"))
    assert [path for path in FILES if nothing.brings(path, 1)] == [
        "spec.json", "metrics.jsonl", "attempts/1/log", "attempts/1/job"
    ]  # fmt: skip
    greedy = Selection(everything=True, include=("*", "**/*"))
    assert not [name for name in (".tmp-half", ".ssh/config", "a/.git/config") if greedy.brings(name, 1)]
    assert [Selection(max_file_bytes=5).brings("a", size) for size in (5, 6)] == [True, False]


@pytest.mark.skipif(shutil.which("rsync") is None, reason="no rsync on this machine")
@pytest.mark.parametrize("selection", SELECTIONS, ids=str)
def test_rsync_makes_the_same_choice(selection: Selection, tmp_path: Path) -> None:
    source, target = tmp_path / "there", tmp_path / "here"
    for name in FILES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x")
    subprocess.run(["rsync", "-r", *selection.rsync_filters(), f"{source}/", f"{target}/"], check=True)
    came = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert came == {name for name in FILES if selection.brings(name, 1)}


@pytest.mark.parametrize(
    ("pattern", "path", "named"),
    [
        ("*.png", "a/b.png", True),
        ("out/*.png", "out/x/a.png", False),
        ("out/**/*.png", "out/a.png", True),
        ("out/**/*.png", "out/x/y/a.png", True),
        ("out/**", "out", False),
        ("**/a", "b/c/a", True),
        ("a[!b]c", "abc", False),
        ("a[z-a", "a[z-a", True),
        ("a/b", "x/a/b", False),
    ],
)
def test_patterns(pattern: str, path: str, named: bool) -> None:
    assert matches(pattern, path) is named


@pytest.mark.parametrize("bad", ["/a", "../a", "a/./b", "a//b", "a**b", "+a", "- a", "a\\b", "a\nb", "**/" * 4 + "a"])
def test_what_cannot_be_a_pattern_is_told(bad: str) -> None:
    assert pattern_problem(bad)


@pytest.mark.skipif(shutil.which("rsync") is None, reason="no rsync on this machine")
def test_odd_names_are_read_from_what_rsync_prints(tmp_path: Path) -> None:
    names = ["plain name", "two\nlines", "Üñí", "\x1b[2J", "a\\#012b"]
    for name in names:
        (tmp_path / "there" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "there" / name).write_text("xyz")
    for more, name_in in (([], updated_file), (["--max-size=1", "--info=skip1"], too_large)):
        told = subprocess.run(
            ["rsync", "-r", "--out-format=%i %l %n", *more, f"{tmp_path}/there/", f"{tmp_path}/{name_in.__name__}/"],
            check=True, capture_output=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        ).stdout  # fmt: skip
        read = [name_in(line) for line in told.decode("ascii").splitlines()]
        assert len([name for name in read if name]) == len(names)
        assert {"plain name", "Üñí"} <= set(read) and all(name.isprintable() for name in read)
    assert not updated_file(">f+++++++++ is over max-size") and not updated_file("cd+++++++++ 4096 artifacts/")
