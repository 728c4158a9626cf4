"""A run's analysis in words: no section is made up, and no figure goes unchecked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.stand_in import Fault, StandIn
from tests.trainer.test_analysis import history, horizons, raw_results, results
from trainer.__main__ import main
from trainer.analysis.analysis import analyse
from trainer.analysis.prose.checking import PROPOSAL, check
from trainer.analysis.prose.facts import Facts
from trainer.analysis.prose.figures import figures_of
from trainer.analysis.prose.page import WIDTH
from trainer.analysis.prose.run_facts import facts_of
from trainer.analysis.prose.sections import SECTIONS, sections_of
from trainer.analysis.prose.writing import open_reviewer, write_prose
from trainer.errors import ProviderError

ANSWER = """\
Here is my review.

## 1. Performance
The accuracy is 90.0 % on 300 clips; the recall of helical is 61.0 %.
On noisy the accuracy falls by 20.0 points.

**Training Dynamics:**
It took 8 epochs. \x1b]52;c;eA==\x07![x](http://evil/pixel)<script>

### Architecture
It has 1,000 parameters in 12 layers.

### Improvements
- Train for 40 epochs: accuracy is 55.5 %, so set `batch_size=128`.
"""


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    return facts_of(analyse(results(tmp_path, raw_results(0.9, 300))))


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("98.3 % and 98.3% and 98.3 percent", [(98.3, "%")] * 3),
        ("8.7 points, 5 percentage points, 2pp", [(8.7, "points"), (5, "points"), (2, "points")]),
        ("1,328,476 or 1.33M or 1.3 million", [(1_328_476, ""), (1_330_000, ""), (1_300_000, "")]),
        ("32.7 ms, 1 h 31 min, 91 minutes, 4 min 37 s", [(0.0327, "s"), (5460, "s"), (5460, "s"), (277, "s")]),
        ("16-fold, 16x, 16 times", [(16, "times")] * 3),
        ("rate 1e-3, gap -0.5, gap \u22120.5, 10-20 epochs", [(1e-3, ""), (-0.5, ""), (-0.5, ""), (10, ""), (20, "")]),
        ("5.31 MB", [(5.31e6, "bytes")]),
        ("`epochs=20` of 64x64", [(20, ""), (64, ""), (64, "")]),
        ("1. First, the 2nd\n2) at t+5 and t+1..t+5, F1 of I3D in 3D by GPT-4 (Kay et al., 2017)", []),
        ("keypoint-full-0, checkpoint_epoch_10.pt, http://x.org/12, 2026-11-29, torch 2.13.0, 2 reasons", []),
    ],
)
def test_figures_are_read_with_their_units(text: str, figures: list[tuple[float, str]]) -> None:
    assert [(pytest.approx(one.value), one.unit) for one in figures_of(text)] == figures


@pytest.mark.parametrize(
    ("text", "statuses"),
    [
        ("The accuracy is 90.0 %, or 0.9, or 90 percent.", "found found found"),
        ("The accuracy is 90.1 %.", "not in the run"),
        ("The accuracy is about 89.9 %, or exactly 89.9 %.", "found not in the run"),
        ("The accuracy lies between 86.1 and 92.9 %.", "found found"),
        ("Of 300 clips 270 are right, 30 wrong.", "found found found"),
        ("The MSE at t+5 is 0.020.", "found"),
        ("The accuracy is 70.0 %.", "of another"),
        ("On noisy the accuracy is 70.0 %.", "found"),
        ("Under noise accuracy drops 20 points, to 70 %.", "found found"),
        ("The control majority has 25 %.", "found"),
        ("The skill is 0.75 against constant velocity, that of a MSE of 0.08.", "found found"),
        ("The skill is -0.75.", "not in the run"),
        ("A validation loss of 0.25 is 12.5 times the MSE of 0.02.", "found derived found"),
        ("The validation loss is 0.25 and the MSE is 0.02. Times 12.5.", "found found not in the run"),
        ("A validation loss of 0.25 beside a MSE of 0.02: 12.5.", "found found not in the run"),
        ("The accuracy is 90 %, 10 % of the clips are wrong.", "found found"),
        ("Validation accuracy is 88 %, 2.0 points below the test accuracy of 90 %.", "found found found"),
        ("In epoch 3 the validation loss is 0.4.", "found found"),
        ("In epoch 4 the validation loss is 0.4.", "not in the run not in the run"),
        ("The best epoch is 6 of 8; it took 80 s, 10 s an epoch.", "found found found found"),
        ("It has 1,000 parameters and 4 heads.", "found not in the run"),
        ("The learning rate is 1e-3.", "found"),
        ("The bar of 90 % is reached.", "found"),
        ("On noisy the accuracy is 70 % vs. 25 % of the control majority.", "found found"),
        ("The control majority has 25 %. On noisy the MSE is 0.08.", "found of another"),
    ],
)  # fmt: skip
def test_each_figure_is_looked_up(facts: Facts, text: str, statuses: str) -> None:
    assert " ".join(one.status for one in check(text, facts)) == statuses


def test_a_mark_names_the_fact(facts: Facts) -> None:
    found, another = check("On noisy the accuracy is 70.0 %.\n\nThe accuracy is 70.0 %.", facts)
    assert found.fact is another.fact is facts["noisy.accuracy"]
    (_, ratio, _) = check("A validation loss of 0.25 is 12.5 times the MSE of 0.02.", facts)
    assert ratio.how == "ratio of 0.25 and 0.02"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Try a learning rate of 0.0003.", PROPOSAL),
        ("Set `batch_size=128`: the loss is noisy.", PROPOSAL),
        ("With more clips, accuracy should reach 99 %.", PROPOSAL),
        ("Accuracy is 55.5 %, so add clips.", "not in the run"),
        ("Add clips, for the recall of helical is 61 %.", "not in the run"),
    ],
)
def test_only_a_proposal_may_be_new(facts: Facts, text: str, status: str) -> None:
    assert [one.status for one in check(text, facts, proposes=True)] == [status]
    assert [one.status for one in check(text, facts)] == ["not in the run"]


def test_an_answer_is_taken_apart_and_nothing_is_made_up() -> None:
    parsed = sections_of(ANSWER)
    assert list(parsed.sections) == ["performance", "dynamics", "architecture", "improvements"]
    assert parsed.outside == "Here is my review."
    assert [one.key for one in parsed.missing] == ["failures", "questions"]
    assert parsed.sections["dynamics"].strip() == "It took 8 epochs. [x](http://evil/pixel)&lt;script>"
    nested = sections_of("# Performance\nA.\n### Performance improvements\nB.\n# Improvements\nC.")
    assert nested.sections == {"performance": "A.\n**Performance improvements**\nB.", "improvements": "C."}
    as_json = json.dumps({one.title: ["a\x1b[2J", {"b": 1}] for one in SECTIONS})
    found = sections_of(f"```json\n{as_json}\n```")
    assert not found.missing and set(found.sections.values()) == {"- a\n- - **b**: 1"}
    assert sections_of("No.").missing == list(SECTIONS) and sections_of("No.").outside == "No."


def change(name: str) -> dict[str, Any]:
    """Results of a run that went one way or another."""
    raw = raw_results(0.9, 300, 0.2 if name == "no skill" else 0.02)
    losses = {
        "overfits": history([1, 0.8, 0.7, 0.65, 0.66, 0.7, 0.75, 0.8], [1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1]),
        "diverges": history([1, 0.5, 0.4, 0.9, float("nan"), 3.0]),
        "still falls": history([1.0, 0.9, 0.8, 0.7, 0.6], learning_rate=[1e-3, 1e-3, 5e-4, 1e-4, 1e-9]),
    }
    if name in losses:
        raw["history"] = losses[name]
        raw["summary"]["epochs"] = len(losses[name])
    if name == "all right":
        raw["confusion_matrix"] = [[75 * (row == column) for column in range(4)] for row in range(4)]
        raw["summary"]["metrics"] |= {"accuracy": 1.0, "accuracy_low": 0.987, "accuracy_high": 1.0}
    if name == "far tests":
        lost = {"accuracy": 0.7, "n": 300, "pred_mse": 0.4, "skill": -0.1}
        raw["tests"] = {
            test: {"metrics": lost, "controls": {}} for test in ("shifted-motion", "shifted-camera", "hard/noisy")
        }
    if name == "trained controls":
        row = {"accuracy": 0.7, "n": 300, "pred_mse": 0.1, "recall_helical": 0.97, "epochs": 8}
        names = ("shuffled_frames", "one_frame", "frozen_features", "oracle")
        raw["summary"]["controls"] |= {one: row | horizons([0.002] * 4 + [0.01], [1] * 5) for one in names}
        helical = [[75, 0, 0, 0], [0, 75, 0, 0], [0, 30, 45, 0], [0, 0, 0, 75]]
        raw |= {"confusion_matrix": helical}
    if name == "one task":
        raw["config"]["w_pred"] = 0
    return {} if name == "nothing" else raw


@pytest.mark.parametrize(
    "name",
    (
        *("good", "no skill", "overfits", "diverges", "still falls", "all right"),
        *("far tests", "trained controls", "one task", "nothing"),
    ),
)
def test_every_figure_of_the_rules_is_the_runs_own(tmp_path: Path, name: str) -> None:
    prose = write_prose(results(tmp_path, change(name)), tmp_path, None)
    doubtful = [one for row in prose.figures.values() for one in row if not one.good and one.status != PROPOSAL]
    assert doubtful == [] and prose.warnings == []
    page = (tmp_path / "llm_analysis.md").read_text()
    assert "Written by fixed rules, no language model" in page and "[not in the run]" not in page
    assert all(len(line) <= WIDTH + len(" *[proposal]*") for line in page.splitlines() if not line.startswith("|"))


def asked(tmp_path: Path, answer: str | Fault) -> tuple[int, StandIn, Path]:
    """What `trainer analyze --llm` does with an answer: its exit status, the service, the run's artifacts."""
    artifacts = results(tmp_path, {**raw_results(0.9, 300), "history": [], "confusion_matrix": None}).folder
    with StandIn(lambda prompt: answer) as service:
        status = main(["analyze", str(tmp_path / "run"), "--llm", service.openai("m")])
    return status, service, artifacts


@pytest.mark.usefixtures("plain")
def test_a_model_is_told_the_numbers_and_its_own_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, service, artifacts = asked(tmp_path, ANSWER)
    (one,) = service.asked
    assert "accuracy, test: 90.0 %" in one.prompt and "## Failure hypotheses" in one.prompt
    page, raw = (artifacts / "llm_analysis.md").read_text(), json.loads((artifacts / "llm_analysis.json").read_text())
    assert status == 0 and raw["headline"] == "5 of 8 figures found in the run; 2 proposals"
    assert f"**{raw['headline']}.**" in page and raw["headline"] in capsys.readouterr().out
    for marked in (
        "61.0 % **[not in the run]**",
        "12 **[not in the run]**",
        "40 *[proposal]*",
        "55.5 % **[not in the run]**",
        "`batch_size=128` *[proposal]*",
    ):
        assert marked in " ".join(page.split())
    assert page.count("*Not in the answer.*") == 2 and "The answer has no section Research questions." in page
    assert raw["sections"]["questions"] is None and raw["usage"]["input_tokens"] > 500 and "cost not known" in page
    figures = {one["text"]: (one["section"], one["status"], one["fact"]) for one in raw["figures"]}
    assert figures["300"] == ("performance", "found", "n") and figures["55.5 %"][:2] == (
        "improvements",
        "not in the run",
    )
    assert raw["facts"]["accuracy"] == {"value": 0.9, "unit": "share", "words": "accuracy, test"}
    assert not set("\x1b\x07") & set(page) and "![" not in page and "<script" not in page


def test_an_answer_without_a_section_is_kept_and_an_error(tmp_path: Path) -> None:
    with StandIn(lambda prompt: "I cannot help with 17 of that.") as service:
        model = open_reviewer(service.openai())
        with pytest.raises(ProviderError, match="wrote none of the six sections"):
            write_prose(results(tmp_path, raw_results()), tmp_path, model)
    page = (tmp_path / "llm_analysis.md").read_text()
    assert "17 **[not in the run]**" in page and page.count("*Not in the answer.*") == 6


@pytest.mark.usefixtures("plain")
def test_a_failure_is_the_providers_and_leaves_the_numeric_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, artifacts = asked(tmp_path, Fault(401, '{"error": {"message": "no such account"}}'))
    assert status == 1 and "no such account" in capsys.readouterr().err
    assert (artifacts / "analysis_report.md").exists() and not (artifacts / "llm_analysis.md").exists()


def test_a_provider_that_cannot_be_asked_is_said_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    artifacts = results(tmp_path, raw_results()).folder
    for words, said in (
        (["openai:gpt-4o"], "OPENAI_API_KEY"),
        (["opnai:x"], "did you mean 'openai'"),
        (["openai:m@http://10.0.0.7/v1", "--spend", "1"], "at most 1 USD may be spent"),
    ):
        assert main(["analyze", str(tmp_path / "run"), "--llm", *words]) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in artifacts.iterdir()] == ["training_results.json"]
