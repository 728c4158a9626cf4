"""What an unfinished export has safely on the disk: a line a block, written after the block's own fsync."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.data.shards import Block
from wire.run_dir import TEMPORARY_PREFIX, replace_file

JOURNAL_NAME = f"{TEMPORARY_PREFIX}export.jsonl"


class Journal:
    """The blocks that are done, by their first clip, with the SHA-256 of each."""

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        """Go on with the journal in `folder` if it is of the same plan, else begin one."""
        self.path = folder / JOURNAL_NAME
        self.plan = dict(plan)
        lines = _read_lines(self.path)
        same = bool(lines) and lines[0] == self.plan
        blocks = [line for line in lines[1:] if {"start", "sha256"} == line.keys()] if same else []
        self.done: dict[int, str] = {line["start"]: line["sha256"] for line in blocks}

    def keep(self, starts: set[int]) -> None:
        """Write the journal anew with these blocks alone; a last line that a kill tore off goes too."""
        self.done = {start: digest for start, digest in self.done.items() if start in starts}
        lines = [self.plan, *({"start": start, "sha256": digest} for start, digest in self.done.items())]
        replace_file(str(self.path), b"".join(json.dumps(line).encode() + b"\n" for line in lines))

    def record(self, block: Block, digest: str) -> None:
        """Note a block that is on the disk."""
        self.done[block.start] = digest
        with self.path.open("ab") as file:
            file.write(json.dumps({"start": block.start, "sha256": digest}).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines; of a line cut short, and of what follows it, nothing is believed."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    lines = []
    for line in text.split(b"\n")[:-1]:
        try:
            lines.append(dict(json.loads(line)))
        except (ValueError, TypeError):
            break
    return lines
