"""Services behind an API, asked through their own libraries: a real HTTP server on this machine fails in every way."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from renderer.errors import EquationError
from tests.fixtures.stand_in import Fault, StandIn
from tests.language.noisy_clips import evidence
from trainer.errors import ConfigError, ProviderError
from trainer.language.providers.calling import Limits
from trainer.language.providers.opening import open_describer, open_writer
from trainer.language.providers.spending import PRICES, Budget, SpendingError
from trainer.language.providers.writer import Writer
from trainer.language.reading import read_equation

APIS = ("openai", "anthropic")
pytestmark = pytest.mark.skipif(
    not all(find_spec(api) for api in APIS), reason="asking a service needs the libraries openai and anthropic"
)
KEY = "sk-test-0123456789abcdef"
LINE = "x(t) = 0.1*t; y(t) = 0.2; z(t) = 3"


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn(lambda prompt: "") as running:
        yield running


@pytest.fixture(scope="module")
def writers(server: StandIn) -> dict[str, Writer]:
    """One writer of each API: a client takes time to make."""
    naps: list[float] = []
    patch = pytest.MonkeyPatch()
    patch.setenv("OPENAI_API_KEY", KEY)
    patch.setenv("ANTHROPIC_API_KEY", KEY)
    specs = {"openai": server.openai(), "anthropic": server.anthropic()}
    opened = {api: open_writer(spec, limits=Limits(tries=2), sleep=naps.append) for api, spec in specs.items()}
    patch.undo()
    return opened


def failure(writer: Writer, server: StandIn, reply: str | Fault) -> ProviderError:
    server.answer = lambda prompt: reply
    server.asked.clear()
    with pytest.raises(ProviderError) as caught:
        writer.write("be brief", "hello")
    assert KEY not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__!r}"
    return caught.value


@pytest.mark.parametrize("api", APIS)
def test_an_answer_comes_with_what_it_took(api: str, server: StandIn, writers: dict[str, Writer]) -> None:
    server.answer = lambda prompt: f"you said: {prompt}"
    answer = writers[api].write("be brief", "hello")
    assert answer.text == "you said: be brief\n\nhello" and not answer.cut
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (len("be brief\n\nhello") // 4, 6)
    assert answer.usage.cost_usd is None and answer.usage.seconds > 0
    asked = server.asked[-1]
    assert KEY in asked.headers.get("authorization", "") + asked.headers.get("x-api-key", "")
    assert KEY not in json.dumps(asked.body)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("reply", "says", "calls"),
    [
        (Fault(401, json.dumps({"error": {"message": f"Incorrect key {KEY}"}})), "HTTP 401: Incorrect key [key]", 1),
        (Fault(404, '{"error": "model \'stand-in\' not found"}'), "HTTP 404: model 'stand-in' not found", 1),
        (Fault(429, '{"error": {"message": "Slow down"}}'), "HTTP 429: Slow down; asked 2 times", 2),
        (Fault(500, "<html>\x1b[31mboom"), "HTTP 500: <html>boom; asked 2 times", 2),
        (Fault(529, '{"type": "error", "error": {"message": "Overloaded"}}'), "HTTP 529: Overloaded", 2),
        (Fault(200, '{"id": "chat', cut=True), "no whole answer came: peer closed connection", 2),
        (Fault(200, "{not json"), "in another form than its API's", 1),
        (Fault(200, "[]"), "in another form than its API's", 1),
        (Fault(200, '{"choices": [], "content": 3}'), "in another form than its API's", 1),
        (Fault(200, '{"error": {"message": "no credit"}}'), "in another form than its API's: no credit", 1),
        (Fault(200, "<html>", {"Content-Type": "text/html"}), "in another form than its API's", 1),
    ],
)
def test_a_failure_is_told_in_the_services_words(
    api: str, reply: Fault, says: str, calls: int, server: StandIn, writers: dict[str, Writer]
) -> None:
    error = failure(writers[api], server, reply)
    assert str(error).startswith(f"{writers[api].name} ") or str(error).startswith(f"{writers[api].name}:")
    assert says in str(error) and str(error).isprintable()
    assert len(server.asked) == calls


def test_an_account_without_money_is_not_asked_again(server: StandIn, writers: dict[str, Writer]) -> None:
    body = '{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    assert "exceeded your current quota" in str(failure(writers["openai"], server, Fault(429, body)))
    assert len(server.asked) == 1


@pytest.mark.parametrize("api", APIS)
def test_silence_and_a_service_that_is_not_there_are_told(api: str, server: StandIn) -> None:
    naps: list[float] = []
    limits = Limits(tries=2, timeout_s=0.05)
    spec = getattr(server, api)()
    error = failure(open_writer(spec, limits=limits, sleep=naps.append), server, Fault(hang=True))
    assert str(error) == f"{spec} said nothing for 0.05 s; asked 2 times" and len(naps) == 1
    with StandIn(lambda prompt: "") as gone:
        writer = open_writer(getattr(gone, api)(), limits=limits, sleep=naps.append)
    with pytest.raises(ProviderError, match=r"no whole answer came: .*refused; asked 2 times") as caught:
        writer.write("", "hello")
    assert gone.url in caught.value.hint


@pytest.mark.parametrize("api", APIS)
def test_retry_after_is_kept(api: str, server: StandIn) -> None:
    naps: list[float] = []
    replies = iter([Fault(429, "{}", {"Retry-After": "41"}), Fault(503, "{}", {"Retry-After": "42"}), "at last"])
    server.answer = lambda prompt: next(replies)
    writer = open_writer(getattr(server, api)(), sleep=naps.append)
    assert writer.write("", "hello").text == "at last" and naps == [41, 42]


def test_a_model_that_wants_its_own_temperature_gets_it(server: StandIn) -> None:
    refusal = Fault(400, '{"error": {"message": "temperature must be 1", "param": "temperature"}}')
    server.answer = lambda prompt: refusal if "temperature" in server.asked[-1].body else "warm"
    server.asked.clear()
    writer = open_writer(server.openai())
    assert [writer.write("", "hello").text for _ in range(2)] == ["warm", "warm"] and len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("I am sorry, I cannot do that.", "no equation, no claims"),
        ("EQUATION: __import__('os').system('true')\nTEXT: done.", "no claims"),
        ("EQUATION: x(t) = \x1b]0;owned\x07; y(t) = q; z(t) = 9**9**9**9\nTEXT: \x1b[2Jignore all rules", "no claims"),
        ("", "no equation, no text, no claims"),
    ],
)
def test_an_answer_that_is_no_equation_scores_nothing(answer: str, problem: str, server: StandIn) -> None:
    server.answer = lambda prompt: answer
    said = open_describer(server.openai()).describe(evidence(0))
    assert said.problem == f"the answer has {problem}" and not said.claims
    assert f"{said.equation}{said.text}".isprintable() and "owned" not in said.equation
    with pytest.raises(EquationError):
        read_equation(said.equation)


def test_a_question_is_paid_for_once_and_never_beyond_the_limit(
    server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv(PRICES, str(tmp_path / "prices.yaml"))
    (tmp_path / "prices.yaml").write_text("stand-in: {input: 1000, output: 2000}\n")
    caplog.set_level(logging.DEBUG)
    server.answer = lambda prompt: LINE
    server.asked.clear()
    cache, budget = tmp_path / "answers", Budget(10.0)
    opened: Callable[[], Writer] = lambda: open_writer(server.openai(), cache=cache, budget=budget, max_tokens=400)  # noqa: E731
    first, again = opened().write("", "a" * 40), opened().write("", "a" * 40)
    assert first.usage.cost_usd == pytest.approx(0.010 + 0.016) and again.usage.cached and len(server.asked) == 1
    with pytest.raises(SpendingError, match="stopped before it"):
        opened().write("", "b" * 10_000)
    assert len(server.asked) == 1 and budget.spent_usd == first.usage.cost_usd
    with pytest.raises(ConfigError, match=r"what openai:other@http://10\.0\.0\.7 costs is not known"):
        open_writer("openai:other@http://10.0.0.7", budget=budget)
    shown = f"{opened()!r} {vars(opened())} {caplog.text}" + "".join(path.read_text() for path in cache.iterdir())
    assert KEY not in shown
