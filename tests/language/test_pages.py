"""Pages of descriptions: each figure stands in its own row, and a target that is missed is said to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.language.test_rows import of
from trainer.__main__ import main
from trainer.language.descriptions_page import page
from trainer.language.rows import CEILING, MODEL
from trainer.language.targets import ANOTHER, judged


def content(own: float, *, another: float = 0.1, ceiling: float = 0.99, head: float | None = 0.9) -> dict[str, Any]:
    """What descriptions.json would be if every figure of a row were the same."""
    about = {
        **{"provider": "rules", "extractor": "i3d", "on": "medium", "part": "test", "command": "trainer describe it"},
        **{"at": "today", "checkpoint": "runs/a/best.pt", "epoch": 3, "clips": 8, "of": 8, "notes": ["a note"]},
    }
    usage = {"answers": 8, "cached": 2, "input_tokens": 0, "output_tokens": 0, "seconds": 3.0, "cost_usd": 0.0}
    return {
        **{"described": about, "usage": usage, "flags": ["a flag"], "clips": [], "class_head": head},
        **{"rows": [of(MODEL, own), of(ANOTHER, another), of(CEILING, ceiling)]},
        "detector_px": {"centre": 0.012, "radius": 0.034},
    }


def verdicts(found: dict[str, Any]) -> dict[str, str]:
    return {name: verdict for name, _, _, verdict in judged(found)}


def test_a_target_is_met_or_not() -> None:
    assert set(verdicts(content(1.0)).values()) == {"met", "goal met"}
    missed = verdicts(content(0.5, another=0.4))
    assert {name for name, verdict in missed.items() if verdict == "not met"} == {*missed}
    assert verdicts(content(0.96))["family"] == "met" and verdicts(content(0.96))["param., parabolic"] == "goal met"


def test_the_rules_may_not_fall_below_the_class_head() -> None:
    shares = {0.97: "not met", 0.96: "met", 0.5: "met"}
    assert {head: verdicts(content(0.96, head=head))["family, class head"] for head in shares} == shares
    assert "family, class head" not in verdicts(content(0.96, head=None))


def test_a_page_has_the_models_own_figures_and_the_ceilings_apart() -> None:
    rows = page(content(0.25, ceiling=0.75), "").splitlines()
    assert next(row for row in rows if row.startswith("| model |")).count(".25") == 6
    assert next(row for row in rows if row.startswith("| true tracks |")).count(".75") == 6
    own, ceiling = (row for row in rows if row.startswith("| parabolic |"))
    assert own.count(".25") == ceiling.count(".75") == 6
    assert "- **a flag**" in rows and "- a note" in rows


def test_descriptions_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, own in (("good", 0.75), ("bad", 0.25)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "descriptions.json").write_text(json.dumps(content(own)))
    out = tmp_path / "page.md"
    assert main(["descriptions", str(tmp_path / "good"), str(tmp_path / "bad"), "--out", str(out)]) == 0
    table = [row for row in out.read_text().splitlines() if row.startswith("| rules, i3d on medium |")]
    assert [row.count(share) for row, share in zip(table, (".75", ".25"), strict=False)] == [6, 6]
    assert table[2].endswith("| 8 | 2 | - | 0.50 | 0.0000 |"), "3 s, and 6 answers that were asked for"
    assert capsys.readouterr().out.count("rules, i3d on medium") == 2


@pytest.mark.parametrize(
    ("text", "says"), [(None, "has no descriptions.json"), ("{}", "is not what `trainer describe")]
)
def test_a_place_without_descriptions_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, says: str
) -> None:
    if text is not None:
        (tmp_path / "descriptions.json").write_text(text)
    assert main(["descriptions", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert says in said and "Traceback" not in said
