"""What can go wrong in the renderer.

RendererError
|- SamplingError    ranges that hardly ever give a clip that stays in view
|- EquationError    text that is not an equation of the documented grammar
'- RecipeError      bytes that are not a recipe of this version, or not as they were written
"""

from __future__ import annotations


class RendererError(ValueError):
    """Something that a person can act on; `hint` is the next step, or ''."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SamplingError(RendererError):
    """The ranges of a tier hardly ever give a path that stays in view."""


class EquationError(RendererError):
    """Text that is not an equation of the grammar of `renderer.equations`, or has no finite value."""


class RecipeError(RendererError):
    """A file that is not a recipe of this version, or whose content is not what was written."""
