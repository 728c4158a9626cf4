"""A record with some fields changed, cheaply, is the same as by `dataclasses.replace`."""

from __future__ import annotations

import dataclasses

from remote.revised import revised
from remote.row import Row
from remote.snapshot import RunSnapshot
from wire.records import MetricPoint


def test_it_is_what_replace_makes() -> None:
    before = Row(RunSnapshot("host", "project", "worker", branch="main"), alive=True)
    snapshot = revised(before.snapshot, run="r", reason="why")
    assert snapshot == dataclasses.replace(before.snapshot, run="r", reason="why")
    assert revised(before, snapshot=snapshot) == dataclasses.replace(before, snapshot=snapshot)
    assert before.snapshot.run == "" and before.alive is True


def test_what_it_is_used_for_has_no_work_at_its_birth() -> None:
    for kind in (Row, RunSnapshot, MetricPoint):
        assert not hasattr(kind, "__post_init__") and not hasattr(kind, "__slots__")
        assert all(field.init for field in dataclasses.fields(kind))
