"""`trainer describe` and the stage of that name: what they leave, what they refuse, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.fixtures.stand_in import Fault, StandIn
from tests.language.trained_run import ANSWER, LINE, Scripted, told
from tests.trainer.conftest import without_pictures
from tests.trainer.sessions import Run
from trainer.__main__ import main
from trainer.describe_stage import check_describe, describe_further
from trainer.errors import ConfigError, ProviderError
from trainer.language import described as described_module
from trainer.language.descriptions_sheet import written_path
from trainer.language.evidence import View
from trainer.language.gathering import forecast_deviation
from trainer.trained import load_trained
from wire.records import RunSummary

PRICELESS = "openai:m@http://10.0.0.7/v1"
"""A service whose price nobody said: under a limit it is refused, and so is never called."""
ROWS = ["model", "no visual evidence", "class only", "shuffled evidence", "true tracks"]


def read(folder: Path, name: str = "descriptions.json") -> dict[str, Any]:
    return json.loads((folder / name).read_text())  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunSummary, list[str]]:
    """A run that described its test clips by a service on this machine: folder, summary, prompts."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("finished")
    with without_pictures(), StandIn(lambda prompt: ANSWER) as service:
        run = Run(folder, told(f"describe_with={service.openai()}"))
        check_describe(run.session)
        summary = run.to_the_end()
    return folder, summary, [one.prompt for one in service.asked]


def test_a_run_describes_itself_at_its_end(finished: tuple[Path, RunSummary, list[str]]) -> None:
    folder, summary, prompts = finished
    artifacts, clips = folder / "artifacts", 4
    content = read(artifacts)
    assert [row["name"] for row in content["rows"]] == ROWS
    assert len({*prompts}) == len(prompts) == 3 * clips + 1, "no prompt twice; without evidence all are one"
    assert content["usage"]["answers"] == 4 * clips and content["usage"]["cached"] == clips - 1
    assert summary.metrics["language_n"] == clips and summary.metrics["language_parses"] == 1
    assert summary.metrics["language_family"] == 0.25, "it says of every clip that it is a line"
    assert any(flag.startswith("descriptions: no skill") for flag in summary.flags), "and so it has no skill"
    results = read(artifacts, "training_results.json")
    assert results["language"]["rows"] == content["rows"]
    assert results["summary"]["metrics"].items() >= {"language_parses": 1}.items()
    page = (artifacts / "descriptions.md").read_text()
    assert "| true tracks | 4 |" in page and LINE.split("; ")[0] in page
    assert (artifacts / "descriptions.png").stat().st_size > 10_000


def test_a_prompt_holds_no_label_and_the_page_does(finished: tuple[Path, RunSummary, list[str]]) -> None:
    folder, _, prompts = finished
    clips = read(folder / "artifacts")["clips"]
    truths = {clip["truth"][name] for clip in clips for name in ("text", "equation")}
    assert len(truths) == 2 * len(clips) and not any(truth in prompt for truth in truths for prompt in prompts)


def test_a_stage_tells_the_deviation_on_the_validation_split(finished: tuple[Path, RunSummary, list[str]]) -> None:
    """The verb finds that split by itself, the stage is handed it: both must be the same."""
    folder, _, prompts = finished
    deviation = forecast_deviation(load_trained(str(folder)), None, lambda done, total: None)
    assert deviation is not None
    steps = [f" +- {' '.join(f'{value:.2f}' for value in step)}" for step in deviation]
    assert all(step in prompts[0] for step in steps)


def test_a_service_that_went_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    results: dict[str, Any] = {}
    with StandIn(lambda prompt: ANSWER) as service:
        session = Run(tmp_path, told(f"describe_with={service.openai()}", "describe_clips=1")).session
        check_describe(session)
        service.answer = lambda prompt: Fault(status=401, body='{"error": {"message": "no such key"}}')
        flags = describe_further(session, results)
    assert "nothing was said of 1 of 1 clips: " in flags[1] and "HTTP 401: no such key" in flags[1]
    assert results["language"]["figures"]["language_parses"] == 0
    session.config = told("describe_with=openai:gpt-4o")
    assert "not described: openai:gpt-4o needs a key" in describe_further(session, {})[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("describe_with=opeani:gpt-4o",), r"'describe_with=opeani:gpt-4o': no provider 'opeani'.*mean 'openai'"),
        (("equations_with=rules:x",), r"'equations_with=rules:x': .*the rules have no model"),
        (("describe_spend=-1",), r"describe_spend cannot be -1"),
    ],
)
def test_a_wrong_word_is_told_before_anything_is_opened(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        told(*words)


def test_what_cannot_be_asked_is_refused_before_training(
    finished: tuple[Path, RunSummary, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    run = Run(tmp_path, told("describe_with=openai:gpt-4o"))
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        check_describe(run.session)
    run.session.config = told(f"describe_with=transformers:{tmp_path}")
    with pytest.raises(ConfigError, match="no local model"):
        check_describe(run.session)
    run.session.config = told(f"describe_with={PRICELESS}", "describe_spend=1")
    with pytest.raises(ConfigError, match="at most 1 USD may be spent"):
        check_describe(run.session)


def describe(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the verb; return exit status, stdout and stderr."""
    code = main(["describe", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_verb_says_and_writes_the_same(
    finished: tuple[Path, RunSummary, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = finished[0], tmp_path / "out"
    code, said, _ = describe(capsys, str(folder), "--on", "medium", "--clips", "2", "--out", str(out), "--json")
    assert code == 0 and json.loads(said) == read(out)
    content = read(out)
    about, ceiling = content["described"], content["rows"][-1]["rates"]["all"]
    assert (about["provider"], about["clips"], about["of"], content["usage"]["cost_usd"]) == ("rules", 2, 2, 0)
    assert ceiling["parses"] == ceiling["family"] == ceiling["rmse"] == 1, "exact tracks give the exact path"
    assert about["command"].startswith(f"trainer describe {folder} --on medium --split test --clips 2")


def test_a_stop_leaves_what_was_done(
    finished: tuple[Path, RunSummary, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    class Stopped(Scripted):
        def describe(self, evidence: Any) -> Any:
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super().describe(evidence)

    monkeypatch.setattr("trainer.language.providers.opening.open_pair", lambda *specs, **terms: Stopped())
    words = (str(finished[0]), "--on", "medium", "--out", str(tmp_path))
    code, _, said = describe(capsys, *words)
    assert code == 130 and "stopped by SIGINT; the same command goes on from there" in said
    assert len(read(tmp_path)["clips"]) == 2 and "2 of 4 clips" in (tmp_path / "descriptions.md").read_text()


def test_nothing_described_is_a_failure(
    finished: tuple[Path, RunSummary, list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = Scripted(dict.fromkeys(range(9), ProviderError("the service is down")))
    monkeypatch.setattr("trainer.language.providers.opening.open_pair", lambda *specs, **terms: silent)
    code, said, told = describe(capsys, str(finished[0]), "--on", "easy")
    assert code == 1 and "nothing was described: the service is down" in told and "ended early" in said


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--provider", "gpt4"), 2, "no provider 'gpt4'"),
        (("--clips", "-1"), 2, "--clips cannot be -1"),
        (("--spend", "-3"), 2, "--spend cannot be -3"),
        (("--on", "mediun"), 2, "did you mean 'medium'"),
        (("--provider", PRICELESS, "--spend", "1"), 2, "at most 1 USD may be spent"),
    ],
)
def test_a_wrong_argument_is_told(
    finished: tuple[Path, RunSummary, list[str]], capsys: pytest.CaptureFixture[str], words: tuple[str, ...],
    code: int, message: str,
) -> None:  # fmt: skip
    found, _, said = describe(capsys, str(finished[0]), "--on", "medium", *words)
    assert found == code and message in said and "Traceback" not in said


def test_a_path_is_drawn_where_its_equation_puts_it() -> None:
    view = View(70.0, 64, 8 / 70, 16)
    path = written_path("x(t) = 0.3*t; y(t) = 0; z(t) = 3.5", view)
    assert path is not None and path.shape == (21, 2)
    assert path[0] == pytest.approx([32, 32]) and path[-1, 0] == pytest.approx(32 + 0.3 * 20 / 30 / 3.5 * 70)
    assert written_path("x(t) = t; y(t) = 0; z(t) = -1", view) is None, "behind the camera"
    assert written_path("I do not know", view) is None


def test_words_of_anybody_reach_no_terminal(finished: tuple[Path, RunSummary, list[str]]) -> None:
    said = Scripted().describe(None)  # type: ignore[arg-type]
    evil = described_module.words(type(said)(equation="x\x1b[2J", text="\x1b]0;owned\x07fine\x00", provider="p"))
    assert (evil["equation"], evil["text"]) == ("x", "fine")
    assert np.isfinite(evil["usage"]["seconds"])
