"""Screens: home, one worker, log, launch, and the questions that a person must answer."""
