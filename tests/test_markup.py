"""Nothing that a host, a repository or a profile says is read as markup: `[/x]` in a widget ends the app.

Every widget that would read it is told not to, or gets our own lines (`palette.text`), `Content`, or words of ours.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READERS = {"Static", "Label", "OptionList", "notify"}
"""They take `markup=False`."""
LABELS = {
    "Button": 0,
    "Option": 0,
    "Tab": 0,
    "TabPane": 0,
    "Collapsible": 0,
    "Checkbox": 0,
    "DiscoveryHit": 0,
    "Hit": 1,
}
"""They read markup in this argument whatever one says, unless it is `Content`."""
DRAWN = {"border_title", "border_subtitle", "tooltip", "label", "prompt"}
"""Attributes of widgets that are read as markup."""
PLAIN = {"placeholder", "title"}
"""Keywords that are drawn as they are: no markup, but a terminal would obey what is in them."""


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)


def ours(node: ast.expr | None) -> bool:
    """Our own words, or text without anything to obey: literals, `safe(...)`, f-strings of them."""
    if isinstance(node, ast.JoinedStr):
        return all(ours(part.value) for part in node.values if isinstance(part, ast.FormattedValue))
    if isinstance(node, ast.Call):
        return name_of(node) == "safe"
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def drawn(node: ast.expr | None) -> bool:
    """Something that no widget reads as markup: `Content(...)`, `palette.text(...)`, a literal without a bracket."""
    if isinstance(node, ast.Call):
        return name_of(node) in ("Content", "text")
    return isinstance(node, ast.Constant) and "[" not in str(node.value)


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and reason of everything that might read foreign text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from ((node.lineno, why) for why in wrong(node))
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in DRAWN and not drawn(node.value):
                    yield node.lineno, f"{target.attr} is read as markup: use Content"


def wrong(call: ast.Call) -> Iterator[str]:
    name, keywords = name_of(call), {item.arg: item.value for item in call.keywords}
    options = name == "OptionList" and all(_is_option(item) for item in call.args)
    if name in READERS and not options and ast.unparse(keywords.get("markup", ast.Constant(None))) != "False":
        yield f"{name} without markup=False"
    if name in LABELS and len(call.args) > LABELS[name] and not drawn(call.args[LABELS[name]]):
        yield f"{name} reads its text as markup: use Content"
    if name == "from_markup":
        yield "markup is read"
    if _draws(call) and not any(drawn(item) or ours(item) for item in call.args):
        yield "what a Static is given is not cleaned"
    for keyword in PLAIN & set(keywords):
        if name in ("Input", "notify") and not ours(keywords[keyword]):
            yield f"{keyword} is not cleaned"


def _is_option(item: ast.expr) -> bool:
    """Options that are judged where they are made."""
    inner = item.value if isinstance(item, ast.Starred) else item
    made = inner.elt if isinstance(inner, ast.GeneratorExp | ast.ListComp) else inner
    return isinstance(made, ast.Call) and name_of(made) == "Option"


def _draws(call: ast.Call) -> bool:
    """True for the update of a Static: one that is looked up, or `problem`, as we call it once it was."""
    called = ast.unparse(call.func)
    return called.endswith(".update") and ("query_one" in called or called == "problem.update")


def test_no_widget_reads_foreign_text_as_markup() -> None:
    found = {path.relative_to(ROOT).as_posix(): list(faults(ast.parse(path.read_text(encoding="utf-8"))))
             for path in sorted((ROOT / "tui").rglob("*.py"))}  # fmt: skip
    assert len(found) > 100 and {path: why for path, why in found.items() if why} == {}


@pytest.mark.parametrize(
    "code",
    [
        "Static(row.reason)", "self.notify(text)", "Label(name, markup=True)", "Button(worker)", "Option(f'{name}')",
        "w.border_title = row.worker", "Content.from_markup(x)", "Input(placeholder=f'type {name}')",
        "self.query_one(Static).update(reason)", "problem.update(f'{exc}')", "Hit(1, name, call)", "OptionList('a', b)",
        "self.notify(x, title=name, markup=False)",
    ],
)  # fmt: skip
def test_the_rule_finds(code: str) -> None:
    assert len(list(faults(ast.parse(code)))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "Static(palette.text(lines), markup=False)", "Option(Content(safe(name)), id='a')", "Button('Cancel')",
        "Input(placeholder=f'type {safe(name)}')", "problem.update(safe(text))", "names.update(newest)",
        "OptionList(*(Option(Content(x)) for x in xs))", "w.border_title = 'log'",
    ],
)  # fmt: skip
def test_the_rule_lets_pass(code: str) -> None:
    assert list(faults(ast.parse(code))) == []
