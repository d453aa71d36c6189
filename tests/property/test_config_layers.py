"""Layers in files of either kind: the merged values, where each is written, what is shown."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tauro.config import (
    AppConfigManager,
    ConfigError,
    Context,
    ContextLoader,
    settings_lines,
    shown_settings,
)
from tauro.config._source import Map, Node, Scalar

quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LAYERS = ("base", "sandbox", "sandbox_ann")
REPLACE = "$replace"
KEYS = st.sampled_from(["alpha", "beta", "gamma", "with space", "dotted.key", "ünï", "yes", "1"])
LEAVES = st.one_of(
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
    st.text(alphabet="ab 1.:#-'\"é$\\", max_size=8).filter(lambda text: "${" not in text),
    st.lists(st.integers(0, 9), max_size=3),
)


@st.composite
def _marked(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    found = draw(st.dictionaries(KEYS, inner, max_size=3))
    return {REPLACE: True, **found} if draw(st.integers(0, 5)) == 0 else found


TREES = st.recursive(LEAVES, _marked, max_leaves=8)
FILES = st.dictionaries(KEYS, TREES, max_size=4)


def laid(below: Any, above: Any) -> Any:
    """Return one layer over another, written anew: what the product must agree with."""
    if not (isinstance(below, dict) and isinstance(above, dict)) or above.get(REPLACE) is True:
        return above
    merged = dict(below)
    for key, value in above.items():
        merged[key] = laid(below[key], value) if key in below else value
    return merged


def clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: clean(inner) for key, inner in value.items() if key != REPLACE}
    return value


def write(folder: Path, layers: list[dict[str, Any]], kinds: list[str]) -> None:
    env_config: dict[str, Any] = {}
    for name, layer, kind in zip(LAYERS, layers, kinds, strict=True):
        text = json.dumps(layer) if kind == "json" else yaml.safe_dump(layer, allow_unicode=True)
        (folder / f"{name}.{kind}").write_text(text, encoding="utf-8")
        env_config[name] = {"global_settings_path": f"{name}.{kind}"}
    (folder / "settings_json.json").write_text(json.dumps({"env_config": env_config}))


def load(folder: Path) -> Context:
    paths = AppConfigManager(folder).get_env_config("sandbox_ann")
    return ContextLoader().load_from_paths(paths)


def leaves(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    if isinstance(node, Map):
        for key, entry in node.entries.items():
            yield from leaves(entry.node, (*path, key))
    elif isinstance(node, Scalar):
        yield path, node


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


@quick
@given(
    layers=st.lists(FILES, min_size=3, max_size=3),
    kinds=st.lists(st.sampled_from(["yaml", "json"]), min_size=3, max_size=3),
)
def test_layers_in_files_merge_and_each_value_knows_its_file(
    layers: list[dict[str, Any]], kinds: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write(folder, layers, kinds)
        context = load(folder)
        expected = clean(laid(laid(layers[0], layers[1]), layers[2]))
        assert shown_settings(context, "global_settings") == expected
        for path, leaf in leaves(context.tree("global_settings")):
            setters = [
                f"{name}.{kind}"
                for name, layer, kind in zip(LAYERS, layers, kinds, strict=True)
                if _at(layer, path) is not None
            ]
            assert Path(leaf.mark.source.name).name == setters[-1], "the strongest that sets it"
            line = leaf.mark.source.line(leaf.mark.line)
            assert 0 <= leaf.mark.column < max(1, len(line))


@quick
@given(layers=st.lists(FILES, min_size=3, max_size=3), origins=st.booleans())
def test_what_is_shown_reads_as_what_holds(layers: list[dict[str, Any]], origins: bool) -> None:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write(folder, layers, ["yaml", "json", "yaml"])
        context = load(folder)
        shown = "\n".join(settings_lines(context, "global_settings", origins=origins))
        again = Context(_file(folder, shown))
    held = shown_settings(context, "global_settings")
    assert shown_settings(again, "global_settings") == held


def _file(folder: Path, text: str) -> Path:
    path = folder / "shown.yaml"
    path.write_text(text, encoding="utf-8")
    return path


SECRET_KEYS = st.sampled_from(
    ["password", "db_password", "api_key", "API-KEY", "token", "aws_secret", "private_key"]
)


@st.composite
def with_secrets(draw: st.DrawFn) -> dict[str, Any]:
    """A tree that holds ``hunter2`` below secret-looking keys only."""
    secret = st.sampled_from(
        ["hunter2", ["hunter2"], {"deep": "hunter2"}, {"list": [{"x": "hunter2"}]}, "${S|hunter2}"]
    )
    plain = st.dictionaries(KEYS, LEAVES | st.just("postgres://u:hunter2@h/db"), max_size=3)
    nested = st.recursive(
        plain, lambda inner: st.dictionaries(KEYS, inner, max_size=2), max_leaves=4
    )
    found: dict[str, Any] = {**draw(nested), **draw(st.dictionaries(SECRET_KEYS, secret))}
    return {"outer": {**found, **draw(st.dictionaries(SECRET_KEYS, secret))}, **found}


def told(path: Path) -> str:
    """Return all that can be printed of a file: its refusal, or its settings in every way."""
    try:
        context = Context(path)
    except ConfigError as error:
        return f"{error} {json.dumps(error.to_dict())}"
    lines = [*settings_lines(context), *settings_lines(context, origins=True)]
    shown = json.dumps(shown_settings(context))
    return " ".join([*lines, shown, repr(context.global_settings), repr(context)])


@quick
@given(
    settings_=with_secrets(),
    wrong=st.sampled_from([{}, {"mlops": {"enabled": "perhaps"}}]),
    kind=st.sampled_from(["yaml", "json"]),
)
def test_no_secret_is_shown_whatever_is_asked(
    settings_: dict[str, Any], wrong: dict[str, Any], kind: str
) -> None:
    value = {**settings_, **wrong}
    text = json.dumps(value, indent=2) if kind == "json" else yaml.safe_dump(value)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"settings.{kind}")
        path.write_text(text)
        assert "hunter2" not in told(path)


@quick
@given(
    settings_=with_secrets(),
    junk=st.sampled_from(["]", "}", "'", '"', "[", "{", "- x", "\t", "*", "x: y: z", "@", ": "]),
    kind=st.sampled_from(["yaml", "json"]),
    data=st.data(),
)
def test_no_secret_is_shown_of_a_file_that_does_not_parse(
    settings_: dict[str, Any], junk: str, kind: str, data: st.DataObject
) -> None:
    text = json.dumps(settings_, indent=2) if kind == "json" else yaml.safe_dump(settings_)
    lines = text.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    indentation = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines.insert(at, indentation + junk)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"settings.{kind}")
        path.write_text("\n".join(lines))
        assert "hunter2" not in told(path)
