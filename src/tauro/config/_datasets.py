"""``inputs`` and ``outputs``: trees to records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tauro._internal._close import did_you_mean
from tauro._internal._dataset import (
    COLUMN_TYPE_ALIASES,
    COLUMN_TYPES,
    ENGINES,
    SUFFIXES,
    WRITE_MODES,
    ColumnSpec,
    format_of_path,
)
from tauro.config._records import DatasetConfig
from tauro.config._section import Section
from tauro.config._source import Entry, Map, Node, Problems, Seq, kind_of, to_plain

_GROUP = "tauro.datasets"
_SPELLINGS = ("filepath", "url", "mode", "load_args", "save_args", "partitions", "type")


def read_dataset(name: str, node: Map, entry: Entry, problems: Problems) -> DatasetConfig:
    """Return one dataset; what is wrong with it goes to ``problems``."""
    section = Section(node, f"dataset {name!r}", problems, entry.mark)
    path = section.text("path")
    data_format, foreign = _format(section, path, problems)
    both = section.free("options")
    record = DatasetConfig(
        name=name,
        path=path,
        format=data_format,
        engine=section.choice("engine", ENGINES) or "pandas",
        schema=_schema(section, problems),
        load_options={**both, **section.free("load_options")},
        save_options={**both, **section.free("save_options")},
        storage_options=section.free("storage_options"),
        write_mode=section.choice("write_mode", WRITE_MODES) or "overwrite",
        partition_by=tuple(column for column, _ in section.texts("partition_by")),
        versioned=bool(section.flag("versioned")),
        version=section.text("version"),
        allow_pickle=bool(section.flag("allow_pickle")),
        table=section.text("table"),
        query=section.text("query"),
        connection=section.text("connection"),
        model=section.text("model"),
        stage=section.text("stage"),
        alias=section.text("alias"),
        description=section.text("description") or "",
        extra=_extra(section) if foreign else {},
        location=entry.mark.location,
    )
    _check(section, record, problems)
    if foreign:
        section.close_open()
    else:
        section.close(_SPELLINGS)
    return record


def _extra(section: Section) -> Mapping[str, Any]:
    return {key: to_plain(entry.node) for key, entry in section.rest().items()}


def _format(section: Section, path: str | None, problems: Problems) -> tuple[str, bool]:
    """Return the format and whether it is a third party's."""
    text = section.text("format")
    if text is None:
        found = format_of_path(path) if path else None
        if found is None and path is not None:
            node = section.node_of("path")
            hints = [f"Add 'format:', one of {', '.join(SUFFIXES)}."]
            mark = node.mark if node is not None else section.mark
            problems.add(f"{section.what} has no 'format' and its path names none", mark, hints)
        return found or "memory", False
    lowered = text.lower()
    if lowered in SUFFIXES:
        return lowered, False
    foreign = _entry_points()
    if text in foreign:
        return text, True
    node = section.node_of("format")
    hints = did_you_mean(text, [*SUFFIXES, *foreign]) or [f"Formats: {', '.join(SUFFIXES)}."]
    mark = node.mark if node is not None else section.mark
    problems.add(f"unknown format {text!r} of {section.what}", mark, hints)
    return "memory", False


def _entry_points() -> list[str]:
    from importlib.metadata import entry_points

    return [point.name for point in entry_points(group=_GROUP)]


_NEED_PATH: Final = ("parquet", "csv", "json", "excel", "delta", "http", "text", "pickle")


def _check(section: Section, record: DatasetConfig, problems: Problems) -> None:
    """Report what a format needs and was not given."""
    in_catalogue = record.engine == "spark" and record.table is not None
    if record.format in _NEED_PATH and record.path is None and not in_catalogue:
        section.missing("path")
    if record.versioned and record.partition_by:
        hints = ["Remove 'versioned' or 'partition_by'."]
        message = f"{section.what} is versioned and partitioned; it can be one of the two"
        problems.add(message, section.mark, hints)
    if record.format == "model" and record.model is None:
        section.missing("model")
    if record.format == "sql":
        if record.connection is None:
            section.missing("connection")
        if (record.table is None) == (record.query is None):
            hints = ["'table' reads or writes a table, 'query' reads what a statement returns."]
            message = f"{section.what} needs either 'table' or 'query'"
            problems.add(message, section.mark, hints)


def _schema(section: Section, problems: Problems) -> tuple[ColumnSpec, ...]:
    """Read a list of columns, a mapping of names to types, or a JSON Schema."""
    node = section.node_of("schema")
    if node is None:
        return ()
    if isinstance(node, Seq):
        columns = [_column(item, section, problems) for item in node.items]
        return _unique([column for column in columns if column], node, section, problems)
    if isinstance(node, Map):
        properties = node.entries.get("properties")
        if properties is not None and isinstance(properties.node, Map):
            return _json_schema(node, properties.node, section, problems)
        types = Section(node, f"schema of {section.what}", problems)
        return tuple(ColumnSpec(name, _type(types, name)) for name in node.entries)
    problems.add(
        f"'schema' of {section.what} must be a list of columns, got {kind_of(node)}",
        node.mark,
        ["Write '- name: age' and 'type: integer' for each column."],
    )
    return ()


def _column(node: Node, section: Section, problems: Problems) -> ColumnSpec | None:
    if not isinstance(node, Map):
        hints = ["Write '- name: age' and 'type: integer' for each column."]
        message = f"a column in the schema of {section.what} must be a mapping, got {kind_of(node)}"
        problems.add(message, node.mark, hints)
        return None
    column = Section(node, f"a column in the schema of {section.what}", problems)
    name = column.text("name", required=True)
    kind = _type(column, "type")
    nullable = column.flag("nullable")
    column.text("description")
    column.close()
    return ColumnSpec(name, kind, True if nullable is None else nullable) if name else None


def _type(section: Section, key: str) -> str:
    return section.choice(key, COLUMN_TYPES, COLUMN_TYPE_ALIASES) or "any"


def _unique(
    columns: list[ColumnSpec], node: Seq, section: Section, problems: Problems
) -> tuple[ColumnSpec, ...]:
    names = [column.name for column in columns]
    for name in dict.fromkeys(n for n in names if names.count(n) > 1):
        problems.add(
            f"the schema of {section.what} has the column {name!r} twice",
            node.mark,
            ["Remove one."],
        )
    return tuple(columns)


def _json_schema(
    node: Map, properties: Map, section: Section, problems: Problems
) -> tuple[ColumnSpec, ...]:
    needed = [name for name, _ in Section(node, "schema", problems).texts("required")]
    columns = []
    for name, entry in properties.entries.items():
        kind = "any"
        if isinstance(entry.node, Map):
            kind = _type(
                Section(entry.node, f"column {name!r} of {section.what}", problems), "type"
            )
        columns.append(ColumnSpec(name, kind, name not in needed))
    return tuple(columns)
