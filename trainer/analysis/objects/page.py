"""The page on finding objects and telling which stay, its JSON, and what a terminal shows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trainer.analysis.comparison_report import provenance
from trainer.analysis.entries import NOT_OF_THE_CONFIG, Entry, run_entries, short_names
from trainer.analysis.markdown import table
from trainer.analysis.objects import attention, clips, deciding, finding, following, saving
from trainer.analysis.objects.measured import Measured, commands, measured
from trainer.analysis.objects.targets import Target, targets_table
from trainer.analysis.results import Results, short_commit
from trainer.analysis.standing import flags
from trainer.config import BUNDLED, load_config
from trainer.errors import ConfigError
from trainer.words import duration

HOW_TO_READ = """\
A row is one config; where it has several seeds its figures are mean ± deviation over them, and fewer than three are
no headline. Each run is judged once, on its test split, with its best weights on validation. Names in *italics* are
controls: they learn nothing. `bayes` is the best that is possible with perfect boxes and tracks. *Met* is said of
the mean; *no skill*: a rule that learns nothing is as good. A `-` is not known, never zero. Times are of the machine
that measured, with whatever else ran there."""


@dataclass(frozen=True)
class Stages:
    """Finished runs of `detector`, `objects` and `persistence`, seeds of one config together."""

    entries: list[Entry]
    measured: list[Measured]
    refused: Mapping[str, str]
    """Places that have no row, with the reason."""

    @classmethod
    def of(cls, results: Sequence[Results], refused: Mapping[str, str]) -> Stages:
        tested = [one for one in results if one.metrics]
        left = {one.name: "not tested yet" for one in results if not one.metrics}
        entries = run_entries(short_names(tested))
        return cls(entries, measured(entries), {**refused, **left})

    @property
    def targets(self) -> dict[str, list[Target]]:
        """Return what is asked, by section."""
        every = {
            "Detection": finding.targets(self.entries),
            "Tracking from pixels": following.targets(self.measured),
            "Persistence of objects": deciding.targets(self.measured),
            "Attention": attention.targets(self.measured),
            "Compute": saving.targets(self.measured),
            "Persistence of clips": clips.targets(self.entries),
        }
        return {title: asked for title, asked in every.items() if asked}


def page(stages: Stages, drawn: Mapping[str, str], command: str) -> str:
    """Return the page."""
    found, entries, asked = stages.measured, stages.entries, stages.targets
    pictured = {what: [f"![{what}]({name})"] for what, name in drawn.items()}
    sections: dict[str, Sequence[Sequence[str]]] = {
        "Detection": [finding.tables(entries), pictured.get("detections", [])],
        "Tracking from pixels": [following.tables(found)],
        "Persistence of objects": [deciding.tables(found), deciding.early(found), pictured.get("curve", [])],
        "Attention": [attention.tables(found), attention.words(found), pictured.get("attention", [])],
        "Compute": [saving.tables(found)],
        "Persistence of clips": [clips.tables(entries)],
        "How the runs were made": [_made(entries)],
        "Each run": [_each(entries)],
        "Notes": [[f"- {run.name}: {flag}" for entry in entries for run in entry.runs for flag in flags(run)]],
        "Not compared": [[f"- {place}: {why}" for place, why in stages.refused.items()]],
    }
    runs = [run for entry in entries for run in entry.runs]
    parts = [["# Objects and persistence: results"], [f"- {line}." for line in summary(stages)]]
    parts += [[f"    {command}"], [provenance(runs)], [HOW_TO_READ]]
    for title, content in sections.items():
        known = [one for one in content if one]
        if known:
            parts += [[f"## {title}"], *map(list, known), targets_table(asked.get(title, []))]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def summary(stages: Stages) -> list[str]:
    """Return a line for each section: how many targets are met, and which are not."""
    lines = []
    for title, asked in stages.targets.items():
        known = [one for one in asked if one.met is not None]
        missed = [one.what for one in known if not one.met]
        unknown = len(asked) - len(known)
        said = f"{title}: {len(known) - len(missed)} of {len(known)} targets met"
        said += f", {unknown} not measured" if unknown else ""
        lines.append(said + (f"; not met: {'; '.join(missed)}" if missed else ""))
    return lines


def as_json(stages: Stages, command: str) -> dict[str, Any]:
    """Return targets and figures as JSON values."""
    return {
        "command": command,
        "targets": [
            {"section": title, **asdict(one), "met": one.met}
            for title, asked in stages.targets.items() for one in asked
        ],
        "runs": [
            {"row": entry.name, "name": run.name, "seed": run.config.get("seed"), "metrics": dict(run.metrics),
             "controls": dict(run.controls), "tests": {name: asdict(one) for name, one in run.tests.items()}}
            for entry in stages.entries for run in entry.runs
        ],
        "measured": [
            {"row": one.entry.name, "data": one.data, "boxes": one.boxes, "seeds": [asdict(seed) for seed in one.seeds]}
            for one in stages.measured if one.of_pixels
        ],
        "not_compared": dict(stages.refused),
    }  # fmt: skip


def _made(entries: Sequence[Entry]) -> list[str]:
    """Return the command behind each row, with the options that differ from those of its bundled config; then those
    that measured it elsewhere.
    """
    lines = []
    for entry in entries:
        seeds = ", ".join(str(run.config.get("seed", "not recorded")) for run in entry.runs)
        lines.append(f"    trainer run {_options(entry.runs[0].config)}    # {entry.name}; seed {seeds}")
    return lines + [f"    {command}" for entry in entries for command in commands(entry)]


def _options(config: Mapping[str, Any]) -> str:
    """Return the nearest bundled config with what differs from it."""
    found: list[tuple[int, str]] = []
    for path in sorted(BUNDLED.glob("*.yaml")):
        try:
            plain = load_config(path.stem).model_dump()
        except ConfigError:
            continue
        words = [f"{key}={_value(config[key])}" for key, value in plain.items()
                 if key in config and key not in NOT_OF_THE_CONFIG and config[key] != value]  # fmt: skip
        found.append((len(words), " ".join([f"--config {path.stem}", *words])))
    return min(found)[1]


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _each(entries: Sequence[Entry]) -> list[str]:
    head = ("run", "row", "seed:", "epochs:", "training:", "parameters:", "commit")
    rows = [
        [run.name, entry.name, run.config.get("seed", "-"), run.epochs or "-",
         duration(run.train_s) if run.train_s else "-", f"{run.parameters:,}" if run.parameters else "-",
         short_commit(run.origin)]
        for entry in entries for run in entry.runs
    ]  # fmt: skip
    return table(head, rows) if rows else []
