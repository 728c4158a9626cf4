"""Screens that are opened now and then, and imported only then."""

from __future__ import annotations

from tui.screens.housekeeping.prune import PruneScreen
from tui.screens.housekeeping.report import ReportScreen
from tui.screens.housekeeping.worktrees import WorktreesScreen

SCREENS = {"prune": PruneScreen, "worktrees": WorktreesScreen, "report": ReportScreen}
"""By the name in `housekeeping(...)` of the key table."""
