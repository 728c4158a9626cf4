"""What is declared, what is pinned and what is shipped agree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(path: Path) -> dict[str, str]:
    lines = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version for name, version in (line.split("==") for line in lines if line)
    }


CONSTRAINTS = pins(ROOT / "constraints.txt")


def test_every_declared_range_holds_the_pinned_version() -> None:
    declared = PROJECT["dependencies"] + [item for extra in PROJECT["optional-dependencies"].values() for item in extra]
    for requirement in map(Requirement, declared):
        assert Version(CONSTRAINTS[re.sub(r"[-_.]+", "-", requirement.name).lower()]) in requirement.specifier, (
            requirement
        )


def test_the_training_environment_is_the_train_extra_at_its_pins() -> None:
    shipped = pins(ROOT / "trainer" / "requirements.txt")
    extra = {Requirement(item).name for item in PROJECT["optional-dependencies"]["train"]}
    assert shipped == {name: CONSTRAINTS[name] for name in extra}


def test_the_laptop_side_needs_no_torch() -> None:
    assert not {"torch", "numpy"} & {Requirement(item).name for item in PROJECT["dependencies"]}


def test_no_file_names_a_registry_or_an_absolute_home() -> None:
    for path in [
        *ROOT.glob("*.txt"),
        *ROOT.glob("*.toml"),
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        ROOT / "Makefile",
    ]:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"https?://[^ )]*(pyp[i]|pythonhos[t]ed)", text), path
        assert "/root/" not in text, path
