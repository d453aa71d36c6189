"""What is shown of a context: values, places, no secrets."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.unit.config.conftest import Write

from tauro.config import (
    ConfigError,
    Context,
    mask_secrets,
    setting_origins,
    settings_lines,
    shown_settings,
)


def test_what_is_shown_is_yaml_of_the_same_values() -> None:
    settings = {
        "text": "plain words",
        "odd": [
            "",
            " x",
            "a: b",
            "# c",
            "yes",
            "1e3",
            "007",
            "null",
            "- x",
            "é",
            "x ",
            "{a}",
            "'",
            "\n",
        ],
        "numbers": [1, -2.5, 2.5e10, True, None],
        "nested": [{"a": 1, "b": [1, [2]]}, {}, []],
        "key with: colon": 1,
        "empty": {},
    }
    context = Context(global_settings=settings)
    lines = settings_lines(context, "global_settings")
    assert yaml.safe_load("\n".join(lines)) == settings
    assert shown_settings(context, "global_settings") == settings


def test_secrets_are_masked_everywhere() -> None:
    context = Context(
        global_settings={
            "password": "hunter2",
            "nested": {"API-Key": ["hunter2"], "auth_token": {"value": "hunter2"}},
            "url": "postgresql://ann:hunter2@host/db",
            "empty_password": None,
            "tokenizer": "bert",
        }
    )
    for shown in (
        "\n".join(settings_lines(context, origins=True)),
        repr(shown_settings(context)),
        repr(setting_origins(context)),
        "\n".join(settings_lines(context, "global_settings.password")),
        repr(shown_settings(context, "global_settings.nested.API-Key")),
    ):
        assert "hunter2" not in shown
    assert shown_settings(context, "global_settings.url") == "postgresql://ann:***@host/db"
    assert shown_settings(context, "global_settings.tokenizer") == "bert"
    assert shown_settings(context, "global_settings.empty_password") is None


_SECRETS = """
password PASSWD db_pwd client-secret api_key apikey access_key_id private_key token auth_token
credentials connection_string bearer authorization sas_url account_key cookie
"""


@pytest.mark.parametrize("name", _SECRETS.split())
def test_names_that_hold_secrets(name: str) -> None:
    assert mask_secrets({name: "hunter2"}) == {name: "***"}


@pytest.mark.parametrize(
    "name", ["tokenizer", "key", "keys", "path", "pass_through", "passenger_count", "author"]
)
def test_names_that_do_not(name: str) -> None:
    assert mask_secrets({name: "value"}) == {name: "value"}


def test_origins_name_the_file_and_what_it_was_taken_from(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "north")
    folder = write({"s.yaml": "shop: ${SHOP}\nsame: ${shop}\nlist: [1, {a: 2}]\nempty: []\n"})
    monkeypatch.chdir(folder)
    context = Context(global_settings="s.yaml")
    assert setting_origins(context, "global_settings") == {
        "global_settings.shop": "s.yaml:1:7 (environment variable SHOP)",
        "global_settings.same": "s.yaml:2:7 (environment variable SHOP)",
        "global_settings.list.0": "s.yaml:3:8",
        "global_settings.list.1.a": "s.yaml:3:15",
        "global_settings.empty": "s.yaml:4:8",
    }
    lines = settings_lines(context, "global_settings", origins=True)
    assert lines[0] == "shop: north  # s.yaml:1:7 (environment variable SHOP)"


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("globl_settings", "Did you mean 'global_settings'"),
        ("nodes.trian", "Did you mean 'train'"),
        ("nodes.train.functon", "Did you mean 'function'"),
        ("nodes.train.params.list.7", "Nothing is configured"),
    ],
)
def test_a_path_that_is_not_there_names_the_nearest(path: str, hint: str) -> None:
    nodes: dict[str, Any] = {"train": {"function": "m.f", "params": {"list": [1]}}}
    with pytest.raises(ConfigError, match=hint):
        shown_settings(Context(nodes_config=nodes), path)


def test_names_with_dots_are_found() -> None:
    context = Context(global_settings={"a.b": {"c": 1}, "a": {"x": 2}})
    assert shown_settings(context, "global_settings.a.b.c") == 1
    assert shown_settings(context, "global_settings.a.x") == 2
