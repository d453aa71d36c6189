"""Paths of sources and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tauro.errors import PathNotAllowedError
from tauro.validation import PathValidator


@pytest.mark.parametrize("key", ["a", "a/b.json", "a/..b/c..", "…/ü", "a b", "a" * 255 + "/b"])
def test_keys_are_relative_paths(key: str) -> None:
    assert PathValidator().validate_key(key) == key


def test_a_key_may_be_a_path() -> None:
    assert PathValidator().validate_key(Path("a") / "b") == "a/b"


@pytest.mark.parametrize(
    "wrong",
    ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\\b", "a\0b", "a" * 256, "a/../"],
)
def test_what_is_no_key_is_refused(wrong: str) -> None:
    with pytest.raises(PathNotAllowedError, match="storage key"):
        PathValidator().validate_key(wrong)


def test_sources_are_absolute_or_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.pkl").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert PathValidator().validate_source("model.pkl") == Path("model.pkl")
    assert PathValidator().validate_source(tmp_path / "model.pkl") == tmp_path / "model.pkl"
    assert PathValidator().validate_source(tmp_path) == tmp_path


def test_a_source_with_two_dots_is_refused_even_if_it_exists(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(PathNotAllowedError, match=r"'\.\.' segment"):
        PathValidator().validate_source(tmp_path / "a" / ".." / "a")


def test_a_missing_source_is_named_with_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="missing") as caught:
        PathValidator().validate_source("missing.pkl")
    assert str(tmp_path) in str(caught.value)


def test_a_key_resolves_below_the_root_whether_or_not_it_exists(tmp_path: Path) -> None:
    assert PathValidator(tmp_path).resolve("a/b") == tmp_path / "a/b"


def test_links_inside_the_root_are_followed_and_those_out_of_it_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "inside").symlink_to(root / "real")
    (root / "outside").symlink_to(tmp_path)
    validator = PathValidator(root)
    assert validator.resolve("inside/x") == root / "inside/x"
    with pytest.raises(PathNotAllowedError, match="symbolic link"):
        validator.resolve("outside/x")
    with pytest.raises(PathNotAllowedError, match="storage key"):
        validator.resolve("../root/real")


def test_a_root_that_only_begins_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "rootling").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "rootling")
    with pytest.raises(PathNotAllowedError):
        PathValidator(tmp_path / "root").resolve("link/x")


@pytest.mark.parametrize("wrong", [5, None, b"f", ...])
def test_what_is_no_path_at_all_is_refused(tmp_path: Path, wrong: Any) -> None:
    paths = PathValidator(tmp_path)
    for check in (paths.validate_key, paths.resolve, paths.validate_source):
        with pytest.raises(PathNotAllowedError, match=f"Got a {type(wrong).__name__} where"):
            check(wrong)
