"""``${NAME}``: from the environment, then the settings, then what is built in."""

from __future__ import annotations

from typing import Any

import pytest

from tauro.config import ConfigError, Context


def value(text: Any, **settings: Any) -> Any:
    """Return what ``text`` comes to beside the given settings."""
    context = Context(global_settings={"it": text, **settings}, env="dev", root="/project")
    found = context.global_settings["it"]
    return found.to_dict() if hasattr(found, "to_dict") else found


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", "outside")
    monkeypatch.setenv("PORT", "8080")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("ABSENT", raising=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${SHOP}", "outside"),
        ("a ${SHOP} b ${SHOP}", "a outside b outside"),
        ("${ABSENT|default}", "default"),
        ("${ABSENT:default}", "default"),
        ("${ABSENT|}", None),
        ("x${ABSENT|}y", "xy"),
        ("${ABSENT|a|b:c}", "a|b:c"),
        ("${ABSENT:s3://bucket/key}", "s3://bucket/key"),
        ("${ABSENT|${SHOP}}", "outside"),
        ("${ABSENT|${ALSO_ABSENT:in ${SHOP}}}", "in outside"),
        ("$${SHOP}", "${SHOP}"),
        ("cost: $5 ${PORT}", "cost: $5 8080"),
        ("${env}", "dev"),
        ("${project_root}/data", "/project/data"),
        ("${EMPTY}", None),
        ("${EMPTY|default}", "default"),
        ("no reference }", "no reference }"),
    ],
)
def test_forms(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_the_environment_is_stronger_than_the_settings() -> None:
    assert value("${SHOP}", SHOP="inside") == "outside"
    assert value("${shop}", shop="inside") == "inside"
    assert value("${env}", env="mine") == "mine"


def test_settings_are_named_by_dotted_path_and_followed() -> None:
    assert value("${paths.raw}/x", paths={"raw": "${root}/raw"}, root="/data") == "/data/raw/x"
    assert value("${a.b}", **{"a.b": "whole"}) == "whole"


def test_a_reference_alone_keeps_the_kind_of_its_value() -> None:
    assert value("${n}", n=3) == 3
    assert value("${n}", n=[1, "${SHOP}"]) == [1, "outside"]
    assert value("${n}", n={"a": 1}) == {"a": 1}
    assert value("${PORT}") == 8080
    assert value("${ABSENT|true}") is True
    assert value("port ${PORT}") == "port 8080"


def test_quotes_in_yaml_keep_a_text(tmp_path: Any) -> None:
    (tmp_path / "s.yaml").write_text('plain: ${PORT}\nquoted: "${PORT}"\n')
    settings = Context(global_settings=tmp_path / "s.yaml").global_settings
    assert settings["plain"] == 8080
    assert settings["quoted"] == "8080"


def test_numbers_and_texts_go_where_they_are_wanted(tmp_path: Any) -> None:
    (tmp_path / "s.yaml").write_text(
        'mlops:\n  model_retention_days: "${PORT}"\n  catalog: "${PORT}"\n  schema: ${PORT}\n'
    )
    settings = Context(global_settings=tmp_path / "s.yaml").mlops
    assert settings.model_retention_days == 8080
    assert settings.catalog == settings.schema == "8080"


def test_every_part_is_interpolated() -> None:
    context = Context(
        global_settings={"raw": "/raw", "module": "etl"},
        nodes_config={
            "a": {"function": "${module}.load", "inputs": ["x"], "params": {"p": "${PORT}"}}
        },
        pipelines_config={"p": {"nodes": ["a"], "description": "on ${PORT}"}},
        input_config={"x": {"path": "${raw}/x.csv"}},
        ml_info={"mlops": {"experiment_name": "${SHOP}"}},
    )
    assert context.nodes["a"].function == "etl.load"
    assert context.nodes["a"].params == {"p": 8080}
    assert context.inputs["x"].path == "/raw/x.csv"
    assert context.pipelines["p"].description == "on 8080"
    assert context.mlops.default_experiment_name == "outside"
    assert context.mlops.origin("default_experiment_name").via == "environment variable SHOP"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"a": "${a}"}, "in a circle: a -> a"),
        ({"a": "${b}", "b": "x ${a}"}, "in a circle"),
        ({"a": {"b": "${a}"}}, "in a circle"),
        ({"a": "${ABSENT}"}, r"\$\{ABSENT\} is unknown"),
        ({"abs": 1, "a": "${ABS}"}, "Did you mean 'abs'"),
        ({"a": "${b}"}, r"\$\{b\} is unknown"),
        ({"a": "${"}, "is not closed"),
        ({"a": "${}"}, "is not a reference"),
        ({"a": "${1x}"}, "is not a reference"),
        ({"a": "${b c}"}, "is not a reference"),
        ({"a": "x${b}", "b": [1]}, "cannot stand within one"),
    ],
)
def test_what_cannot_be_resolved_says_where(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Context(global_settings=settings)


def test_one_unknown_name_is_one_problem() -> None:
    """What failed is not reported again as missing or of the wrong kind."""
    with pytest.raises(ConfigError) as caught:
        Context(nodes_config={"a": {"function": "${ABSENT}", "retries": "${ALSO}"}})
    assert len(caught.value.problems) == 2


def test_growth_without_end_is_refused() -> None:
    chain = {f"a{i}": f"${{a{i + 1}}}${{a{i + 1}}}" for i in range(40)}
    with pytest.raises(ConfigError, match="grows past 1 MB"):
        Context(global_settings={**chain, "a40": "x"})
    lists = {f"a{i}": [f"${{a{i + 1}}}"] * 2 for i in range(40)}
    with pytest.raises(ConfigError, match="more than 100000 values"):
        Context(global_settings={**lists, "a40": "x"})
    nested: dict[str, Any] = {}
    for i in range(40):
        inner: Any = f"${{a{i + 1}}}"
        for _ in range(20):
            inner = [inner]
        nested[f"a{i}"] = inner
    with pytest.raises(ConfigError, match="nested more than"):
        Context(global_settings={**nested, "a40": "x"})
    deep = {f"a{i}": f"${{a{i + 1}}}" for i in range(400)}
    with pytest.raises(ConfigError, match="more than 50 deep"):
        Context(global_settings={**deep, "a400": "x"})


def test_values_of_the_environment_are_not_in_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_THING", "hunter2")
    with pytest.raises(ConfigError) as caught:
        Context(nodes_config={"a": {"function": "m.f", "password": "${SECRET_THING}"}})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("key", ["enabled", "experiment_tracking", "storage_path"])
def test_a_value_that_is_wrong_and_comes_from_outside_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "hunter2" if key != "storage_path" else "  ")
    with pytest.raises(ConfigError) as caught:
        Context({"mlops": {key: "${SOME_TOKEN}"}})
    assert "hunter2" not in str(caught.value)
    assert "from environment variable SOME_TOKEN" in str(caught.value)


def test_a_wrong_value_that_refers_to_a_secret_setting_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        Context({"db_password": "hunter2", "mlops": {"enabled": "${db_password}"}})
    assert "got a text from setting db_password" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_wrong_value_that_refers_to_another_setting_is_shown() -> None:
    with pytest.raises(ConfigError, match="got 'maybe'"):
        Context({"answer": "maybe", "mlops": {"enabled": "${answer}"}})
