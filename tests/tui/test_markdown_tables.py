"""Tables of a page, their columns in line."""

from __future__ import annotations

from tui.markdown_tables import aligned


def test_columns_stand_in_line_numbers_flush_right() -> None:
    page = [
        "# Rates",
        "",
        "| row | n |",
        "|---|--:|",
        "| from the model | 12 |",
        "| π | 3 |",
        "",
        "| a bar",
    ]
    assert aligned(page) == (
        "# Rates",
        "",
        "| row            |   n |",
        "|----------------|----:|",
        "| from the model |  12 |",
        "| π              |   3 |",
        "",
        "| a bar",
    )


def test_what_is_no_whole_table_stays_as_it_is() -> None:
    for block in (
        ["| a | b |", "|---|---|", "| one |"],
        ["| a | b |", "| c | d |"],
        ["| a |", "|---|", f"| {'x' * 500} |"],
        ["|"],
        [],
    ):
        assert aligned(block) == tuple(block)


def test_a_bar_that_is_escaped_is_no_border() -> None:
    assert aligned(["| a | b |", "|---|---|", r"| x \| y | 世界 |"])[2:] == (r"| x \| y | 世界 |",)
