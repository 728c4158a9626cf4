"""A person's own settings and keys: taken where they are right, refused with their line where they are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from remote.errors import ConfigError
from tui.keymap import check_keys, is_key, key_id, remapped
from tui.keys import KEYS
from tui.remembered import Remembered, recall, remember
from tui.settings import Settings, read_settings
from tui.tables import TABLES
from tui.theme import DEFAULT_THEME, chosen_theme


def written(folder: Path, text: str) -> Settings:
    (folder / "app.yaml").write_text(text)
    return read_settings(folder / "app.yaml")


def tables(settings: Settings) -> dict[str, tuple]:
    return {name: remapped(name, table, settings.keys) for name, table in TABLES.items()}


def test_ids_name_one_action_each() -> None:
    ids = [key_id(name, row) for name, table in TABLES.items() for row in table]
    assert sorted(ids) == sorted(set(ids))
    assert {"stop", "launch-all", "log.follow"} <= set(ids)


def test_our_own_keys_pass_their_own_check() -> None:
    check_keys(TABLES, Settings())
    assert all(is_key(name) for table in TABLES.values() for row in table for name in row.keys.split(","))


def test_chosen_keys_take_the_place_of_ours_in_binding_and_footer(tmp_path: Path) -> None:
    settings = written(tmp_path, "theme: trajvid-light\nkeys: {stop: 'S, f5', filter: ctrl+f, log.follow: '^'}\n")
    assert settings.theme == "trajvid-light"
    found = tables(settings)
    check_keys(found, settings)
    rows = {key_id(name, row): row for name, table in found.items() for row in table}
    assert (rows["stop"].keys, rows["stop"].shown) == ("S,f5", "S f5")
    assert (rows["log.follow"].keys, rows["log.follow"].shown) == ("circumflex_accent", "^")
    assert rows["kill"] in KEYS, "what was not chosen stays"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys: {stpo: S}\n", "app.yaml:1: no action 'stpo'"),
        ("theme: x\nkeys:\n  stop: hyper+q\n", "app.yaml:3: no key 'hyper+q'"),
        ("keys:\n  kill: n\n", "app.yaml:2: n would mean launch and kill"),
        ("keys: {stop: [S]}\n", "app.yaml:1: the keys of stop are not a text"),
        ("tehme: x\n", "app.yaml:1: unknown setting 'tehme'"),
        ("theme: 3\n", "app.yaml:1: theme is not a text"),
        ("- a\n", "app.yaml:1: not a list"),
        ("keys: {stop: S, stop: T}\n", "stop"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings = written(tmp_path, text)
        check_keys(tables(settings), settings)
    assert said in caught.value.message and (caught.value.hint or "stop" in said)


def test_a_theme_that_does_not_exist_is_named_with_those_that_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRAJVID_THEME", raising=False)
    with pytest.raises(ConfigError, match=r"app\.yaml:1: no theme 'drak'") as caught:
        chosen_theme(written(tmp_path, "theme: drak\n"), "")
    assert "trajvid-light" in caught.value.hint
    assert chosen_theme(Settings(), "okabe-ito") == "okabe-ito", "what was chosen the last time"
    assert chosen_theme(Settings(), "gone since") == DEFAULT_THEME
    monkeypatch.setenv("TRAJVID_THEME", "ansi")
    assert chosen_theme(Settings(theme="trajvid-light"), "okabe-ito") == "ansi"
    monkeypatch.setenv("TRAJVID_THEME", "x")
    with pytest.raises(ConfigError, match="TRAJVID_THEME: no theme 'x'"):
        chosen_theme(Settings(), "")


def test_no_file_says_nothing(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "app.yaml") == Settings()


def test_what_the_app_remembers_comes_back_and_damage_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "state" / "app.json"
    kept = Remembered("okabe-ito", "board", "state")
    remember(path, kept)
    assert recall(path) == kept and path.stat().st_mode & 0o077 == 0
    path.write_text('{"theme": 3, "other": "x", "order": "name"}')
    assert recall(path) == Remembered(order="name")
    for damage in ("", "[]", "{", "\0" * 20):
        path.write_text(damage)
        assert recall(path) == Remembered()
    path.unlink()
    path.mkdir()
    remember(path, kept)
    assert recall(path) == Remembered(), "a folder in its place is nobody's problem"


def test_texts_name_the_key_that_was_chosen(tmp_path: Path) -> None:
    """In a process of its own: tables are made once."""
    (tmp_path / "app.yaml").write_text("keys: {launch: L}\n")
    script = (
        "from tests.tui.worlds import blank; from tui.words import last_words; from tui.keys import KEYS, panel_hints;"
        "print(last_words(blank('a'))[0], *(text for text, _ in panel_hints(blank('a'), 60, read_only=False)))"
    )
    env = {**os.environ, "TRAJVID_CONFIG_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("not launched yet: L launches it L  launch")
