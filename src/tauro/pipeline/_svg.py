"""A pipeline's graph as one self-contained SVG, without a layout program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

from tauro.pipeline._draw import Drawing

_HEIGHT: Final = 34
_ROW: Final = 58
_GAP: Final = 64
_MARGIN: Final = 20
_CHARACTER: Final = 7.4
"""Width of a character of the 13 px monospaced font; a guess that leaves room."""
_SWEEPS: Final = 4
_STYLE: Final = (
    "text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#1f2933;text-anchor:middle;"
    "dominant-baseline:central}"
    ".node rect{fill:#e8f1fd;stroke:#3b82c4}.ml rect{fill:#fdf0dc;stroke:#c98a1b}"
    ".dataset rect{fill:#f3f4f6;stroke:#9aa5b1}path{fill:none;stroke:#7b8794;stroke-width:1.3}"
)
_HEAD: Final = (
    f"<style>{_STYLE}</style>"
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#7b8794"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class _Box:
    x: float
    y: float
    width: float


def draw_svg(drawing: Drawing) -> str:
    """Return a drawing as SVG: one column for each step, edges from left to right."""
    layers = _layers(drawing)
    boxes = _boxes(drawing, layers)
    width = max((box.x + box.width for box in boxes.values()), default=0) + _MARGIN
    height = max((box.y + _HEIGHT for box in boxes.values()), default=0) + _MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">', _HEAD]
    parts.extend(_edge(boxes[source], boxes[target]) for source, target in drawing.edges)
    for key, box in boxes.items():
        vertex = drawing.vertices[key]
        radius = _HEIGHT / 2 if vertex.kind == "dataset" else 5
        parts.append(
            f'<g class="{vertex.kind}"><title>{escape(vertex.label)}</title>'
            f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{_HEIGHT}" '
            f'rx="{radius:g}"/><text x="{box.x + box.width / 2:.1f}" '
            f'y="{box.y + _HEIGHT / 2:.1f}">{escape(vertex.label)}</text></g>'
        )
    return "\n".join([*parts, "</svg>"])


def _layers(drawing: Drawing) -> list[list[str]]:
    """Return the vertices in columns: each one after all that it comes from."""
    before: dict[str, list[str]] = {key: [] for key in drawing.vertices}
    after: dict[str, list[str]] = {key: [] for key in drawing.vertices}
    for source, target in drawing.edges:
        before[target].append(source)
        after[source].append(target)
    column: dict[str, int] = {}
    for key in drawing.vertices:  # edges go forward in this order
        column[key] = max((column[source] + 1 for source in before[key]), default=0)
    for key in drawing.vertices:  # a source stands beside its first reader
        if not before[key] and after[key]:
            column[key] = min(column[target] for target in after[key]) - 1
    layers: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for key, number in column.items():
        layers[number].append(key)
    for _ in range(_SWEEPS):
        _untangle(layers, before)
        _untangle(layers[::-1], after)
    return layers


def _untangle(layers: list[list[str]], neighbours: dict[str, list[str]]) -> None:
    """Order each column by the mean place of its neighbours, so that fewer edges cross."""
    place = {key: number for layer in layers for number, key in enumerate(layer)}
    for layer in layers:
        means = {
            key: sum(place[other] for other in neighbours[key]) / len(neighbours[key])
            if neighbours[key]
            else place[key]
            for key in layer
        }
        layer.sort(key=means.__getitem__)
        place.update({key: number for number, key in enumerate(layer)})


def _boxes(drawing: Drawing, layers: list[list[str]]) -> dict[str, _Box]:
    tallest = max(map(len, layers), default=0)
    boxes: dict[str, _Box] = {}
    x = float(_MARGIN)
    for layer in layers:
        widths = {key: 28 + _CHARACTER * len(drawing.vertices[key].label) for key in layer}
        widest = max(widths.values())
        top = _MARGIN + (tallest - len(layer)) * _ROW / 2
        for number, key in enumerate(layer):
            left = x + (widest - widths[key]) / 2
            boxes[key] = _Box(left, top + number * _ROW, widths[key])
        x += widest + _GAP
    return boxes


def _edge(source: _Box, target: _Box) -> str:
    x1, y1 = source.x + source.width, source.y + _HEIGHT / 2
    x2, y2 = target.x, target.y + _HEIGHT / 2
    bend = max(24.0, (x2 - x1) / 2)
    return (
        f'<path d="M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} '
        f'{x2:.1f} {y2:.1f}" marker-end="url(#arrow)"/>'
    )
