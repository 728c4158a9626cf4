"""Amazon's notice that it will take a spot machine away in about two minutes, asked for on the machine itself.

Instance metadata service, version 2: a token first, then the notice, which is 404 until there is one
(docs.aws.amazon.com: "Spot Instance interruption notices"). Only machines that say they are Amazon's are asked, or
those whose environment names another endpoint.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from typing import Callable, Optional

ENDPOINT_VARIABLE = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
ENDPOINT = "http://169.254.169.254"
POLL_S = 2.0
TIMEOUT_S = 1.0
TOKEN_S = 21600
ANSWER_MAX_BYTES = 4096
VENDOR_FILE = "/sys/class/dmi/id/sys_vendor"


@dataclass(frozen=True)
class Notice:
    """What will be done to the machine (`terminate`, `stop`, `hibernate`), and when by its own clock."""

    action: str
    at_s: float

    @property
    def text(self) -> str:
        return f"Amazon will {self.action} this machine at {time.strftime('%H:%M:%S', time.gmtime(self.at_s))} UTC"


def endpoint(vendor_file: str = VENDOR_FILE) -> str:
    """Return where to ask, '' on a machine that is not Amazon's."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return ""
    named = os.environ.get(ENDPOINT_VARIABLE, "")
    if named:
        return named if named.startswith(("http://", "https://")) else ""
    try:
        with open(vendor_file, encoding="ascii", errors="replace") as file:
            return ENDPOINT if file.read(64).startswith("Amazon EC2") else ""
    except OSError:
        return ""


def parse(text: str) -> Optional[Notice]:
    """Read `{"action": "terminate", "time": "2026-01-01T08:22:00Z"}`; None if it is something else."""
    import calendar

    try:
        told = json.loads(text)
        at_s = calendar.timegm(time.strptime(told["time"], "%Y-%m-%dT%H:%M:%SZ"))
        return Notice(action=told["action"], at_s=float(at_s)) if told["action"].isalpha() else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


class Spot:
    """Asks every `POLL_S` on a thread of its own, until there is a notice; `on_notice` is called there, once."""

    def __init__(self, on_notice: Callable[[Notice], None] = lambda _notice: None) -> None:
        self.notice: Optional[Notice] = None
        self.asks = False
        """True if this machine can be taken away."""
        self._on_notice = on_notice
        self._endpoint = endpoint()
        self._token = ""
        self._answered, self._ended = threading.Event(), threading.Event()

    def start(self, wait_s: float = 0.0) -> None:
        """Begin to ask, if there is anybody to ask; wait a little for the first answer."""
        self.asks = bool(self._endpoint)
        if self.asks:
            threading.Thread(target=self._go_on, name="spot", daemon=True).start()
            self._answered.wait(wait_s)

    def close(self) -> None:
        self._ended.set()

    def _go_on(self) -> None:
        import http.client

        while self.notice is None and not self._ended.is_set():
            try:
                self.notice = self._ask()
            except (OSError, http.client.HTTPException, ValueError):
                self._token = ""
            self._answered.set()
            if self.notice is None:
                self._ended.wait(POLL_S)
        if self.notice is not None:
            self._on_notice(self.notice)

    def _ask(self) -> Optional[Notice]:
        if not self._token:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)}
            status, self._token = self._request("PUT", "/latest/api/token", ttl)
            if status != 200 or not self._token.isprintable():
                self._token = ""
                return None
        token = {"X-aws-ec2-metadata-token": self._token}
        status, text = self._request("GET", "/latest/meta-data/spot/instance-action", token)
        if status == 401:
            self._token = ""
        return parse(text) if status == 200 else None

    def _request(self, method: str, path: str, headers: "dict[str, str]") -> "tuple[int, str]":
        # Heavy to import, and few machines can be taken away.
        import http.client
        import urllib.parse

        where = urllib.parse.urlsplit(self._endpoint)
        kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
        connection = kind(where.hostname or "", where.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, where.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(ANSWER_MAX_BYTES).decode("utf-8", "replace")
        finally:
            connection.close()
