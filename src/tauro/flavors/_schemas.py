"""Schemas as users write them, to columns; and columns to a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tauro.errors import ValidationError
from tauro.flavors._columns import ColumnSpec
from tauro.flavors._types import ColumnType, to_column_type

_FORMS: Final = "{column: type}, [{'name', 'type', 'nullable'}] or a JSON Schema"
_COLUMN_KEYS: Final = frozenset({"name", "type", "nullable", "required", "shape", "categories"})
_JSON_TYPES: Final[dict[str, ColumnType]] = {
    "integer": "integer",
    "number": "float",
    "string": "string",
    "boolean": "boolean",
    "array": "any",
    "object": "any",
}
_TO_JSON: Final[dict[ColumnType, dict[str, Any]]] = {
    "integer": {"type": "integer"},
    "float": {"type": "number"},
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "contentEncoding": "base64"},
    "any": {},
}


def parse_schema(schema: Any, role: str) -> tuple[ColumnSpec, ...]:
    """Return the columns of a schema in any of the accepted forms; None has no columns.

    Args:
        schema: The schema.
        role: ``input`` or ``output``, for messages.

    Raises:
        ValidationError: The form or a type is not known.
    """
    if schema is None:
        return ()
    if isinstance(schema, Mapping):
        if _is_json_schema(schema):
            return _parse_json_schema(schema)
        return tuple(_column(str(name), value, role) for name, value in schema.items())
    if isinstance(schema, Sequence) and not isinstance(schema, str | bytes):
        columns = tuple(_listed_column(entry, index, role) for index, entry in enumerate(schema))
        names = [column.name for column in columns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValidationError(
                f"The {role} schema names the column {twice[0]!r} twice.",
                context={"columns": twice},
            )
        return columns
    raise ValidationError(
        f"The {role} schema is a {type(schema).__name__}; expected {_FORMS}.",
        context={"schema": repr(schema)[:200]},
    )


def to_json_schema(columns: Sequence[ColumnSpec]) -> dict[str, Any]:
    """Return the JSON Schema of one row."""
    properties: dict[str, Any] = {}
    for column in columns:
        one = dict(_TO_JSON[column.type])
        for _ in (column.shape or ())[1:]:
            one = {"type": "array", "items": one}
        if column.nullable and "type" in one:
            one["type"] = [one["type"], "null"]
        if column.categories is not None:
            one["examples"] = list(column.categories)  # not "enum": others are allowed
        properties[column.name] = one
    required = [column.name for column in columns if column.required]
    return {"type": "object", "properties": properties, "required": required}


def _column(name: str, value: Any, role: str) -> ColumnSpec:
    if isinstance(value, Mapping):
        return _listed_column({"name": name, **value}, name, role)
    return ColumnSpec(name, to_column_type(value, name))


def _listed_column(entry: Any, where: object, role: str) -> ColumnSpec:
    if isinstance(entry, ColumnSpec):
        return entry
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ValidationError(
            f"Entry {where!r} of the {role} schema is {entry!r}; expected a mapping with 'name' "
            "and 'type'.",
            suggestions=[f"A schema is {_FORMS}."],
        )
    unknown = sorted(set(entry) - _COLUMN_KEYS)
    if unknown:
        raise ValidationError(
            f"The column {entry['name']!r} of the {role} schema has the unknown key "
            f"{unknown[0]!r}; expected {', '.join(sorted(_COLUMN_KEYS))}.",
            context={"column": entry["name"], "keys": unknown},
        )
    name, shape, categories = str(entry["name"]), entry.get("shape"), entry.get("categories")
    return ColumnSpec(
        name,
        to_column_type(entry.get("type", "any"), name),
        nullable=bool(entry.get("nullable", False)),
        required=bool(entry.get("required", True)),
        shape=None if shape is None else tuple(int(length) for length in shape),
        categories=None if categories is None else tuple(categories),
    )


def _is_json_schema(schema: Mapping[Any, Any]) -> bool:
    properties = schema.get("properties")
    return "$schema" in schema or (
        isinstance(properties, Mapping) and all(isinstance(p, Mapping) for p in properties.values())
    )


def _parse_json_schema(schema: Mapping[str, Any]) -> tuple[ColumnSpec, ...]:
    required = set(schema.get("required", ()))
    return tuple(
        _json_column(str(name), one, required=name in required)
        for name, one in schema.get("properties", {}).items()
    )


def _json_column(name: str, one: Mapping[str, Any], *, required: bool) -> ColumnSpec:
    nullable = bool(one.get("nullable", False))
    variants = one.get("anyOf") or one.get("oneOf")
    if variants:
        # Pydantic writes Optional[int] as anyOf [integer, null].
        solid = [variant for variant in variants if variant.get("type") != "null"]
        nullable = nullable or len(solid) < len(variants)
        one = solid[0] if len(solid) == 1 else {}
    kind = one.get("type")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        nullable = nullable or "null" in kind
        solid_kinds = [part for part in kind if part != "null"]
        kind = solid_kinds[0] if len(solid_kinds) == 1 else None
    found: ColumnType = "any"
    if kind == "string" and one.get("format") in ("date-time", "date"):
        found = "datetime"
    elif kind == "string" and (one.get("format") == "binary" or "contentEncoding" in one):
        found = "binary"
    elif kind is not None:
        found = _JSON_TYPES.get(kind) or to_column_type(kind, name)
    return ColumnSpec(name, found, nullable=nullable, required=required)
