"""How runs and experiments show themselves in a notebook: a small table and folding sections."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = 20
_STYLE = "border-collapse:collapse;font-size:0.9em;margin:0.3em 0"
_CELL = "padding:0.15em 0.8em 0.15em 0;text-align:left;vertical-align:top"


def short(value: Any) -> str:
    """Return a value as a person reads it: numbers with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _rows(pairs: Iterable[tuple[str, Any]]) -> str:
    return "".join(
        f'<tr><th style="{_CELL}">{html.escape(str(key))}</th>'
        f'<td style="{_CELL}">{html.escape(short(value))}</td></tr>'
        for key, value in pairs
    )


def _section(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    pairs = list(values.items())
    more = f"<div>… and {len(pairs) - _SHOWN} more</div>" if len(pairs) > _SHOWN else ""
    table = f'<table style="{_STYLE}">{_rows(pairs[:_SHOWN])}</table>'
    return f"<details open><summary>{title} ({len(pairs)})</summary>{table}{more}</details>"


def card(title: str, head: Mapping[str, Any], sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a title, a table, and a folding table for each section that holds anything."""
    parts = [
        f"<div><b>{html.escape(title)}</b></div>",
        f'<table style="{_STYLE}">{_rows(head.items())}</table>',
        *(_section(name, values) for name, values in sections.items()),
    ]
    return "".join(parts)
