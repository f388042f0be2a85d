"""Short texts of values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmpass.report.text import bar, count, elide, number, shape, size, span


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "0.98 KiB"), (1024, "1.00 KiB"), (10_240, "10.0 KiB"),
        (102_400, "100 KiB"), (1_048_576, "1.00 MiB"), (5 << 30, "5.00 GiB"), (None, "?"),
    ],
)  # fmt: skip
def test_size(nbytes, text):
    assert size(nbytes) == text


@given(st.integers(0, 2**59))
def test_a_size_is_never_wide(nbytes):
    assert len(size(nbytes)) <= 8


@pytest.mark.parametrize(
    ("dims", "text"),
    [
        ((1, 3, 8), "1×3×8"),
        (("batch", None, 8), "batch×?×8"),
        ((), "scalar"),
        (None, "unknown"),
        (("", 2), "?×2"),
        ((0,), "0"),
    ],
)
def test_shape(dims, text):
    assert shape(dims) == text


def test_count_keeps_thousands_apart():
    assert count(1234567) == "1\u2009234\u2009567"
    assert count(None) == "?"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_number_is_never_wide(value):
    assert len(number(value)) <= 10


@given(st.text(max_size=60), st.integers(0, 70))
def test_elided_text_fits_and_keeps_both_ends(text, width):
    short = elide(text, width)
    assert len(short) <= max(width, 0)
    if len(text) <= width:
        assert short == text
    elif width >= 3:
        assert short[0] == text[0]
        assert short[-1] == text[-1]
        assert "…" in short


@given(st.floats(-1, 2), st.integers(1, 30))
def test_a_bar_is_as_wide_as_it_says_and_grows_with_the_fraction(fraction, width):
    drawn = bar(fraction, width)
    assert len(drawn) == width
    assert drawn.count("█") == int(min(max(fraction, 0), 1) * width + 1 / 16) or fraction >= 0
    assert (drawn.strip() == "") == (fraction <= 0)


def test_bars_of_known_length():
    assert bar(0.5, 4) == "██  "
    assert bar(1.7, 4) == "████"
    assert bar(1e-9, 4) == "▏   "
    assert bar(0.0, 4) == "    "


@given(st.integers(1, 500), st.data(), st.integers(1, 20))
def test_a_span_marks_where_an_edge_lives(total, data, width):
    first = data.draw(st.integers(0, total - 1))
    last = data.draw(st.integers(first, total - 1))
    drawn = span(first, last, total, width)
    assert len(drawn) == width
    assert "━" in drawn
    assert "╌" not in drawn.strip("╌")


def test_spans_of_known_place():
    assert span(0, 9, 10, 5) == "━━━━━"
    assert span(0, 1, 10, 5) == "━╌╌╌╌"
    assert span(8, 9, 10, 5) == "╌╌╌╌━"
