"""Rows of descriptions: what is asked once, what ends the work, what a figure is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.language.trained_run import Scripted
from trainer.errors import ProviderError
from trainer.language.evidence import ABLATIONS, Evidence, View
from trainer.language.providers.spending import SpendingError
from trainer.language.rates import FIGURES, rates, worth
from trainer.language.rows import CEILING, MODEL, PATIENCE, Row, describe_rows, plan
from trainer.language.tables import share

VIEW = View(70.0, 64, 8 / 70, 16)
NAMES = ("linear", "circular", "helical", "parabolic")


def evidence(count: int) -> list[Evidence]:
    track = np.ones((16, 3))
    return [Evidence(VIEW, NAMES, np.full(4, 0.25), None, None, track + clip) for clip in range(count)]


def described(describer: Scripted, count: int = 4, *, ablations: bool = True) -> list[Row]:
    rows: list[Row] = []
    describe_rows(describer, plan(evidence(count), evidence(count), ablations), rows, lambda name, done, total: None)
    return rows


def test_every_row_is_described_and_another_clips_evidence_asks_nothing() -> None:
    describer = Scripted()
    rows = described(describer, 4)
    assert [row.name for row in rows] == [MODEL, *ABLATIONS, CEILING]
    assert all(len(row.descriptions) == 4 for row in rows)
    assert len(describer.asked) == 4 * 4, "model, nothing, class alone, true tracks"
    own, shuffled = rows[0], next(row for row in rows if row.name == "shuffled evidence")
    others = [*own.descriptions[2:], *own.descriptions[:2]]
    assert all(one is other for one, other in zip(shuffled.descriptions, others, strict=True))
    assert [row.name for row in described(Scripted(), 4, ablations=False)] == [MODEL]
    assert "shuffled evidence" not in [row.name for row in described(Scripted(), 1)], "it would be its own"


def test_an_answer_that_failed_is_a_gap_and_many_end_the_work() -> None:
    lost = ProviderError("the service is down")
    (row,) = described(Scripted({2: lost}), ablations=False)
    assert [one.problem for one in row.descriptions] == ["", "the service is down", "", ""] and not row.problem
    rows = described(Scripted(dict.fromkeys(range(2, 99), lost)), 9)
    assert len(rows) == 1 and len(rows[0].descriptions) == 1 + PATIENCE
    assert rows[0].problem == "the service is down"


def test_the_limit_of_money_ends_the_work_at_once() -> None:
    rows = described(Scripted({3: SpendingError("stopped before it")}))
    assert len(rows) == 1 and len(rows[0].descriptions) == 2 and rows[0].problem == "stopped before it"


def test_whatever_ends_the_work_leaves_what_was_done() -> None:
    rows: list[Row] = []

    def stop(name: str, done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        describe_rows(Scripted(), plan(evidence(5), evidence(5), True), rows, stop)
    assert [len(row.descriptions) for row in rows] == [3]


def of(name: str, value: float, families: int = 8) -> dict[str, Any]:
    scores = [dict.fromkeys(FIGURES, value)] * families
    found = rates(scores, [*NAMES] * (families // 4))
    return {"name": name, "problem": "", "answered": families, "lost": "", "rates": found}


def test_rates_are_of_all_of_each_family_and_without_parabolas() -> None:
    scores = [dict.fromkeys(FIGURES, float(family != "parabolic")) for family in NAMES]
    found = rates(scores, NAMES)
    assert (found["all"]["rmse"], found["all"]["n"]) == (0.75, 4)
    assert found["not parabolic"]["rmse"] == found["linear"]["claim_f1"] == 1
    assert found["parabolic"]["rmse"] == 0 and 0 < found["parabolic"]["rmse_high"] < 1
    assert rates([], [])["all"] == {"n": 0}


def test_figures_that_a_control_reaches_are_flagged() -> None:
    assert worth([of(MODEL, 0.9), of("class only", 0.5), of(CEILING, 1.0)]) == []
    flags = worth([of(MODEL, 0.5), of("class only", 0.5), of("shuffled evidence", 0.6)])
    assert flags[0] == "no skill" and "same family 0.50 is below shuffled evidence, 0.60" in flags
    assert "same family 0.50 is no better than class only, 0.50" in worth([of(MODEL, 0.5), of("class only", 0.5)])
    perfect = "investigate: exactly 1.00: same family, parameters within 10 %, RMSE <= 5 %, claim-F1"
    assert worth([of(MODEL, 1.0), of("class only", 0.1)]) == [perfect]
    early = of(MODEL, 0.9) | {"problem": "no money", "answered": 7, "lost": "no answer"}
    assert worth([early, of("class only", 0.1)]) == [
        "model: ended early: no money", "nothing was said of 1 of 8 clips: no answer"
    ]  # fmt: skip


def test_a_figure_that_only_rounds_to_one_is_not_shown_as_one() -> None:
    shown = {1.0: "1.00", 0.997: ">.99", 0.99: ".99", 0.974: ".97", 0.0: ".00", None: "-"}
    assert {value: share(value) for value in shown} == shown
