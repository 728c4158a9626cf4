"""Which times a machine's clock may say. One without a battery begins in 1970; by one far ahead everything is old."""

from __future__ import annotations

FIRST_S, END_S = 946_684_800, 4_102_444_800
"""Nothing runs this before the year 2000, or in 2100 (epoch seconds)."""


def possible(epoch_s: float) -> bool:
    """Return whether a clock that is right may say this."""
    return FIRST_S <= epoch_s < END_S
