"""Where the caret of a wrong filter stands on a terminal, and what of the text it shows."""

from __future__ import annotations

import unicodedata

import pytest

from tauro._internal._terminal import cell_width, harmless, padded
from tauro.errors import FilterSyntaxError
from tauro.tracking._query import parse_filter


def pointed(text: str) -> tuple[str, str, int]:
    """Return the line shown, the carets' line, and the column the message names."""
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(text)
    _, shown, carets = str(caught.value).splitlines()[:3]
    return shown, carets, caught.value.context.details["column"]


def above(shown: str, carets: str) -> str:
    """Return what stands above the carets where wide characters take two columns."""
    start, end = carets.index("^"), len(carets)
    column, found = 0, ""
    for character in shown:
        if start <= column < end and cell_width(character):
            found += character
        column += cell_width(character)
    return found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("params.a = 'x' and bad = 1", "bad"),
        ("params.漢字 = '値' and bad = 1", "bad"),
        ("params.é = 'e\u0301e\u0301' and bad = 1", "bad"),
        ("tags.t = '👍👍' and bad = 1", "bad"),
        ("tags.t = 'a\u200bb' and bad = 1", "bad"),
        ("日本 = 1", "日本"),
        ("tags.t = '" + "漢" * 300 + "' and bad = 1 and " + "name = 'é' and " * 40 + "x", "bad"),
    ],
    ids=["plain", "wide", "combining", "emoji", "zero width", "wide itself", "cut at both ends"],
)
def test_the_caret_is_below_what_is_wrong(text: str, wrong: str) -> None:
    """Counted in the columns of a terminal, where an ideograph takes two and an accent none."""
    shown, carets, column = pointed(text)
    assert above(shown, carets) == wrong
    assert text[column - 1 :].startswith(wrong), "the column counts characters"


@pytest.mark.parametrize(
    "evil", ["\x1b[31m", "\x07", "\x9b2J", "\u202e", "\x00", "\r", "\x85", "\u2028"]
)
def test_what_a_terminal_obeys_is_not_shown(evil: str) -> None:
    """The line stays one line, the cursor where it is, and the caret below what is wrong."""
    shown, carets, _ = pointed(f"tags.t = 'a{evil}b' and bad = 1")
    assert evil[0] not in shown
    assert not any(unicodedata.category(each) in ("Cc", "Cs") for each in shown)
    assert above(shown, carets) == "bad"


def test_texts_are_made_harmless_and_stay_readable() -> None:
    """Line ends, tabs and all letters stay; what moves the cursor or turns the writing is named."""
    plain = "déjà vu\t漢字\nline 👍 a\u0301"
    assert harmless(plain) == plain
    assert harmless("\x1b]0;title\x07") == r"\x1b]0;title\x07"
    assert harmless("a\u202eb\ud800\r\n") == r"a\u202eb\ud800\r" + "\n"


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("漢字", 4), ("\uff57", 2), ("a\u0301", 1), ("a\u200db", 2)],
)
def test_widths_in_columns(text: str, width: int) -> None:
    assert cell_width(text) == width
    assert padded(text, width + 2) == text + "  "
