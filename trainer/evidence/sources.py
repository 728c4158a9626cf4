"""What a test says: a digest of its source and of everything in its file, and in the conftests above, that it leans on
by name (constants, helpers, fixtures, imports). Comments and layout do not count. Another digest: another test.
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


class Sources:
    """The tests of a worktree, each file read once."""

    def __init__(self, top: Path) -> None:
        self._top = top
        self._module = cache(self._parse)

    def says(self, name: str) -> str:
        """Return the digest of a test function, `file::Class::function`; of the whole file where it is not found."""
        file, *path = name.split("::")
        parts = list(self._parts(file, path)) or [(self._top / file).read_bytes()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

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
        known = ChainMap(*(dict(_definitions(one.body)) for one in (tree, *conftests) if one))
        todo = ["pytestmark"]
        for node in found:
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
    """Names that a node uses, fixtures among its arguments included, in a fixed order."""
    walked = list(ast.walk(node))
    used = {one.id for one in walked if isinstance(one, ast.Name)} | {
        one.arg for one in walked if isinstance(one, ast.arg)
    }
    return sorted(used, reverse=True)
