"""Names as folders: readable, safe on every file system, and never two for one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tauro.errors import ValidationError
from tauro.registry._names import check_alias, check_model_name, folder_of

names = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/:"),
    min_size=1,
    max_size=255,
).filter(lambda text: text == text.strip() and text not in (".", ".."))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("credit_risk_model", "credit_risk_model"),
        ("churn-predictor 2", "churn-predictor 2"),
        ("Größe", "Größe"),
        ("a%2Fb", "a%252Fb"),
        (".hidden", "%2Ehidden"),
        ("ends.", "ends%2E"),
        ("nul.txt", "%6Eul.txt"),
        ("what?*", "what%3F%2A"),
    ],
)
def test_a_folder_is_the_name_where_that_is_possible(name: str, folder: str) -> None:
    assert folder_of(name) == folder


@given(names)
@example("é" * 255)
@example("con")
@example("a" * 250 + ".")
def test_every_name_has_a_folder_that_every_file_system_takes(name: str) -> None:
    folder = folder_of(check_model_name(name))
    assert len(folder.encode()) <= 255
    assert not set(folder) & set('/\\:*?"<>|\0')
    assert not folder.startswith(".")
    assert not folder.endswith((".", " "))


@given(names, names)
@example("a.", "a%2E")
@example("%2Ea", ".a")
@example("é" * 254 + "a", "é" * 254 + "b")
def test_two_names_have_two_folders(first: str, second: str) -> None:
    one, other = check_model_name(first), check_model_name(second)
    assert (folder_of(one) == folder_of(other)) == (one == other)


def test_two_spellings_of_one_letter_are_one_name() -> None:
    assert check_model_name("Cafe\u0301") == check_model_name("Caf\u00e9")


@pytest.mark.parametrize("name", [" a", "a ", "", None, 3, "a/b", "a:b", ".", "a\x00b", "x" * 256])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(ValidationError):
        check_model_name(name)


@pytest.mark.parametrize("alias", ["champion", "eu-blue", "a.b_c", "v1a", "2024-winner"])
def test_aliases_are_words(alias: str) -> None:
    assert check_alias(alias) == alias
