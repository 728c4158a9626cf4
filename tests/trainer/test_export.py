"""Exported pixels: what other programs read, and that no interruption changes a byte of it."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from renderer.catalogue import DATASETS, Wanted
from renderer.descriptions import describe
from renderer.equations import evaluate
from renderer.truth import truth
from renderer.video import render
from tests.trainer.conftest import Start
from trainer.data import blocks, export, journal
from trainer.data.blocks import render_block
from trainer.data.dataset import DataSet, load_dataset, write_dataset
from trainer.data.export import METADATA_NAME, Layout
from trainer.data.journal import JOURNAL_NAME
from trainer.data.safetensors_format import INDEX_NAME
from trainer.errors import ConfigError, DataError

WANTED = Wanted("trajectories", "medium", 60, seed=7, size_px=16)
NPY = Layout("npy", checkpoint_clips=13)


def draw(folder: Path, wanted: Wanted = WANTED) -> DataSet:
    write_dataset(folder, wanted)
    return load_dataset(folder)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    export.export(folder, draw(folder), NPY)
    return folder


def test_one_npy_holds_every_clip_as_it_is_rendered(undisturbed: Path) -> None:
    videos = np.load(undisturbed / "videos.npy", mmap_mode="r")
    assert videos.dtype == np.uint8 and np.array_equal(videos, render(load_dataset(undisturbed).recipe))


def test_the_metadata_tells_what_belongs_to_each_clip(undisturbed: Path) -> None:
    data, metadata = load_dataset(undisturbed), json.loads((undisturbed / METADATA_NAME).read_text())
    assert (metadata["format"], metadata["clips"], metadata["frames"], metadata["size_px"]) == (1, 60, 16, 16)
    assert metadata["class_names"] == ["linear", "circular", "helical", "parabolic"]
    assert metadata["labels"] == data.recipe.label.tolist() and metadata["splits"] == data.manifest.splits
    assert metadata["videos"] == ["videos.npy"]
    assert set(metadata["content_sha256"]) == {"videos.npy", "trajectory_3d.npy", "equations.jsonl"}
    path = np.load(undisturbed / metadata["trajectory_3d"])
    assert path.dtype == np.float32 and path == pytest.approx(data.recipe.camera_path(), abs=1e-6)
    lines = [json.loads(line) for line in (undisturbed / metadata["equations"]).read_text().splitlines()]
    assert [line["description"] for line in lines] == describe(data.recipe)
    times_s = np.arange(21) / data.recipe.window.fps
    assert evaluate(lines[5]["camera"], times_s) == pytest.approx(path[5], abs=1e-4)


@pytest.mark.parametrize("name", ["persistence", "objects"])
def test_scenes_come_with_the_truth_of_every_object(tmp_path: Path, name: str) -> None:
    kind = DATASETS[name]
    data = draw(tmp_path, Wanted(name, kind.tiers[0], 60, frames=kind.frames[0], size_px=32))
    export.export(tmp_path, data, NPY)
    metadata, expected = json.loads((tmp_path / METADATA_NAME).read_text()), truth(data.recipe)
    with np.load(tmp_path / metadata["truth"]) as stored:
        assert np.array_equal(stored["boxes"], expected.boxes) and np.array_equal(stored["visible"], expected.visible)
        assert np.array_equal(stored["identity"], data.recipe.identity)
        assert len(stored["clip"]) == len(stored["kind"]) == len(stored["position"])


@pytest.mark.parametrize(("layout", "files"), [
    (Layout("npy", shard_clips=25, checkpoint_clips=10), 3),
    (Layout("npy", shard_clips=1000), 1),
    (Layout("safetensors"), 1),
    (Layout("safetensors", shard_clips=7, checkpoint_clips=3), 9),
])  # fmt: skip
def test_shards_hold_the_same_clips_in_order(undisturbed: Path, tmp_path: Path, layout: Layout, files: int) -> None:
    export.export(tmp_path, draw(tmp_path), layout)
    names = json.loads((tmp_path / METADATA_NAME).read_text())["videos"]
    assert names[0] == f"videos-00001-of-{files:05d}.{layout.form}" and len(names) == files
    if layout.form == "npy":
        parts = [np.load(tmp_path / name) for name in names]
    else:
        from safetensors.numpy import load_file

        index = json.loads((tmp_path / INDEX_NAME).read_text())
        assert list(index["weight_map"].values()) == names
        assert index["metadata"]["total_size"] == 60 * 16 * 3 * 16 * 16
        parts = [load_file(tmp_path / name)[tensor] for tensor, name in index["weight_map"].items()]
    assert np.array_equal(np.concatenate(parts), np.load(undisturbed / "videos.npy"))


def test_any_number_of_workers_and_checkpoints_gives_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    data = draw(tmp_path)
    assert export.export(tmp_path, data, replace(NPY, checkpoint_clips=20), workers=2)
    assert content(tmp_path) == content(undisturbed)


def test_small_buffers_give_the_same_bytes(undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BUFFER_BYTES", 1)
    export.export(tmp_path, draw(tmp_path), Layout("npy"))
    assert content(tmp_path) == content(undisturbed)


def test_the_same_export_again_is_there_already_and_another_is_refused(undisturbed: Path) -> None:
    data, before = load_dataset(undisturbed), content(undisturbed)
    assert export.export(undisturbed, data, NPY) is False
    for other in (Layout("safetensors"), Layout("npy", shard_clips=20)):
        with pytest.raises(ConfigError, match="holds another export already, in other files"):
            export.export(undisturbed, data, other)
    assert content(undisturbed) == before


@pytest.mark.parametrize("damage", ["edit", "truncate", "remove", "truth"])
def test_a_damaged_export_is_not_called_there(tmp_path: Path, damage: str) -> None:
    data = draw(tmp_path)
    export.export(tmp_path, data, Layout("safetensors", shard_clips=20))
    shard = tmp_path / ("trajectory_3d.npy" if damage == "truth" else "videos-00002-of-00003.safetensors")
    if damage == "remove":
        shard.unlink()
    elif damage == "truncate":
        os.truncate(shard, 5000)
    else:
        with shard.open("r+b") as file:
            file.seek(4000)
            file.write(b"edited")
    with pytest.raises(DataError, match=f"{shard.name}: content differs from metadata.json") as caught:
        export.export(tmp_path, data, Layout("safetensors", shard_clips=20))
    assert caught.value.hint == "remove metadata.json, and the same command writes the pixels again"
    (tmp_path / METADATA_NAME).unlink()
    assert export.export(tmp_path, data, Layout("npy")) is True
    assert not list(tmp_path.glob("*.safetensors*")), "what the other layout left is gone"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "recipe_digest": "", "videos": []}'])
def test_rubbish_in_place_of_metadata_is_refused(tmp_path: Path, text: str) -> None:
    data = draw(tmp_path)
    (tmp_path / METADATA_NAME).write_text(text)
    with pytest.raises(DataError, match=r"metadata\.json: cannot be read"):
        export.export(tmp_path, data, NPY)


@pytest.mark.parametrize("text", ["", "{}\n", "[1]\n", "{PLAN}{}\n[]\n", '{PLAN}{"start": 0, "sha256": 1}\n3\n'])
def test_rubbish_in_the_journal_costs_no_more_than_the_work(undisturbed: Path, tmp_path: Path, text: str) -> None:
    data = draw(tmp_path)
    plan = json.dumps({"digest": data.recipe.digest(), "videos": ["videos.npy"], "every": 13}) + "\n"
    (tmp_path / JOURNAL_NAME).write_text(text.replace("{PLAN}", plan))
    export.export(tmp_path, data, NPY)
    assert content(tmp_path) == content(undisturbed)


class Killed(BaseException):
    """Stands for a kill: nothing but its place in time is known."""


@pytest.mark.parametrize("moment", ["record", "mid-block", "torn journal", "rename", "metadata", "journal"])
def test_killed_at_any_step_and_resumed_equals_undisturbed(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    data = draw(tmp_path)
    with monkeypatch.context() as patch:
        kill_at(moment, patch)
        with pytest.raises(Killed):
            export.export(tmp_path, data, NPY)
    if moment == "torn journal":
        with (tmp_path / JOURNAL_NAME).open("ab") as file:
            file.write(b'{"start": 52, "sha')
    rendered: list[int] = []
    monkeypatch.setattr(blocks, "render_block", lambda *words: rendered.append(words[1].start) or render_block(*words))
    export.export(tmp_path, data, NPY)
    assert content(tmp_path) == content(undisturbed)
    expected = {"record": [26, 39, 52], "mid-block": [26, 39, 52], "torn journal": [39, 52]}
    assert rendered == expected.get(moment, []), "what was safe is not done again"


def kill_at(moment: str, patch: pytest.MonkeyPatch) -> None:
    def record(self: journal.Journal, block: object, digest: str, inner: object = journal.Journal.record) -> None:
        if moment == "record" and len(self.done) == 2:
            raise Killed
        inner(self, block, digest)  # type: ignore[operator]
        if moment == "torn journal" and len(self.done) == 3:
            raise Killed

    def block(recipe: object, part: blocks.Block, folder: Path, advance: object) -> str:
        digest = render_block(recipe, part, folder, advance)  # type: ignore[arg-type]
        if moment == "mid-block" and part.start == 26:
            with (folder / part.shard.temporary).open("r+b") as file:
                file.truncate(part.offset + 100)
            raise Killed
        return digest

    def renamed(self: Path, target: Path, inner: object = Path.replace) -> None:
        inner(self, target)  # type: ignore[operator]
        if moment == "rename" and target.name == "videos.npy":
            raise Killed

    def put(path: str, data: bytes, mode: int, inner: object = export.replace_file) -> None:
        inner(path, data, mode)  # type: ignore[operator]
        if moment in ("metadata", "journal") and path.endswith(METADATA_NAME):
            raise Killed

    patch.setattr(journal.Journal, "record", record)
    patch.setattr(blocks, "render_block", block)
    patch.setattr(Path, "replace", renamed)
    patch.setattr(export, "replace_file", put)


def test_a_block_that_changed_while_nobody_looked_is_rendered_again(undisturbed: Path, tmp_path: Path) -> None:
    data = draw(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        kill_at("torn journal", patch)
        with pytest.raises(Killed):
            export.export(tmp_path, data, NPY)
    with (tmp_path / ".tmp-videos.npy").open("r+b") as file:
        file.seek(200_000)
        file.write(b"rot")
    export.export(tmp_path, data, NPY)
    assert content(tmp_path) == content(undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_fills_up_in_the_middle_is_told_and_gone_on_from(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    data = draw(tmp_path)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "record", full)
        with pytest.raises(DataError, match="the disk is full") as caught:
            export.export(tmp_path, data, NPY, workers)
    assert caught.value.hint == "make room and give the same command again: it goes on from there"
    assert not (tmp_path / "videos.npy").exists()
    export.export(tmp_path, data, NPY)
    assert content(tmp_path) == content(undisturbed)


def test_safetensors_missing_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = draw(tmp_path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ConfigError, match="needs the package safetensors") as caught:
        export.export(tmp_path, data, Layout("safetensors"))
    assert "trajvid-tui[export]" in caught.value.hint
    assert export.export(tmp_path, data, NPY), "npy needs nothing more"


WORDS = ("generate", "trajectories", "--clips", "400", "--size", "16", "--export", "npy", "--checkpoint-clips", "10")


def twenty(workers: str) -> object:
    return pytest.param(20, workers, marks=pytest.mark.slow)


def attempt(folder: Path) -> int:
    """Number of the journal's file; each attempt that comes to rendering makes a new one."""
    try:
        return (folder / JOURNAL_NAME).stat().st_ino
    except FileNotFoundError:
        return 0


def has_begun(process: subprocess.Popen[bytes], folder: Path, before: int) -> None:
    while process.poll() is None and attempt(folder) in (0, before):
        time.sleep(0.002)


@pytest.mark.slow  # 5 s
@pytest.mark.parametrize(("kills", "workers"), [(4, "1"), twenty("1"), twenty("2")])
def test_killed_at_random_moments_and_resumed_equals_undisturbed(
    start: Start, tmp_path: Path, kills: int, workers: str
) -> None:
    """One kill in five comes while the program starts, the others while it renders, checks or finishes.

    Twenty kills take 10 to 25 s.
    """
    rng = random.Random(kills)
    process = start(*WORDS, "--out", "whole")
    has_begun(process, tmp_path / "whole", 0)
    began = time.monotonic()
    assert process.wait(60) == 0
    length = time.monotonic() - began
    folder, met = tmp_path / "d", 0
    for _ in range(kills):
        before = attempt(folder)
        process = start(*WORDS, "--out", "d", "--workers", workers)
        if rng.random() < 0.2:
            time.sleep(rng.uniform(0, 0.3))
        else:
            has_begun(process, folder, before)
            time.sleep(rng.uniform(0, 1.5) * length / kills)
        process.kill()
        process.wait(10)
        met += not (folder / METADATA_NAME).exists()
    assert met > kills / 2, "most kills met an unfinished export"
    last = start(*WORDS, "--out", "d", "--workers", workers)
    assert last.wait(60) == 0, last.communicate()
    assert content(folder) == content(tmp_path / "whole")


@pytest.mark.slow  # 2 s
def test_workers_do_not_outlive_a_killed_parent(start: Start, tmp_path: Path) -> None:
    process = start(*WORDS, "--out", "d", "--workers", "2", "--clips", "2000")
    path = tmp_path / "d" / JOURNAL_NAME
    while not (path.exists() and path.read_bytes().count(b"\n") > 2):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
    )
    workers = [int(pid) for pid in listed.stdout.split()]
    assert len(workers) >= 2
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline, "a worker went on without its parent"
        time.sleep(0.02)
