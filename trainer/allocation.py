"""How this process's C library treats memory that is given back.

glibc maps large blocks anew each time, and returns what lies free at the end of the heap to the kernel; a training
step, which frees all its activations and then asks for them again, so pays for thousands of page faults. glibc learns
better limits by itself, from the blocks it sees freed, but only up to the largest of these, which is too low here.
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""mallopt(3); the numbers are part of glibc's interface."""
_LARGEST = 32 * 1024 * 1024
"""The highest limit that glibc would learn by itself; larger blocks are still mapped, and returned at once."""


def reuse_freed_memory() -> None:
    """Let blocks of up to 32 MiB come from the heap, and keep up to 64 MiB that are free at its end. Results do not
    depend on it; without glibc it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST)
        mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST)
