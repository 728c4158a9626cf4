"""What the libraries of OpenAI and Anthropic raise, as one error in the service's own words.

Both libraries have the same exceptions. Theirs hold the whole request, key included: they go no further than here.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from trainer.language.providers.calling import CallError
from trainer.language.providers.keys import VARIABLES, redacted
from trainer.language.providers.plain import one_line
from trainer.language.providers.spec import Spec

_PASSING = frozenset({408, 409, 425, 429})
_NO_MONEY = "insufficient_quota"
"""OpenAI says an empty account with the status of too many calls."""


@contextmanager
def failures_of(sdk: Any, spec: Spec, key: str, timeout_s: float) -> Iterator[None]:
    """Raise `CallError` for whatever a call raises: no connection, silence, a refusal, a reply of another form."""
    failed: CallError
    try:
        yield
        return
    except sdk.APITimeoutError:
        failed = CallError(f"{spec.name} said nothing for {timeout_s:g} s", passing=True, billed=True)
    except sdk.APIConnectionError as exc:
        words = _safe(str(exc.__cause__ or exc), key)
        failed = CallError(
            f"{spec.name}: no whole answer came: {words}", hint=f"does {spec.url} answer?", passing=True, billed=True
        )
    except sdk.APIStatusError as exc:
        failed = _refusal(exc, spec, key)
    except (ValueError, TypeError, AttributeError, LookupError) as exc:
        failed = CallError(
            f"{spec.name} replied in another form than its API's: {_safe(str(exc), key)}",
            hint=f"is {spec.url} the base address of such an API?",
            billed=True,
        )
    raise failed from None


def said_instead(reply: object) -> str:
    """Return the words of an error that came with the status of success, '' if there are none."""
    return _words(getattr(reply, "error", None))


def _refusal(exc: Any, spec: Spec, key: str) -> CallError:
    status: int = exc.status_code
    words = _safe(_words(exc.body) or exc.response.text or exc.response.reason_phrase, key)
    passing = (status in _PASSING or status >= 500) and getattr(exc, "code", None) != _NO_MONEY
    return CallError(
        f"{spec.name} refused with HTTP {status}: {words}",
        hint=_hint(status, spec, key),
        passing=passing,
        wait_s=asked_wait_s(exc.response.headers, time.time()),
    )


def _hint(status: int, spec: Spec, key: str) -> str:
    variable = VARIABLES[spec.provider]
    if status in (401, 403) and not key:
        return f"no key was sent: {variable} is empty, or {spec.url} is plain HTTP to another machine (tunnel it)"
    if status in (401, 403):
        return f"is the key in {variable} one of {spec.url}?"
    return f"does {spec.url} have the model {spec.model!r}?" if status == 404 else ""


def _words(body: object) -> str:
    """Return the message inside an error's body: {"error": {"message": ...}}, {"message": ...} or {"error": ...}."""
    if isinstance(body, Mapping):
        return _words(body.get("error") or body.get("message") or body.get("detail"))
    return body if isinstance(body, str) else ""


def _safe(text: str, key: str) -> str:
    return one_line(redacted(text, key))


def asked_wait_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return how long `Retry-After` asks to wait, by seconds or a date (RFC 9110, 10.2.3); None if it does not."""
    text = headers.get("retry-after", "")
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, TypeError):
        return None
