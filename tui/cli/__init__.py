"""Headless verbs, one file a verb; stdout is data, stderr is narration."""
