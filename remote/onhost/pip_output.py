"""What pip says while it installs, read line by line: which package, how many bytes, how long still.

No I/O here: lines, bytes and times come in, a message for people goes out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Optional

_SIZES = {"bytes": 1, "B": 1, "kB": 1000, "KB": 1000, "MB": 1000**2, "GB": 1000**3}
_COLLECTING = re.compile(r"Collecting ([A-Za-z0-9][A-Za-z0-9._-]*)")
_DOWNLOADING = re.compile(r"\s*(?:Downloading|Using cached) (\S+) \((\d+(?:\.\d+)?) ?(bytes|B|kB|KB|MB|GB)\)")
_PROCESSING = re.compile(r"(?:Processing|Obtaining) (\S+)")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)\s*\Z")
_INSTALLING = re.compile(r"Installing collected packages: (.+)")
_UNREACHABLE = "(the package index was not reachable)"


@dataclass
class PipOutput:
    """The state of one `pip install`. `total` is the number of requirements that it was given."""

    total: int
    collected: int = 0
    package: str = ""
    """`torch 2.13.0`, as far as it is known."""
    file: str = ""
    """Name of the file that is being downloaded."""
    bytes_done: int = 0
    bytes_total: int = 0
    installing: int = 0
    """Number of packages that are being unpacked, 0 before that."""
    error: str = ""
    unreachable: bool = False
    _since: float = 0.0

    def feed(self, line: str, now: float) -> bool:
        """Take one line; False if it is a progress count, which no log needs."""
        progress = _PROGRESS.match(line)
        if progress:
            self.bytes_done, self.bytes_total = int(progress[1]), int(progress[2])
            return False
        downloading = _DOWNLOADING.match(line)
        processing = _PROCESSING.match(line)
        if downloading:
            self._begin(os.path.basename(downloading[1]), now)
            self.bytes_total = int(float(downloading[2]) * _SIZES[downloading[3]])
        elif processing:
            self.collected += 1
            self._begin(os.path.basename(processing[1]), now)
        elif _COLLECTING.match(line):
            self.collected += 1
            self._begin("", now)
            self.package = _COLLECTING.match(line)[1]  # type: ignore[index]
        elif _INSTALLING.match(line):
            self._begin("", now)
            self.installing = line.count(",") + 1
        elif line.lower().startswith("error:"):
            self.error = line[6:].strip()
        elif "Retrying (Retry(" in line:
            self.unreachable = True
        return True

    def received(self, count: int) -> None:
        """Take the size that the current download has on disk (for a pip that does not count)."""
        self.bytes_done = max(self.bytes_done, count)

    def left_s(self, now: float) -> Optional[float]:
        """Return the seconds until the current download is done, None while that is unknown."""
        spent_s = now - self._since
        if self.installing or not self.bytes_done or not self.bytes_total or spent_s < 1.0:
            return None
        return max(0, self.bytes_total - self.bytes_done) * spent_s / self.bytes_done

    def message(self, now: float) -> str:
        """Return the line for people: `installing torch 2.13.0, 112 of 190 MB, 9 s left (package 3 of 20)`."""
        if self.installing:
            return f"installing {self.installing} packages: unpacking, {now - self._since:.0f} s so far"
        if not self.package:
            return "installing: asking the package index"
        words = [f"installing {self.package}"]
        if self.bytes_done and self.bytes_total >= 1_000_000:
            words.append(f"{self.bytes_done / 1e6:.0f} of {self.bytes_total / 1e6:.0f} MB")
        elif self.bytes_total >= 1_000_000:
            words.append(f"{self.bytes_total / 1e6:.0f} MB")
        left_s = self.left_s(now)
        if left_s is not None:
            words.append(f"{left_s:.0f} s left")
        # What the requirements need in turn is not known beforehand: no total is better than one that grows.
        place = f" (package {self.collected}{f' of {self.total}' if self.collected <= self.total else ''})"
        return ", ".join(words) + place + (" - the network is slow, trying again" if self.unreachable else "")

    def reason(self, last_line: str) -> str:
        """Return why the install failed: the last error line, else the last line at all."""
        return f"{self.error or last_line or 'pip said nothing'}{f' {_UNREACHABLE}' if self.unreachable else ''}"

    def _begin(self, file: str, now: float) -> None:
        self.file, self.bytes_done, self.bytes_total, self._since = file, 0, 0, now
        parts = re.sub(r"(\.whl|\.tar\.gz|\.zip|\.metadata)+\Z", "", file).split("-")
        if len(parts) >= 2:
            self.package = f"{parts[0].replace('_', '-')} {parts[1]}"
