"""Whatever way mathematics is written it is read as meant, and what is no mathematics is refused in bounded time."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.equations import NAMES, equation, evaluate
from renderer.errors import EquationError
from renderer.trajectories import make_recipe
from trainer.language.expression import MAX_DEPTH, MAX_TOKENS
from trainer.language.reading import MAX_TEXT, read_equation

T = np.array([0.0, 0.3, 0.7])
C, S = np.cos(2 * np.pi * T), np.sin(2 * np.pi * T)
REST = "; y(t) = 0; z(t) = 0"


def x_of(text: str) -> np.ndarray:
    """Values of one expression, as what an answer gives for x."""
    return np.asarray(evaluate(read_equation(f"x(t) = {text}{REST}"), T)[:, 0])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (r"\frac{1}{2} t^{2}", T**2 / 2),
        (r"\tfrac12 t^2", T**2 / 2),
        (r"2/\frac{1}{2}", 0 * T + 4),
        (r"\frac{1 + t}{2 - t}", (1 + T) / (2 - T)),
        (r"\cos(2\pi t)", C),
        (r"3 \cdot \sin\left(2 \pi t\right)", 3 * S),
        (r"\sin^{2}\!\left(2\pi t\right) t", S**2 * T),
        (r"\sin 2\pi t \cos 2\pi t", S * C),
        ("cos 2πt + 1", C + 1),
        ("cos2πt", C),
        ("0.5·sin(2πt)", S / 2),
        ("1 − 2t²", 1 - 2 * T**2),
        ("t⁻¹ (1+t)^{-2} t", (1 + T) ** -2.0),
        ("𝟐𝑡 + 𝜋", 2 * T + np.pi),
        (r"1.2\times10^{-3} t", 1.2e-3 * T),
        ("1.2×10⁻¹² + 1.2 x 10^-3", 0 * T + 1.2e-3),
        ("1.5E−3t", 1.5e-3 * T),
        ("2t(1 + t)(2 - t)", 2 * T * (1 + T) * (2 - T)),
        ("2. + 3.t", 2 + 3 * T),
        ("2t**2.0 - -t", 2 * T**2 + T),
        ("-t^2", -(T**2)),
        ("½ t", T / 2),
        ("np.cos(2*np.pi*t) - math.sqrt(t)", C - np.sqrt(T)),
        (r"e^{-t} + \exp(-t) + e^t", 2 * np.exp(-T) + np.exp(T)),
        (r"\sqrt{1 + t} + √(t)", np.sqrt(1 + T) + np.sqrt(T)),
        (r"x_0 + v_{x}\,t = 1 + 2\,t", 1 + 2 * T),
        ("1\n     + 2t", 1 + 2 * T),
        ("(1 +\n2t)", 1 + 2 * T),
        (r"\mathrm{cos}(2\pi t) \text{ for all } t", C),
    ],
)
def test_every_way_to_write_an_expression(text: str, values: np.ndarray) -> None:
    t = T[1:] if "⁻¹ (" in text else T
    path = evaluate(read_equation(f"x(t) = {text}{REST}"), t)[:, 0]
    assert path == pytest.approx(values[-len(t) :])


LINE = np.stack([1 + 2 * T, 3 - T, 0 * T + 4], axis=1)


@pytest.mark.parametrize(
    "answer",
    [
        "x(t) = 1 + 2t; y(t) = 3 - t; z(t) = 4",
        "z(t) = 4, x(t) = 1 + 2t, and y(t) = 3 - t, where t is time.",
        "The path is a line:\n\n- **x(t)** = 1 + 2t\n- **y(t) = 3 - t**\n* z(t) = **4**\n\nIt starts at x = 0.3.",
        "**x(t) = 1 + 2t**, *y(t) = 3 - t* and **z(t) = 4** where t is time",
        "1. x(t) = 1 + 2t.\n2. y(t) = 3 - t.\n3. z(t) = 4.",
        "```python\nx = 1 + 2*t\ny = 3 - t\nz = 4\n```",
        "Inline `x(t) = 1 + 2t`, $y(t) = 3 - t$ and \\(z(t)\\) = \\(4\\) are it.",
        '{"x": "1 + 2*t", "y": "3 - t", "z": "4"}',
        "X(t) = 1 + 2t\nY(t) = 3 − t\nZ(t) ≈ 4",
        r"\begin{aligned} x(t) &= 1 + 2t \\ y(t) &= 3 - t \\ z(t) &= 4 \end{aligned}",
        r"\[ (x(t), y(t), z(t)) = \left(1 + 2t,\; 3 - t,\; 4\right) \]",
        "(x, y, z) = (1 + 2t, 3 - t, 4)",
        "**X(t)** = [1 + 2t, 3 - t, 4]",
        r"$$\mathbf{r}(t) = \begin{pmatrix} 1 + 2t \\ 3 - t \\ 4 \end{pmatrix}$$",
        r"\vec{p}(t) = \begin{bmatrix} 1 + 2t & 3 - t & 4 \end{bmatrix}^T",
        "r(t) = (1, 3, 4) + (2, -1, 0) t",
        r"\mathbf{r}(t) = (1 + 2t)\,\hat{i} + (3 - t)\hat{j} + 4\hat{k}",
        "First x(t) = 7 and y(t) = t. No: x(t) = 1 + 2t; y(t) = 3 - t; z(t) = 4, so v_x(t) = 2, x'(t) = 2, 2x(t) = 8.",
        r"With \dot{x}(t) = 2, \Delta x(t) = 5 and x(0) = 1: x(t) = 1 + 2t; y(t) = 3 - t; z(t) = 4",
    ],
)
def test_every_way_to_give_a_path(answer: str) -> None:
    assert evaluate(read_equation(answer), T) == pytest.approx(LINE)


def test_our_own_equations_are_read_unchanged() -> None:
    recipe = make_recipe("medium", 12, 3).recipe
    for text in equation(recipe, "camera"):
        assert read_equation(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v t", "'v'"),
        (r"A\cos(\omega t + \phi)", r"'A', '\\omega', '\\phi'"),
        ("x_0 + v_{x} t", r"'x_0', 'v_{x}'"),
        ("tan(t)", "'tan'"),
        ("NaN", "'NaN'"),
        ("2t inf", "'inf'"),
        ("__import__('os').system('true')", "'import__'"),
        ("().__class__", "missing before ')'"),
        ("t.real", "'.real' has no place"),
        ("open('/etc/passwd')", "'open'"),
        ("9**9**9**9", "no power"),
        ("(((9**8)**8)**8)**8", "no finite value"),
        ("t^{1/2}", "no power"),
        ("1,5 + 2t", "decimals need a point"),
        ("1 000 t", "'000' has no place"),
        (r"\sqrt[3]{t}", "other than the square root"),
        ("\x1b[31m1", r"missing before '\x1b'"),
        ("1 \x1b[31m", r"'\x1b' has no place"),
        ("(1, 2) t", "2 values"),
        ("(1, 2, 3) (1, 2, 3)", "two vectors"),
        ("2 t mod 3", "'mod'"),
        ("", "missing before ';'"),
        ("2 +", "missing before ';'"),
        ("(1 + t", "a closing )"),
        ("2 *\nt", "missing at the end"),
        ("**2t** v", "'v'"),
    ],
)
def test_what_is_at_fault_is_named(text: str, said: str) -> None:
    with pytest.raises(EquationError) as caught:
        evaluate(read_equation(f"x(t) = {text}{REST}"), T)
    assert said in str(caught.value)


def test_a_symbol_without_a_meaning_comes_with_those_that_have_one() -> None:
    with pytest.raises(EquationError) as caught:
        read_equation("x(t) = a t; y(t) = 0; z(t) = 0")
    assert all(name in caught.value.hint for name in NAMES)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", "no equation"),
        ("I cannot answer that.", "no equation"),
        ("x(t) = 1; y(t) = 2", r"no z\(t\)"),
        ("the centre is x = 1, y = 2, z = 3 but v(t) = (1, 2, 3)", "no equation|no x"),
    ],
)
def test_an_answer_without_a_path(answer: str, said: str) -> None:
    with pytest.raises(EquationError, match=said):
        read_equation(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "(" * 1_000_000,
        "x(t) = " + "(" * (MAX_TEXT - 10),
        "x(t) = " + "-" * (MAX_TEXT - 10),
        "x(t) = 9" + "**9" * (MAX_TEXT // 4),
        "x(t) = " + r"\frac{1}{" * 300 + "t" + "}" * 300,
        "x(t) = " + "(1 + t) " * MAX_TOKENS,
        "x = " * (MAX_TEXT // 4),
        "x(t) = " * (MAX_TEXT // 8),
        "(x, y, z) = " * (MAX_TEXT // 12),
        "a_{" * (MAX_TEXT // 3),
        "x'" * (MAX_TEXT // 2),
        r"\begin{pmatrix}" * (MAX_TEXT // 20),
        "x(t) = (" + "\n" * (MAX_TEXT - 10),
        "1 x 10" * (MAX_TEXT // 8),
        "x(t) = " + "1" * (MAX_TEXT - 10) + REST,
    ],
)
@pytest.mark.timeout(20)
def test_hostile_text_is_refused_in_bounded_time(answer: str) -> None:
    with pytest.raises(EquationError) as caught:
        read_equation(answer)
    assert len(str(caught.value)) < 300


def test_the_deepest_nesting_that_is_read() -> None:
    assert x_of("(" * (MAX_DEPTH // 2) + "t" + ")" * (MAX_DEPTH // 2)) == pytest.approx(T)


PIECES = [
    *"12t+-*/^(){},;\n²−π· &$`_'[]=",
    *("x(t) =", "y(t) =", "z(t) =", "x", "2.5", "pi", "sin", "**", "e^", "10^", r"\frac", r"\cos", r"\\"),
]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=60))
def test_any_text_is_an_equation_or_refused(text: str) -> None:
    try:
        found = read_equation(text)
    except EquationError as exc:
        assert str(exc).isprintable()
        return
    assert re.fullmatch(r"[xyzt0-9.e()+*/;= a-z-]+", found)
    assert read_equation(found).count("=") == 3


EXPRESSIONS = st.recursive(
    st.sampled_from(["t", "pi"]) | st.floats(0, 9, allow_subnormal=False).map(lambda number: f"{number:.3f}"),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(inner, inner).map(lambda parts: rf"\frac{{{parts[0]}}}{{(2 + sin({parts[1]}))}}"),
        inner.map(lambda one: rf"\cos\left({one}\right)"),
        inner.map(lambda one: f"({one})^{{2}}"),
    ),
    max_leaves=6,
)


@settings(max_examples=30, deadline=None)
@given(EXPRESSIONS)
def test_latex_means_what_python_would(text: str) -> None:
    plain = re.sub(r"\\left|\\right", "", text).replace("\\cos", "cos").replace("^{2}", "**2")
    while r"\frac" in plain:
        start = plain.rindex(r"\frac{")
        above, end = _braces(plain, start + 5)
        below, end = _braces(plain, end)
        plain = f"{plain[:start]}(({above})/({below})){plain[end:]}"
    expected = evaluate(f"x(t) = {plain}; y(t) = 0; z(t) = 0", T)[:, 0]
    assert x_of(text) == pytest.approx(expected)


def _braces(text: str, start: int) -> tuple[str, int]:
    """Return what stands in the braces that begin here, and the place behind them."""
    end = text.index("}", start)
    while text[start : end + 1].count("{") != text[start : end + 1].count("}"):
        end = text.index("}", end + 1)
    return text[start + 1 : end], end + 1
