"""The filter language of searches: text to expression, and its meaning for one record."""

from tauro.tracking._query._ast import Expression, Field, Kind, OrderKey
from tauro.tracking._query._order import sort_records
from tauro.tracking._query._parser import listed, parse_field, parse_filter, parse_order
from tauro.tracking._query._rowwise import matches
from tauro.tracking._query._schema import EXPERIMENTS, RUNS, Attribute, Schema

__all__ = [
    "EXPERIMENTS",
    "RUNS",
    "Attribute",
    "Expression",
    "Field",
    "Kind",
    "OrderKey",
    "Schema",
    "listed",
    "matches",
    "parse_field",
    "parse_filter",
    "parse_order",
    "sort_records",
]
