"""What a test says: which edits make it another test."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.evidence.sources import Sources

FILE = '''\
"""Tests."""
import math
from made import one, two

LIMIT = 3
OTHER = 4


@pytest.fixture
def value():
    return helper(2)


def helper(n):
    return n * LIMIT


def test_a(value):
    assert value == one()  # as it should


class TestB:
    size = 2

    def test_b(self):
        assert two() == self.size

    class TestC:
        def test_c(self):
            assert math.pi > 3
'''
CONFTEST = "def shared():\n    return 1\n\n\ndef value():\n    return 5\n"
NAMES = ["test_a", "TestB::test_b", "TestB::TestC::test_c"]


def said(folder: Path, file: str = FILE, conftest: str = CONFTEST) -> dict[str, str]:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests/test_x.py").write_text(file, encoding="utf-8")
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    sources = Sources(folder)
    return {name: sources.says(f"tests/test_x.py::{name}") for name in NAMES}


@pytest.mark.parametrize(
    ("old", "new", "others"),
    [
        ("  # as it should", "", []),
        ("assert value == one()", "assert (value\n            == one())", []),
        ("OTHER = 4", "OTHER = 5", []),
        ("import math", "import math, os", []),
        ("def test_a(value)", "def test_more():\n    pass\n\n\ndef test_a(value)", []),
        ("value == one()", "value != one()", ["test_a"]),
        ("LIMIT = 3", "LIMIT = 1", ["test_a"]),
        ("return helper(2)", "return helper(1)", ["test_a"]),
        ("n * LIMIT", "n + LIMIT", ["test_a"]),
        ("import one, two", "import zero as one, two", ["test_a"]),
        ("def test_a", "@pytest.mark.skip\ndef test_a", ["test_a"]),
        ("size = 2", "size = 1", ["TestB::test_b", "TestB::TestC::test_c"]),
        ("math.pi > 3", "math.pi > 2", ["TestB::TestC::test_c"]),
        ("LIMIT = 3", "LIMIT = 3\npytestmark = pytest.mark.skip", NAMES),
        ("LIMIT = 3", "LIMIT = 3\nmade.one = math.pi = 3", NAMES),
        ("LIMIT = 3", "LIMIT = 3\nmath.nan += 1", NAMES),
        ("LIMIT = 3", "LIMIT = 3\nif LIMIT:\n    math.pi = 3", NAMES),
        ("LIMIT = 3", "LIMIT = 3\nMORE, STILL = 1, 2", []),
        ("OTHER = 4", "def setup_module():\n    pass", NAMES),
        ("OTHER = 4", "@pytest.fixture(autouse=True)\ndef other():\n    pass", NAMES),
        ("OTHER = 4", "@pytest.fixture\ndef other():\n    pass", []),
        ('"""Tests."""', '"""More tests."""', []),
    ],
)  # fmt: skip
def test_an_edit_makes_other_tests_of_those_that_lean_on_it(
    tmp_path: Path, old: str, new: str, others: list[str]
) -> None:
    before, after = said(tmp_path), said(tmp_path, FILE.replace(old, new, 1))
    assert FILE.count(old) >= 1 and [name for name in NAMES if before[name] != after[name]] == others


def test_fixtures_of_a_conftest_count_where_the_file_has_none_of_that_name(tmp_path: Path) -> None:
    assert said(tmp_path) == said(tmp_path, conftest=CONFTEST.replace("return 5", "return 6"))
    file = FILE.replace("def value():", "def another():")
    before, after = said(tmp_path, file), said(tmp_path, file, CONFTEST.replace("return 5", "return 6"))
    assert [name for name in NAMES if before[name] != after[name]] == ["test_a"]


def test_a_hook_of_a_conftest_is_part_of_every_test_below_it(tmp_path: Path) -> None:
    hook = "def pytest_pyfunc_call():\n    return True\n"
    before, after = said(tmp_path), said(tmp_path, conftest=CONFTEST + hook)
    assert all(before[name] != after[name] for name in NAMES)


def test_a_fixture_that_a_test_names_in_a_text_counts(tmp_path: Path) -> None:
    file = FILE.replace("def test_a(value):", '@pytest.mark.usefixtures("shared")\ndef test_a(value):')
    before, after = said(tmp_path, file), said(tmp_path, file, CONFTEST.replace("return 1", "return 2"))
    assert [name for name in NAMES if before[name] != after[name]] == ["test_a"]


def test_tests_of_a_file_that_could_not_be_imported(tmp_path: Path) -> None:
    said(tmp_path)
    assert Sources(tmp_path).tests_in("tests/test_x.py") == [f"tests/test_x.py::{name}" for name in NAMES]
    said(tmp_path, "def test_a(: pass")
    assert Sources(tmp_path).tests_in("tests/test_x.py") == Sources(tmp_path).tests_in("absent.py") == []


def test_what_is_not_found_by_name_is_its_whole_file(tmp_path: Path) -> None:
    said(tmp_path)
    before = Sources(tmp_path).says("tests/test_x.py::made_elsewhere")
    said(tmp_path, FILE + "\n# more\n")
    assert Sources(tmp_path).says("tests/test_x.py::made_elsewhere") != before
    assert Sources(tmp_path).says("") == Sources(tmp_path).says("tests/gone.py::test_a")
