"""The four combinations of extractors and language models, each from pixels to words (slow: 30 s of CPU together)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from remote.profiles import load_profile
from tests.fixtures.stand_in import StandIn
from tests.language.trained_run import ANSWER, LINE
from tests.trainer.folders import write_clip_tower
from tests.trainer.sessions import TINY, Run
from trainer.config import load_config
from trainer.describe_stage import check_describe
from trainer.language.providers.spec import parse_spec

EXAMPLE = Path(__file__).parents[2] / "examples" / "combinations" / "profiles.yaml"
SMALL = (*TINY, "epochs=1", "augmentation=none", "describe_clips=1")


def stand_in(spec: str, service: StandIn) -> str:
    """Return the spec of the same model behind a service on this machine."""
    return service.openai(parse_spec(spec).model)


def test_the_example_has_them_as_workers_whose_configs_load() -> None:
    workers = load_profile(EXAMPLE).workers
    assert list(workers) == ["i3d-magvit-gpt4", "slowfast-magvit-gpt4", "i3d-mistral-clip", "slowfast-phi2-wizardmath"]
    for name, worker in workers.items():
        config = load_config(worker.config, [f"{key}={value}" for key, value in worker.set.items()])
        service = parse_spec(config.describe_with)
        assert worker.config == name and config.then == ["describe"] and service.provider == "openai"
        assert (worker.keys == ()) is service.on_this_machine, "a key where the service wants one"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "features", "models"),
    [
        ("i3d-magvit-gpt4", ("width=0.03125",), 32 + 8, {"gpt-4o"}),
        ("slowfast-magvit-gpt4", ("width=0.03125",), 72 + 8, {"gpt-4o"}),
        ("i3d-mistral-clip", ("width=0.03125", "clip_weights={tower}"), 32 + 16, {"mistral-small-latest"}),
        ("slowfast-phi2-wizardmath", ("width=0.03125",), 72, {"phi", "wizard-math"}),
    ],
)
def test_a_combination_goes_from_pixels_to_words(
    tmp_path: Path, name: str, words: tuple[str, ...], features: int, models: set[str]
) -> None:
    torch.set_num_threads(1)
    tower = str(tmp_path / "tower")
    if "clip" in name:
        pytest.importorskip("transformers")
        write_clip_tower(Path(tower))
    if "magvit" in name:
        pytest.importorskip("vector_quantize_pytorch")
    wanted = load_config(name)
    with StandIn(lambda prompt: ANSWER) as service:
        told = [f"describe_with={stand_in(wanted.describe_with, service)}"]
        if wanted.equations_with:
            told.append(f"equations_with={stand_in(wanted.equations_with, service)}")
        run = Run(tmp_path / "run", load_config(name, [*SMALL, *(word.format(tower=tower) for word in words), *told]))
        check_describe(run.session)
        assert run.session.model.extractor.feature_dim == features  # type: ignore[union-attr]
        summary = run.to_the_end()
    assert {one.body["model"] for one in service.asked} == models
    assert summary.metrics["language_parses"] == 1 and summary.metrics["language_n"] == 1
    clip = json.loads((tmp_path / "run" / "artifacts" / "descriptions.json").read_text())["clips"][0]
    assert clip["equation"] == LINE and clip["text"] == "The sphere moves in a straight line."
    assert clip["probabilities"] and clip["forecast"] and not clip["problem"]
