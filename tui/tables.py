"""Every table of keys by name: for the help, the palette and the tests."""

from __future__ import annotations

from tui.housekeeping.keys import PRUNE_KEYS, REPORT_KEYS, WORKTREE_KEYS
from tui.keys import KEYS, WORKER_KEYS, Key
from tui.screens.activity import ACTIVITY_KEYS
from tui.screens.compare import COMPARE_KEYS
from tui.screens.hosts import HOST_KEYS
from tui.tabs.artifacts import ARTIFACT_KEYS
from tui.tabs.charts import CHART_KEYS
from tui.tabs.config import CONFIG_KEYS
from tui.tabs.evidence import EVIDENCE_KEYS
from tui.tabs.log import LOG_KEYS

TABLES: dict[str, tuple[Key, ...]] = {
    "app": KEYS,
    "worker": WORKER_KEYS,
    "charts": CHART_KEYS,
    "log": LOG_KEYS,
    "artifacts": ARTIFACT_KEYS,
    "evidence": EVIDENCE_KEYS,
    "config": CONFIG_KEYS,
    "compare": COMPARE_KEYS,
    "hosts": HOST_KEYS,
    "activity": ACTIVITY_KEYS,
    "report": REPORT_KEYS,
    "prune": PRUNE_KEYS,
    "worktrees": WORKTREE_KEYS,
}
"""Where a table is not the app's own, its keys act on the screen or the tab of that name."""
