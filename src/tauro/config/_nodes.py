"""``nodes`` and ``pipelines``: trees to records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tauro.config._mlops import Level, read_nested
from tauro.config._records import NodeConfig, PipelineConfig
from tauro.config._section import Section, text_of
from tauro.config._source import Entry, Map, Node, Problems, Scalar, kind_of, to_plain
from tauro.errors import SourceLocation

_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
_ML_KEYS = ("ml", "mlops", "hyperparams", "metrics")


def canonical_function(node: Map) -> Map:
    """Return a node whose ``module`` and ``function`` are one dotted ``function``.

    This is done in each file, so that a layer's ``function: a.b.c`` replaces both keys of the
    one below.
    """
    module, function = node.entries.get("module"), node.entries.get("function")
    if module is None or function is None:
        return node
    head, tail = text_of(module.node), text_of(function.node)
    if head is None or tail is None:
        return node
    dotted = f"{head}.{tail}"
    entries = {key: entry for key, entry in node.entries.items() if key != "module"}
    mark = function.node.mark
    entries["function"] = Entry("function", function.mark, Scalar(mark, dotted, dotted))
    return Map(node.mark, entries)


def read_node(name: str, node: Map, entry: Entry, problems: Problems) -> NodeConfig:
    """Return one node; what is wrong with it goes to ``problems``."""
    what = f"node {name!r}"
    section = Section(node, what, problems, entry.mark)
    function = _function(section, problems)
    inputs = _inputs(section, problems)
    outputs, keys = _outputs(section, problems)
    hyperparams = section.free("hyperparams")
    metrics = section.texts("metrics")
    config, settings = _ml_parts(section, "node", what, problems)
    retries, delay, backoff = _retries(section, problems)
    record = NodeConfig(
        name=name,
        function=function,
        inputs=inputs,
        outputs=outputs,
        output_keys=keys,
        dependencies=_names(section, "dependencies"),
        params=section.free("params"),
        retries=retries,
        retry_delay=delay,
        retry_backoff=backoff,
        timeout=section.seconds("timeout"),
        tags=_names(section, "tags"),
        type=section.text("type") or "",
        description=section.text("description") or "",
        requires_dates=bool(section.flag("requires_dates")),
        hyperparams=hyperparams,
        metrics=tuple(name for name, _ in metrics),
        config=config,
        ml_keys=_ml_keys(node),
        ml_settings=settings,
        location=entry.mark.location,
        function_location=_location(node, "function", entry),
    )
    section.close(("input", "output", "depends_on", "parameters", "module"))
    return record


def read_pipeline(name: str, node: Map, entry: Entry, problems: Problems) -> PipelineConfig:
    """Return one pipeline; what is wrong with it goes to ``problems``."""
    what = f"pipeline {name!r}"
    section = Section(node, what, problems, entry.mark)
    if section.node_of("nodes") is None:
        section.missing("nodes")
    nodes = section.texts("nodes")
    seen: set[str] = set()
    for item, scalar in nodes:
        if item in seen:
            problems.add(f"{what} names the node {item!r} twice", scalar.mark, ["Remove one."])
        seen.add(item)
    _, settings = _ml_parts(section, "pipeline", what, problems)
    record = PipelineConfig(
        name=name,
        nodes=tuple(dict.fromkeys(item for item, _ in nodes)),
        description=section.text("description") or "",
        type=section.text("type") or "",
        tags=_names(section, "tags"),
        params=section.free("params"),
        requires_dates=bool(section.flag("requires_dates")),
        ml_settings=settings,
        location=entry.mark.location,
    )
    section.close(("parameters",))
    return record


def _ml_keys(node: Map) -> tuple[str, ...]:
    config = node.entries.get("config")
    found = [key for key in _ML_KEYS if key in node.entries]
    if config is not None and isinstance(config.node, Map) and "mlops" in config.node.entries:
        found.append("config.mlops")
    return tuple(found)


def _ml_parts(
    section: Section, level: str, what: str, problems: Problems
) -> tuple[dict[str, Any], Level]:
    """Return the free part of ``config``, and ``ml`` < ``config.mlops`` < ``mlops``."""
    config = section.mapping("config")
    nested = config.entries.get("mlops") if config is not None else None
    parts = [section.node_of("ml"), nested.node if nested is not None else None]
    parts.append(section.node_of("mlops"))
    settings = read_nested(parts, level, what, problems)
    free = to_plain(config) if config is not None else {}
    return {key: value for key, value in free.items() if key != "mlops"}, settings


def _names(section: Section, key: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name, _ in section.texts(key)))


def _location(node: Map, key: str, entry: Entry) -> SourceLocation:
    found = node.entries.get(key)
    return (found.node.mark if found is not None else entry.mark).location


def _function(section: Section, problems: Problems) -> str:
    module = section.text("module")
    text = section.text("function", required=True)
    if text is None:
        return ""
    function = text.replace(":", ".", 1)
    if module is not None:
        function = f"{module}.{function}"
    if _DOTTED.fullmatch(function):
        return function
    node = section.node_of("function")
    problems.add(
        f"the function {text!r} of {section.what} is not a dotted path",
        node.mark if node is not None else section.node.mark,
        ["Write 'package.module.function', or give 'module:' beside it."],
    )
    return ""


def _inputs(section: Section, problems: Problems) -> Mapping[str, str]:
    node = section.node_of("inputs")
    if not isinstance(node, Map):
        return {name: name for name in _names(section, "inputs")}
    inputs: dict[str, str] = {}
    for parameter, entry in node.entries.items():
        dataset = _dataset_name(entry.node, f"input {parameter!r} of {section.what}", problems)
        if dataset is not None:
            inputs[parameter] = dataset
    return inputs


def _outputs(section: Section, problems: Problems) -> tuple[tuple[str, ...], Mapping[str, str]]:
    node = section.node_of("outputs")
    if not isinstance(node, Map):
        return _names(section, "outputs"), {}
    keys: dict[str, str] = {}
    for key, entry in node.entries.items():
        dataset = _dataset_name(entry.node, f"output {key!r} of {section.what}", problems)
        if dataset is not None:
            keys[key] = dataset
    return tuple(keys.values()), keys


def _dataset_name(node: Node, what: str, problems: Problems) -> str | None:
    text = text_of(node)
    if text:
        return text
    hints = ["A dataset is described in the input or output file and named here."]
    problems.add(f"{what} must be the name of a dataset, got {kind_of(node)}", node.mark, hints)
    return None


def _retries(section: Section, problems: Problems) -> tuple[int, float, float]:
    """Return attempts after the first, delay and factor; ``retries`` may hold all three."""
    node = section.node_of("retries")
    delay, backoff = section.seconds("retry_delay"), section.number("retry_backoff", minimum=1)
    if not isinstance(node, Map):
        count = section.integer("retries", minimum=0)
    else:
        inner = Section(node, f"retries of {section.what}", problems)
        count = inner.integer("count", minimum=0)
        delay = inner.seconds("delay") or delay
        backoff = inner.number("backoff", minimum=1) or backoff
        inner.close()
    return count or 0, delay or 0.0, backoff or 2.0
