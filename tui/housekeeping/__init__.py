"""Words of what is looked after now and then (old runs, worktrees, what ran): for the terminal and for the app."""
