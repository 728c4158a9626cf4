"""Screens that stand still: set before Textual is imported, which reads the environment once."""

import os

os.environ["TEXTUAL_ANIMATIONS"] = "none"
for name in ("NO_COLOR", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_FILTERS", "TRAJVID_THEME", "TEXTUAL_THEME"):
    os.environ.pop(name, None)
