"""Drawings: text, Mermaid and SVG show every node and edge, whatever the names are."""

from __future__ import annotations

import itertools
import re
from typing import Any
from xml.etree import ElementTree as ET

from tauro.pipeline import Node, Pipeline, build_graph
from tauro.pipeline._draw import Drawing, draw_mermaid, draw_text, drawing_of
from tauro.pipeline._svg import draw_svg


def node(name: str, **fields: Any) -> Node:
    return Node(name=name, function=lambda: None, **fields)


GRAPH = build_graph(
    Pipeline(
        "p",
        (
            node("load", inputs={"x": "raw"}, outputs=("clean",)),
            node("features", inputs={"x": "clean"}),
            node("train", inputs={"x": "clean", "y": "features"}, outputs=("model",)),
            node("report", dependencies=("train", "features")),
        ),
    )
)
DRAWING = drawing_of(GRAPH, ml_nodes=["train"])


def edges(drawing: Drawing) -> set[tuple[str, str]]:
    labels = {key: vertex.label for key, vertex in drawing.vertices.items()}
    return {(labels[source], labels[target]) for source, target in drawing.edges}


def test_a_drawing_holds_data_and_order() -> None:
    assert edges(DRAWING) == {
        ("raw", "load"),
        ("load", "clean"),
        ("clean", "features"),
        ("clean", "train"),
        ("features", "train"),
        ("train", "model"),
        ("train", "report"),
        ("features", "report"),
    }
    kinds = {vertex.label: vertex.kind for vertex in DRAWING.vertices.values()}
    assert kinds["train"] == "ml"
    assert kinds["load"] == "node"
    assert kinds["model"] == "dataset"


def test_edges_go_forward_in_the_order_of_the_vertices() -> None:
    place = {key: number for number, key in enumerate(DRAWING.vertices)}
    assert all(place[source] < place[target] for source, target in DRAWING.edges)


def test_the_text_is_a_tree_in_which_nothing_is_drawn_twice() -> None:
    assert draw_text(DRAWING).splitlines() == [
        "[raw]",
        "└─ load",
        "   └─ [clean]",
        "      ├─ features",
        "      │  ├─ train (ML)",
        "      │  │  ├─ [model]",
        "      │  │  └─ report",
        "      │  └─ report",
        "      └─ train (ML) (above)",
    ]


def test_a_dataset_and_a_node_of_one_name_stay_apart() -> None:
    graph = build_graph(
        Pipeline("p", (node("customers", inputs={"x": "customers"}),)), ["customers"]
    )
    assert len(drawing_of(graph).vertices) == 2


def test_mermaid_has_one_line_for_each_vertex_and_edge() -> None:
    lines = draw_mermaid(DRAWING).splitlines()
    assert lines[0] == "flowchart LR"
    assert len(lines) == 1 + len(DRAWING.vertices) + len(DRAWING.edges)
    assert '{{"train"}}' in "".join(lines)
    assert '[("model")]' in "".join(lines)


def test_mermaid_labels_cannot_end_their_quotes() -> None:
    graph = build_graph(Pipeline("p", (node('a"] --> b["<x>&'),)))
    (line,) = draw_mermaid(drawing_of(graph)).splitlines()[1:]
    assert re.fullmatch(r'v0\["[^"<]*"\]', line.strip())


def boxes(svg: str) -> list[tuple[float, float, float, float]]:
    root = ET.fromstring(svg)
    return [
        tuple(float(rect.get(key, "")) for key in ("x", "y", "width", "height"))  # type: ignore[misc]
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
    ]


def assert_apart(svg: str) -> None:
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in itertools.combinations(boxes(svg), 2):
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_the_svg_is_well_formed_and_its_boxes_lie_apart_and_inside() -> None:
    svg = draw_svg(DRAWING)
    root = ET.fromstring(svg)
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert len(boxes(svg)) == len(DRAWING.vertices)
    assert_apart(svg)
    for x, y, box_width, box_height in boxes(svg):
        assert x >= 0
        assert x + box_width <= width
        assert y >= 0
        assert y + box_height <= height
    assert svg.count("marker-end") == len(DRAWING.edges)


def test_the_svg_escapes_names() -> None:
    graph = build_graph(Pipeline("p", (node("<b>&\"'"),)))
    root = ET.fromstring(draw_svg(drawing_of(graph)))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["<b>&\"'"]


def test_an_empty_pipeline_can_be_drawn() -> None:
    empty = drawing_of(build_graph(Pipeline("p", ())))
    assert draw_text(empty) == ""
    assert draw_mermaid(empty) == "flowchart LR"
    ET.fromstring(draw_svg(empty))


def test_a_long_chain_and_a_wide_layer_can_be_drawn() -> None:
    chain = [node("n0"), *(node(f"n{i}", dependencies=(f"n{i - 1}",)) for i in range(1, 1200))]
    wide = [node(f"w{i}", dependencies=("n0",)) for i in range(30)]
    drawing = drawing_of(build_graph(Pipeline("p", (*chain, *wide))))
    assert draw_text(drawing).count("\n") == 1229
    assert_apart(draw_svg(drawing_of(build_graph(Pipeline("p", (chain[0], *wide))))))
