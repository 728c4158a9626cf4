"""The folder of the evidence: there before the tests run, each file replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainer.errors import TrainerError
from wire.evidence import Evidence, file_name
from wire.run_dir import replace_file


def make(out: Path) -> None:
    """Make the folder. Raises `TrainerError` where that cannot be: nobody should learn it after long tests."""
    with _translated(out):
        out.mkdir(parents=True, exist_ok=True)


def write(out: Path, name: str, content: str) -> None:
    """Replace a file. Raises `TrainerError`."""
    with _translated(out):
        replace_file(str(out / name), content.encode("utf-8", "surrogateescape"))


def write_evidence(out: Path, evidence: Evidence, accepted_before: bool) -> None:
    """Replace the evidence of a phase. What was accepted before is kept beside what is refused, until something is
    accepted again: a red that was run once too often cannot be had back.
    """
    file, kept = out / file_name(evidence.component, evidence.phase), kept_file(out, evidence)
    with _translated(out):
        if evidence.accepted:
            kept.unlink(missing_ok=True)
        elif accepted_before:
            replace_file(str(kept), file.read_bytes())
    write(out, file.name, evidence.to_text())


def kept_file(out: Path, evidence: Evidence) -> Path:
    """Return where evidence is kept whose place a refused one took. It is no evidence there."""
    return (out / file_name(evidence.component, evidence.phase)).with_suffix(".accepted.txt")


@contextmanager
def _translated(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TrainerError(f"cannot write into {out}: {exc.strerror}", hint="name a folder with --out") from exc
