"""A frozen record with some fields changed, cheaply: every beat of every worker makes several."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def revised(record: T, **fields: Any) -> T:
    """`dataclasses.replace` at a tenth of its cost, for a class without slots and `__post_init__`.

    A field that the class does not have is not noticed: for records whose every field is written by tests.
    """
    new = object.__new__(type(record))
    new.__dict__.update(record.__dict__, **fields)
    return new
