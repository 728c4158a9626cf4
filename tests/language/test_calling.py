"""Around a model: patience, a rate, a cache, a limit of money. Nothing here waits, and nothing is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from trainer.errors import ConfigError, ProviderError, TrainerError
from trainer.language.describer import Usage
from trainer.language.providers.cache import Cached
from trainer.language.providers.calling import CallError, Limits, Patient
from trainer.language.providers.failures import asked_wait_s
from trainer.language.providers.spec import Spec, parse_spec
from trainer.language.providers.spending import PRICES, Budget, Metered, Price, SpendingError, price_of
from trainer.language.providers.writer import Answer

PAID = parse_spec("openai:gpt-4o")
HERE = parse_spec("openai:phi@http://localhost:11434/v1")
BUSY = CallError("busy", passing=True)


class Script:
    """A writer that goes through a list of answers and errors, and then starts again."""

    name = "script"

    def __init__(self, *replies: str | CallError) -> None:
        self.replies, self.calls = replies, 0

    def write(self, system: str, user: str) -> Answer:
        reply = self.replies[self.calls % len(self.replies)]
        self.calls += 1
        if isinstance(reply, CallError):
            raise reply
        return Answer(reply, Usage(100, 50, seconds=2.0))


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s, self.slept = 0.0, list[float]()

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def patient(script: Script, clock: Clock, limits: Limits | None = None) -> Patient:
    return Patient(script, limits or Limits(), sleep=clock.sleep, clock=clock)


def test_what_passes_is_asked_again_after_longer_and_longer_waits() -> None:
    clock, script = Clock(), Script(BUSY, BUSY, BUSY, "at last")
    assert patient(script, clock).write("", "").text == "at last" and script.calls == 4
    assert [round(wait / expected, 1) for wait, expected in zip(clock.slept, (1, 2, 4), strict=True)] == pytest.approx(
        [1, 1, 1], abs=0.26
    )


def test_a_service_waits_are_kept_and_not_for_ever() -> None:
    clock = Clock()
    patient(Script(CallError("busy", passing=True, wait_s=47), "yes"), clock).write("", "")
    assert clock.slept == [47]
    script = Script(CallError("come back tomorrow", passing=True, wait_s=86_400))
    with pytest.raises(ProviderError, match="tomorrow"):
        patient(script, clock).write("", "")
    assert script.calls == 1


def test_what_does_not_pass_is_not_asked_again_and_patience_ends() -> None:
    clock, refused = Clock(), Script(CallError("wrong key", hint="look"))
    with pytest.raises(ProviderError, match=r"^wrong key$"):
        patient(refused, clock).write("", "")
    assert refused.calls == 1 and not clock.slept
    busy = Script(CallError("busy", passing=True, hint="later"))
    with pytest.raises(ProviderError, match=r"^busy; asked 3 times$") as caught:
        patient(busy, clock, Limits(tries=3)).write("", "")
    assert busy.calls == 3 and len(clock.slept) == 2 and caught.value.hint == "later"


def test_calls_keep_to_a_rate() -> None:
    clock = Clock()
    writer = patient(Script("a", BUSY), clock, Limits(requests_per_minute=6))
    for _ in range(3):
        writer.write("", "")
    assert clock.now_s == pytest.approx(40), "five calls, ten seconds apart, retries among them"


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "many"])
def test_limits_come_from_the_environment(text: str) -> None:
    variable = "TRAJVID_LLM_REQUESTS_PER_MINUTE"
    assert Limits.from_environment({variable: "30", "TRAJVID_LLM_TIMEOUT_S": "5"}) == Limits(
        timeout_s=5, requests_per_minute=30
    )
    with pytest.raises(ConfigError, match=f"{variable}='{text}' is no number above 0"):
        Limits.from_environment({variable: text})


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 60),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, float("inf")),
        ({}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: Mapping[str, str], wait_s: float | None) -> None:
    assert asked_wait_s(headers, 40.0) == wait_s


def cached(script: Script, folder: Path, **identity: object) -> Cached:
    return Cached(script, folder, identity)


def test_the_same_question_is_asked_once_and_the_answer_says_so(tmp_path: Path) -> None:
    script, folder = Script("a", "b", "c", "d", "e", "f"), tmp_path / "answers"
    first = cached(script, folder, max_tokens=9).write("s", "u")
    again = cached(script, folder, max_tokens=9).write("s", "u")
    assert again == Answer("a", Usage(100, 50, cost_usd=0.0, seconds=2.0, cached=True)) and not first.usage.cached
    assert script.calls == 1
    for system, user, tokens in (("s", "v", 9), ("su", "", 9), ("t", "u", 9), ("s", "u", 8)):
        assert cached(script, folder, max_tokens=tokens).write(system, user).text != "a"
    script.name = "another"
    assert cached(script, folder, max_tokens=9).write("s", "u").text != "a"
    (name,) = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert (name, folder.stat().st_mode & 0o777) == (0o600, 0o700) and len(list(folder.iterdir())) == 6


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"text": 3, "usage": {}, "cut": false}', '{"text": "x"}', "[" * 99999]
)
def test_a_damaged_answer_is_asked_for_once_more(tmp_path: Path, damage: str) -> None:
    script = Script("a", "b")
    cached(script, tmp_path).write("", "")
    (path,) = tmp_path.iterdir()
    path.write_text(damage)
    assert cached(script, tmp_path).write("", "").text == "b" and json.loads(path.read_text())["text"] == "b"


def test_no_failure_is_kept_and_a_folder_that_cannot_be_is_said_first(tmp_path: Path) -> None:
    with pytest.raises(CallError):
        cached(Script(BUSY), tmp_path).write("", "")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(TrainerError, match="answers cannot be kept"):
        cached(Script("a"), tmp_path / "file")


def metered(script: Script, budget: Budget, price: Price | None = Price(10.0, 100.0), spec: Spec = PAID) -> Metered:
    return Metered(script, spec, price, budget, max_tokens=1000)


def test_a_limit_stops_before_the_call_that_could_pass_it() -> None:
    """A call costs 0.006 USD (100 tokens in, 50 out), and 0.10236 at most: 1,000 tokens out, 236 in."""
    script, budget = Script("a"), Budget(0.11)
    writer = metered(script, budget)
    assert writer.write("x" * 30, "y" * 6).usage.cost_usd == pytest.approx(0.006)
    writer.write("x" * 30, "y" * 6)
    with pytest.raises(SpendingError, match=r"may cost 0.1024 USD, and 0.0120 of 0.11 USD are spent: stopped before"):
        writer.write("x" * 30, "y" * 6)
    assert script.calls == 2 and budget.spent_usd == pytest.approx(0.012)
    with pytest.raises(SpendingError):
        metered(script, budget).write("", "")
    assert metered(script, Budget(0.0), Price(0, 0)).write("", "").usage.cost_usd == 0.0


def test_a_lost_call_counts_at_its_worst_and_a_refused_one_not_at_all() -> None:
    budget = Budget(1.0)
    for billed, spent_usd in ((False, 0.0), (True, 0.102)):
        with pytest.raises(CallError):
            metered(Script(CallError("lost", billed=billed)), budget).write("", "")
        assert budget.spent_usd == pytest.approx(spent_usd)


def test_a_service_that_counts_no_tokens_costs_what_is_not_known_and_counts_at_its_worst() -> None:
    class Silent(Script):
        def write(self, system: str, user: str) -> Answer:
            return Answer("a")

    budget = Budget(1.0)
    assert metered(Silent(), budget).write("", "").usage.cost_usd is None
    assert budget.spent_usd == pytest.approx(0.102)


def test_a_limit_without_a_price_is_refused_except_on_this_machine() -> None:
    with pytest.raises(
        ConfigError, match=r"at most 1 USD may be spent, and what openai:gpt-4o costs is not known"
    ) as no:
        metered(Script("a"), Budget(1.0), None)
    assert PRICES in no.value.hint
    assert metered(Script("a"), Budget(1.0), None, HERE).write("", "").usage.cost_usd is None
    assert metered(Script("a"), Budget(), None).write("", "").usage.cost_usd is None


def test_prices_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.yaml"
    environ = {PRICES: str(path)}
    path.write_text(f"gpt-4o: {{input: 1.5, output: 6}}\n{HERE.name}: {{input: 0, output: 0}}\nodd: 3\n")
    assert price_of(PAID, environ) == Price(1.5, 6.0) and price_of(HERE, environ) == Price(0, 0)
    assert price_of(parse_spec("openai:other"), environ) is None is price_of(PAID, {})
    with pytest.raises(ConfigError, match=r"prices.yaml:3: 3 is no price"):
        price_of(parse_spec("openai:odd"), environ)
    for wrong in ("{input: 1}", "{input: -1, output: 1}", "{input: true, output: 1}", "{input: .inf, output: 1}"):
        path.write_text(f"gpt-4o: {wrong}")
        with pytest.raises(ConfigError, match=r"prices.yaml:1: .* is no price"):
            price_of(PAID, environ)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        price_of(PAID, environ)
