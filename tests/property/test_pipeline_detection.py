"""ML detection: parts of words never count, and case and separators never matter."""

from __future__ import annotations

import string

from hypothesis import given, settings
from hypothesis import strategies as st

from tauro.pipeline import ml_word

WORDS = ["train", "fit", "predict", "xgboost", "sklearn", "classifier", "hyperparameters", "mlops"]
LETTERS = st.text(string.ascii_lowercase, min_size=1, max_size=4)
NEUTRAL = ["load", "orders", "customers", "clean", "daily", "report", "raw", "sales", "export"]


@settings(deadline=None)
@given(st.sampled_from(WORDS), st.lists(st.sampled_from(NEUTRAL), max_size=3))
def test_an_ml_word_at_the_head_is_found_in_every_spelling(word: str, rest: list[str]) -> None:
    words = [word, *rest]
    camel = "".join(part.capitalize() for part in words)
    spellings = ["_".join(words), "-".join(words), ".".join(words), camel, "_".join(words).upper()]
    assert {bool(ml_word(spelling)) for spelling in spellings} == {True}


@settings(deadline=None)
@given(st.sampled_from(WORDS), LETTERS, LETTERS, st.lists(st.sampled_from(NEUTRAL), max_size=2))
def test_letters_around_a_word_make_it_another_word(
    word: str, before: str, after: str, rest: list[str]
) -> None:
    glued = f"zq{before}{word}{after}zq"
    assert ml_word("_".join([glued, *rest])) == ""


@settings(deadline=None)
@given(st.lists(st.sampled_from(NEUTRAL), min_size=1, max_size=5))
def test_neutral_words_never_count(words: list[str]) -> None:
    assert ml_word("_".join(words)) == ""


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_judged(name: str) -> None:
    assert isinstance(ml_word(name), str)
