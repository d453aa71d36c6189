"""Whatever the files hold: a context, or an error that names a place; never a traceback."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tauro.config import ConfigError, Context
from tauro.config._json import parse_json
from tauro.config._merge import merge
from tauro.config._source import Map, Problems, SourceFile, from_plain, to_plain
from tauro.config._yaml import parse_yaml

quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_NAMES = """
nodes pipelines inputs outputs input output mlops ml config function module path filepath format
schema engine options params retries timeout tags type experiment tracking registry backend
retry_delay retry_backoff backoff
backend_type enabled mode cache health $replace << x-a a b c.d name description ${a} dependencies
versioned table query connection partition_by hyperparams metrics ml_info mlflow
"""
KEYS = st.sampled_from(_NAMES.split())
TEXTS = st.sampled_from(
    [
        "",
        " ",
        "a",
        "etl.load",
        "csv",
        "parquet",
        "local",
        "databricks",
        "true",
        "no",
        "1e3",
        "007",
        "${a}",
        "${b|x}",
        "${a",
        "$${a}",
        "${a}${b}",
        "${}",
        "${a|${b:${c}}}",
        "data/x.csv",
        "5m",
        "*",
        "é\u2028",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**20),
    st.just(10**400),
    st.floats(),
    TEXTS,
    st.text(max_size=8),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(KEYS | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=15,
)
RECORDS = st.dictionaries(KEYS, TREES, max_size=4)
FILES = st.dictionaries(KEYS | st.just("train"), RECORDS | TREES, max_size=3)
PARTS = ("global_settings", "pipelines_config", "nodes_config", "input_config", "output_config")


def load(**parts: Any) -> None:
    """Load, and where that is refused check that the refusal is one a user can read."""
    refusal: ConfigError | None = None
    try:
        context = Context(**parts)
    except ConfigError as error:
        refusal = error
    if refusal is None:
        assert repr(context)
        for pipeline in context.pipelines.values():
            for node in pipeline.nodes:
                context.mlops_for(pipeline.name, node)
        return
    assert refusal.problems
    for problem in refusal.problems:
        assert problem.suggestions
        assert problem.location is not None
    assert str(refusal)
    json.dumps(refusal.to_dict())


@quick
@given(parts=st.fixed_dictionaries(dict.fromkeys(PARTS, FILES)))
def test_mappings_of_any_shape(parts: dict[str, Any]) -> None:
    load(**parts)


@quick
@given(
    parts=st.fixed_dictionaries(dict.fromkeys(PARTS, FILES)),
    suffix=st.sampled_from(["yaml", "json"]),
)
def test_files_of_any_shape(parts: dict[str, Any], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, tree in parts.items():
            text = (
                json.dumps(tree) if suffix == "json" else yaml.safe_dump(tree, allow_unicode=True)
            )
            path = Path(folder, f"{name}.{suffix}")
            path.write_text(text, encoding="utf-8", errors="surrogatepass")
            paths[name] = path
        load(**paths)


SNIPPETS = st.sampled_from(
    [
        "a",
        ":",
        ": ",
        "\n",
        "  ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        '"',
        "'",
        "&a ",
        "*a",
        "<<: *a",
        "!!str ",
        "!!python/name:os.system ",
        "!x ",
        "|",
        ">",
        "#",
        "---",
        "...",
        "%",
        "@",
        "`",
        "\t",
        "\\",
        "\x00",
        "\x07",
        "\ufeff",
        "\u2028",
        "null",
        "~",
        "1",
        "0x1F",
        "${a}",
        "nodes",
        "? ",
        "\r",
        "é",
        "\U0001f600",
    ]
)


@quick
@example(text="a: &a [*a]")
@example(text="? [a]\n: b")
@example(text="&a : *a")
@example(text="<<: 1")
@example(text="a: !!int x")
@example(text="!!set {a, b}")
@example(text="- " * 5000)
@example(text="[" * 5000)
@example(text='{"a":' * 5000)
@example(text='{"a": {"timeout": 1\u0662}}')
@example(text="a: {module: m, function: f, timeout: 0x" + "f" * 3999 + "}")
@example(text="a: {module: m, function: f, timeout: " + "9" * 3999 + "}")
@given(text=st.lists(SNIPPETS, max_size=25).map("".join) | st.text(max_size=30))
def test_text_of_any_kind(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("yaml", "json"):
            path = Path(folder, f"nodes.{suffix}")
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            load(nodes_config=path)


@quick
@given(data=st.binary(max_size=60))
def test_bytes_of_any_kind(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nodes.yaml")
        path.write_bytes(data)
        load(nodes_config=path, global_settings=path)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@quick
@given(
    value=st.dictionaries(st.text(), JSON),
    indent=st.sampled_from([None, 0, 2, "\t"]),
    ascii_=st.booleans(),
)
def test_json_reads_as_the_standard_library_reads_it(value: Any, indent: Any, ascii_: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    problems = Problems()
    tree = parse_json(text, SourceFile("x", text), problems)
    assert not problems.found
    assert tree is not None
    assert to_plain(tree) == json.loads(text)


@quick
@given(text=st.text(alphabet='{}[]",:truefalsn0123.-eE+ \n\\u', max_size=20))
def test_json_refuses_what_the_standard_library_refuses(text: str) -> None:
    problems = Problems()
    tree = parse_json(text, SourceFile("x", text), problems)
    try:
        expected = json.loads(text)
    except ValueError:
        assert problems.found or tree is None
    else:
        doubled = any("here twice" in problem.message for problem in problems.found)
        if not doubled:
            assert not problems.found
            assert tree is not None
            assert to_plain(tree) == expected


@quick
@given(value=st.dictionaries(st.text(), JSON))
def test_yaml_reads_what_is_dumped(value: Any) -> None:
    """The two schemas agree on what a careful writer quotes."""
    text = yaml.safe_dump(value, allow_unicode=True, default_style='"')
    problems = Problems()
    tree = parse_yaml(text, SourceFile("x", text), problems)
    plain = yaml.safe_load(text)
    if not any("tag" in problem.message for problem in problems.found):
        assert not problems.found
        assert (to_plain(tree) if tree is not None else None) == plain


@quick
@given(value=st.dictionaries(st.text(alphabet="abc", min_size=1), JSON, min_size=1))
def test_every_value_is_found_where_it_is_written(value: Any) -> None:
    """The place of a top-level key points at the key in the text."""
    text = json.dumps(value, indent=1)
    source = SourceFile("x", text)
    tree = parse_json(text, source, Problems())
    assert isinstance(tree, Map)
    for key, entry in tree.entries.items():
        line = source.line(entry.mark.line)
        assert line[entry.mark.column :].startswith(json.dumps(key))


TREE = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.integers() | st.lists(st.integers(), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


def merged(*values: Any) -> Any:
    problems = Problems()
    trees = [from_plain(value, "x", problems) for value in values]
    result = trees[0]
    for tree in trees[1:]:
        assert isinstance(result, Map)
        assert isinstance(tree, Map)
        result = merge(result, tree)
    return to_plain(result)


def by_hand(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, dict):
        return {
            k: by_hand(base[k], over[k]) if k in base and k in over else over.get(k, base.get(k))
            for k in [*base, *(k for k in over if k not in base)]
        }
    return over


@quick
@given(base=TREE, middle=TREE, over=TREE)
def test_layers_merge_deeply_and_in_any_grouping(base: Any, middle: Any, over: Any) -> None:
    assert merged(base, over) == by_hand(base, over)
    assert merged(base, {}) == base
    assert merged(base, base) == base
    assert merged(merged(base, middle), over) == by_hand(by_hand(base, middle), over)


@pytest.mark.torture
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.fixed_dictionaries(dict.fromkeys(PARTS, FILES)))
def test_mappings_of_any_shape_for_long(parts: dict[str, Any]) -> None:
    load(**parts)
