"""What a test says: a digest of its source and of what it leans on in its file and in the conftests above, by name
(constants, helpers, fixtures, imports) or unasked (hooks, marks, fixtures of every test, statements that act). Comments
and layout do not count. Another digest: another test.
"""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

Definitions = Mapping[str, list[ast.AST]]
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_UNASKED = ("pytest", "setup_", "teardown_", "setUpModule", "tearDownModule")
"""Begin of the names, beside those of tests, that pytest looks for: pytestmark, pytest_plugins, hooks, set-up."""


class Sources:
    """The tests of a worktree, each file read once."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._module = cache(self._parse)

    def says(self, name: str) -> str:
        """Return the digest of a test function, `file::Class::function`; of the whole file where it is not found."""
        file, *path = name.split("::")
        parts = list(self._parts(file, path)) or [self._whole(file)]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

    def _whole(self, file: str) -> bytes:
        """b'' where pytest names no file, or one that is gone."""
        try:
            return (self._top / file).read_bytes()
        except OSError:
            return b""

    def tests_in(self, file: str) -> list[str]:
        """Return the tests that a file defines, by the names that pytest looks for; [] if it is no Python."""
        tree = self._module(file)
        return [f"{file}::{path}" for path in _tests(tree.body)] if tree else []

    def _parts(self, file: str, path: list[str]) -> Iterator[bytes]:
        tree = self._module(file)
        found = list(_along(tree, path)) if tree else []
        if not found:
            return
        folders = (self._top / file).parent, *(self._top / file).parent.parents
        inside = [folder for folder in folders if folder == self._top or self._top in folder.parents]
        conftests = [self._module(str((folder / "conftest.py").relative_to(self._top))) for folder in inside]
        modules = [one.body for one in (tree, *conftests) if one]
        known = ChainMap(*(dict(_definitions(body)) for body in modules))
        todo = []
        for node in [*found, *(node for body in modules for node in body if _is_unasked(node))]:
            yield ast.unparse(node).encode()
            todo += _names(node)
        seen = set()
        while todo:
            name = todo.pop()
            for node in () if name in seen else known.get(name, ()):
                yield f"{name}: {ast.unparse(node)}".encode()
                todo += _names(node)
            seen.add(name)

    def _parse(self, file: str) -> ast.Module | None:
        try:
            return ast.parse((self._top / file).read_bytes())
        except (OSError, SyntaxError, ValueError):
            return None


def _along(tree: ast.Module, path: list[str]) -> Iterator[ast.AST]:
    """Yield the function at the end of a path, and of each class on the way what is not a test; nothing if it leads
    nowhere.
    """
    on_the_way: list[ast.AST] = []
    body = tree.body
    for name in path:
        node = next((one for one in body if isinstance(one, (*_FUNCTIONS, ast.ClassDef)) and one.name == name), None)
        if not isinstance(node, ast.ClassDef):
            yield from [*on_the_way, node] if node else []
            return
        body = node.body
        without_tests = copy.copy(node)
        without_tests.body = [one for one in body if getattr(one, "name", "")[:4].lower() != "test"] or [ast.Pass()]
        on_the_way.append(without_tests)


def _tests(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, _FUNCTIONS) and node.name.startswith("test"):
            yield node.name
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (f"{node.name}::{path}" for path in _tests(node.body))


def _is_unasked(node: ast.stmt) -> bool:
    """True for what takes part in every test, whether that names it or not."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return False
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        given = (word for one in node.decorator_list if isinstance(one, ast.Call) for word in one.keywords)
        return node.name.startswith(_UNASKED) or any(word.arg == "autouse" for word in given)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return False  # a docstring
    stored = (one for one in ast.walk(node) if isinstance(getattr(one, "ctx", None), ast.Store))
    names_only = all(isinstance(one, ast.Name | ast.Tuple) for one in stored)
    if isinstance(node, ast.Assign | ast.AnnAssign) and names_only:
        return any(name.startswith(_UNASKED) for name in _bound(node))
    return True


def _definitions(body: list[ast.stmt]) -> Iterator[tuple[str, list[ast.AST]]]:
    """Yield each name that a module binds, with the statements that bind it; of an import its own part."""
    found: dict[str, list[ast.AST]] = {}
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                part = ast.Import([alias]) if isinstance(node, ast.Import) else _from(node, alias)
                found.setdefault((alias.asname or alias.name).split(".")[0], []).append(part)
            continue
        bound = [node.name] if isinstance(node, (*_FUNCTIONS, ast.ClassDef)) else _bound(node)
        for name in bound:
            found.setdefault(name, []).append(node)
    yield from found.items()


def _from(node: ast.ImportFrom, alias: ast.alias) -> ast.ImportFrom:
    return ast.ImportFrom(node.module, [alias], node.level)


def _bound(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def _names(node: ast.AST) -> list[str]:
    """Names that a node uses, fixtures among its arguments and in texts (`usefixtures`) included, in a fixed order."""
    used = set()
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            used.add(one.id)
        elif isinstance(one, ast.arg):
            used.add(one.arg)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            used.add(one.value)
    return sorted(used, reverse=True)
