"""What runs on the far side with a bare Python >= 3.9: supervisor, follower, worktrees. Imports wire only."""
