"""Calls that have no place in this code: they run what others wrote."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSES = ("wire", "remote", "tui", "trainer", "renderer")


def calls(path: Path) -> list[tuple[int, str, ast.Call]]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [(node.lineno, ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("house", HOUSES)
def test_nothing_runs_foreign_text_as_code(house: str) -> None:
    for path in sorted((ROOT / house).rglob("*.py")):
        for line, name, call in calls(path):
            keywords = {item.arg: ast.unparse(item.value) for item in call.keywords}
            where = f"{path}:{line}"
            assert name not in ("eval", "exec", "pickle.load", "pickle.loads", "os.system", "os.popen"), where
            assert name not in ("yaml.safe_load", "yaml.full_load", "yaml.unsafe_load"), (
                f"{where}: use the strict loader"
            )
            assert keywords.get("shell") != "True", where
            if name == "torch.load":
                assert keywords.get("weights_only") == "True", where
            if name in ("yaml.load", "yaml.load_all"):
                assert "Strict" in ast.unparse(call), f"{where}: use the strict loader"
