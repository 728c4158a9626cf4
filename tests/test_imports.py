"""The house: which package may import what. An allow list, because a deny list must name each culprit."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED: dict[str, set[str]] = {
    "wire": set(),
    "renderer": {"numpy", "PIL"},
    "trainer": {
        "wire",
        "renderer",
        "torch",
        "numpy",
        "scipy",
        "matplotlib",
        "rich",
        "yaml",
        "pydantic",
        "safetensors",
        "vector_quantize_pytorch",
        "transformers",
        "openai",
        "anthropic",
        "coverage",
    },
    "remote": {"wire", "asyncssh", "pydantic", "yaml", "platformdirs", "boto3", "botocore"},
    "remote/onhost": {"wire"},
    "tui": {"wire", "remote", "textual", "rich", "textual_image", "PIL"},
    "tui/cli": {"wire", "remote", "rich"},
}


def house_of(path: Path) -> str:
    """The innermost row of the table that a module belongs to."""
    folder = path.relative_to(ROOT).as_posix()
    return max((house for house in ALLOWED if folder.startswith(house + "/")), key=len)


def foreign_imports(path: Path) -> set[str]:
    """Top-level names that a module imports, beside the standard library and its own package."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names.add(node.module or "")
    own = path.relative_to(ROOT).parts[0]
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {own}


@pytest.mark.parametrize("house", [house for house in ALLOWED if "/" not in house])
def test_a_module_imports_only_what_its_house_allows(house: str) -> None:
    found = {path: foreign_imports(path) - ALLOWED[house_of(path)] for path in sorted((ROOT / house).rglob("*.py"))}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_far_side_imports_nothing_of_the_laptop_side() -> None:
    for path in sorted((ROOT / "remote/onhost").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("remote"):
                assert (node.module or "").startswith("remote.onhost"), f"{path}:{node.lineno}"


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)


def test_the_laptop_side_runs_without_torch_and_numpy() -> None:
    modules = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for house in ("wire", "remote", "tui")
        for path in sorted((ROOT / house).rglob("*.py"))
        if path.name not in ("__init__.py", "__main__.py", "bridge_helper.py")
    ]
    code = f"""
import sys, importlib
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "numpy", "matplotlib", "scipy"):
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
for name in {modules!r}:
    importlib.import_module(name)
"""
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_the_headless_verbs_never_import_textual() -> None:
    modules = [f"tui.cli.{path.stem}" for path in (ROOT / "tui/cli").glob("*.py") if path.stem != "__init__"]
    done = python(
        f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
        "sys.exit('textual is imported' if 'textual' in sys.modules else 0)"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("house", ["wire", "remote", "tui"])
def test_the_init_modules_hold_nothing_but_a_docstring(house: str) -> None:
    body = ast.parse((ROOT / house / "__init__.py").read_text(encoding="utf-8")).body
    assert len(body) == 1 and isinstance(body[0], ast.Expr)
