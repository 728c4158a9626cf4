"""Exact equations of paths as text, and a reader of such text that can only do arithmetic.

One path is one line, `x(t) = ...; y(t) = ...; z(t) = ...`: half-sides, with t in seconds from frame 0. An expression
may hold numbers, t, pi, + - * /, integer powers (**), parentheses, and sin, cos, sqrt, exp, abs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Literal

import numpy as np

from renderer.errors import EquationError
from renderer.motion import Floats, Motion
from renderer.sampling import Window
from renderer.trajectories import TrajectoryRecipe

MAX_LENGTH = 1000
"""Characters of one expression."""
MAX_NODES = 200
MAX_POWER = 8
DIGITS = 7
"""Significant digits: with fewer the phase of a fast circle would be off by more than 1e-5 at the window's end."""
COORDINATES = ("x", "y", "z")
FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "sin": np.sin,
    "cos": np.cos,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "abs": np.abs,
}
NAMES = ("t", "pi", *FUNCTIONS)

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII)
_NAME = re.compile(r"[a-z]+")
_OTHER = re.compile(r"[-+*/() ]*")
_LINE = re.compile(r"\s*([xyz])\s*\(\s*t\s*\)\s*=(.+)")
_OPERATIONS: dict[type[ast.operator], Callable[[Floats, Floats], Floats]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


def equation(recipe: TrajectoryRecipe, frame: Literal["world", "camera"] = "world") -> list[str]:
    """Return the exact equation of each clip's path in world or camera coordinates."""
    motion = Motion.from_array(recipe.motion) if frame == "world" else recipe.camera_motion
    return equation_of(motion, recipe.window)


def equation_of(motion: Motion, window: Window) -> list[str]:
    """Return the equation of each path, in the coordinates of `motion`, whose s is 0 at the middle of `window`."""
    from_frame_0 = motion.shifted(np.full(len(motion.centre), window.times_s[0]))
    return [_line(*clip) for clip in zip(from_frame_0.vectors(), from_frame_0.angular_speed, strict=True)]


def _line(vectors: Floats, angular_speed: float) -> str:
    """Return one path's equation from its five vectors (5, 3), in the order of `Motion.basis`."""
    turn = f"{angular_speed:.{DIGITS}g}*t"
    factors = ("", "*t", "*t**2", f"*cos({turn})", f"*sin({turn})")
    weights = vectors * np.array([1, 1, 0.5, 1, 1])[:, None]
    return "; ".join(f"{name}(t) = {_sum(weights[:, axis], factors)}" for axis, name in enumerate(COORDINATES))


def _sum(weights: Floats, factors: tuple[str, ...]) -> str:
    terms = [
        f"{'-' if weight < 0 else '+'} {abs(weight):.{DIGITS}g}{factor}"
        for weight, factor in zip(weights, factors, strict=True)
        if abs(weight) > 1e-9
    ]
    text = " ".join(terms or ["+ 0"])
    return text[0].strip("+") + text[2:]


def evaluate(line: str, t: Floats) -> Floats:
    """Return the positions (k, 3) that an equation gives at times `t` (k,), seconds from frame 0.

    Raises `EquationError` for text outside the grammar and for values that are not finite.
    """
    parts = [match.groups() for part in line.split(";") if (match := _LINE.fullmatch(part))]
    if sorted(name for name, _ in parts) != list(COORDINATES) or line.count(";") != 2:
        raise EquationError(f"not an equation of a path: {_short(line)}", hint="x(t) = ...; y(t) = ...; z(t) = ...")
    return np.stack([evaluate_expression(text, t) for _, text in sorted(parts)], axis=-1)


def evaluate_expression(text: str, t: Floats) -> Floats:
    """Return the values (k,) of one expression at `t` (k,). Raises `EquationError`."""
    tree = parse(text)
    t = np.asarray(t, np.float64)
    with np.errstate(all="ignore"):
        values = np.broadcast_to(_value(tree, t), t.shape)
    if not np.isfinite(values).all():
        raise EquationError(f"{_short(text)} has no finite value at t = {t[~np.isfinite(values)][0]:g}")
    return values


def parse(text: str) -> ast.expr:
    """Return the tree of an expression that is short enough and has no character or name outside the grammar.

    Raises `EquationError`.
    """
    if len(text) > MAX_LENGTH:
        raise EquationError(f"an expression of {len(text)} characters: at most {MAX_LENGTH} are read")
    rest = _NUMBER.sub(" ", text)
    for name in _NAME.findall(rest):
        if name not in NAMES:
            raise EquationError(f"{name!r} means nothing in {_short(text)}", hint=f"known: {', '.join(NAMES)}")
    if not _OTHER.fullmatch(_NAME.sub(" ", rest)):
        raise EquationError(f"{_short(text)} holds a character that no expression has")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as exc:
        raise EquationError(f"{_short(text)} is not an expression") from exc
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES:
        raise EquationError(f"an expression of more than {MAX_NODES} parts is not read")
    return tree


def _short(text: str) -> str:
    return repr(text.strip() if len(text) < 80 else f"{text.strip()[:80]}...")


def _value(node: ast.expr, t: Floats) -> Floats:
    """Evaluate what the grammar has, and refuse every other node."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return np.array(number if abs(number) < 1e300 else np.inf, np.float64)
        case ast.Name(id="t"):
            return t
        case ast.Name(id="pi"):
            return np.array(np.pi)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, t)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, t)
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            return _value(left, t) ** _power(right)
        case ast.BinOp(op=operation, left=left, right=right) if type(operation) in _OPERATIONS:
            return _OPERATIONS[type(operation)](_value(left, t), _value(right, t))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](_value(argument, t))
    raise EquationError(f"{_short(ast.unparse(node))} is not part of the grammar")


def _power(node: ast.expr) -> int:
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_power(operand)
        case ast.Constant(value=int() as power) if power <= MAX_POWER:
            return power
    raise EquationError(f"{_short(ast.unparse(node))} is no power: a whole number up to {MAX_POWER} is needed")
