"""The terminal: the Textual app, and the same verbs headless in tui/cli (which never imports Textual)."""
