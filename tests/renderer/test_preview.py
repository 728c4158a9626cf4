"""The preview: pictures that show the clips, and words where they cannot be made."""

import sys
from pathlib import Path

import numpy as np
import pytest

from renderer.__main__ import main
from renderer.catalogue import Wanted, make
from renderer.preview import KIND_COLOURS, even_rows, write_preview
from renderer.scenes import Persistence
from tests.renderer.by_hand import Thing, by_hand

Image = pytest.importorskip("PIL.Image")


def test_a_sheet_and_a_moving_picture_come_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "persistence", "--tier", "clutter", "--clips", "2", "--out", str(tmp_path / "new")]) == 0
    still, moving = map(Path, capsys.readouterr().out.split())
    with Image.open(still) as sheet, Image.open(moving) as film:
        assert sheet.size[0] > 12 * 128 and sheet.size[1] > 2 * 128
        assert film.n_frames == 25 and film.info["loop"] == 0


def test_objects_are_framed_in_the_colour_of_their_kind(tmp_path: Path) -> None:
    recipe = by_hand([Thing(30, 20, 3.0, 4.0), Thing(30, 44, 3.0, 4.0, kind=Persistence.TRANSIENT)])
    with Image.open(write_preview(recipe, tmp_path)[0]) as sheet:
        pixels = np.asarray(sheet)[76:]
    for kind, middle_px in ((Persistence.PERSISTENT, 20), (Persistence.TRANSIENT, 44)):
        rows, columns = (pixels == KIND_COLOURS[kind][1]).all(axis=2).nonzero()
        assert rows.min() == 2 * (middle_px - 4) - 2 and rows.max() == 2 * (middle_px + 4) + 1
        assert len(set(columns)) == 2 * 20, "two frames, each with one box of 20 columns"


def test_large_pictures_are_shrunk(tmp_path: Path) -> None:
    recipe = make(Wanted("objects", "easy", 1, frames=32, size_px=512)).recipe
    with Image.open(write_preview(recipe, tmp_path)[0]) as sheet:
        assert sheet.size[0] < 12 * 140 + 200


def test_a_generated_folder_can_be_looked_at(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.npz").write_bytes(make(Wanted("trajectories", "easy", 12, style="trail")).recipe.to_bytes())
    for data in (tmp_path, tmp_path / "recipe.npz"):
        assert main(["preview", str(data), "--clips", "1", "--out", str(tmp_path)]) == 0
        assert "trajectories-easy.png" in capsys.readouterr().out


def test_rows_are_chosen_evenly() -> None:
    label = np.array([0, 0, 0, 0, 1, 2, 2], np.uint8)
    assert even_rows(label, 3).tolist() == [0, 4, 5]
    assert even_rows(label, 5).tolist() == [0, 1, 4, 5, 6]
    assert even_rows(label, 99).tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["objectz"], "did you mean 'objects'?"),
        (["objects", "--tier", "quick"], "known: standard, easy, transient_heavy, fast"),
        (["objects", "--test", "loud"], "known: shifted-camera"),
        (["--clips", "0"], "clips cannot be 0"),
        (["--clips", "6", "--size", "2048"], "at most 5 of this size"),
        (["persistence", "--size", "0"], "size_px cannot be 0"),
        (["objects", "--clutter", "-1"], "clutter of objects cannot be -1"),
        (["{here}"], "is it a generated data set?"),
        (["{here}/broken"], "generate it again"),
        (["--out", "{here}/broken"], "choose another --out"),
    ],
)
def test_mistakes_are_answered_with_words(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken").write_bytes(b"not a recipe")
    assert main(["preview", *(argument.format(here=tmp_path) for argument in arguments)]) == 2
    told = capsys.readouterr()
    assert words in told.err and told.err.startswith("error: ") and not told.out


def test_without_pillow_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert main(["preview", "--clips", "2", "--out", str(tmp_path)]) == 2
    assert "pip install 'trajvid-tui[preview]'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
