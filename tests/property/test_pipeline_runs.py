"""Random graphs, random failures: order, exactly-once, skipping, resuming, cut-off records."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tauro.errors import PlanningError
from tauro.pipeline import (
    InlineExecutor,
    Node,
    NodeResult,
    NodeReturn,
    NodeStatus,
    Pipeline,
    Plan,
    Scheduler,
    build_graph,
    continue_plan,
    lost_values,
    make_plan,
    missing_nodes,
)
from tauro.pipeline._draw import draw_mermaid, draw_text, drawing_of
from tauro.pipeline._svg import draw_svg
from tauro.project._records import RecordWriter, RunEnd, RunHistory, new_start, node_line

Edges = dict[str, set[str]]


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> Edges:
    """Node to the nodes it waits for, declared in any order."""
    count = draw(st.integers(1, most))
    names = [f"n{i}" for i in range(count)]
    waits = {
        name: set(draw(st.lists(st.sampled_from(names[:i]), max_size=3))) if i else set()
        for i, name in enumerate(names)
    }
    return {name: waits[name] for name in draw(st.permutations(names))}


def pipeline_of(edges: Edges, function: Callable[[str], Any] = lambda name: name) -> Pipeline:
    def bound(name: str) -> Callable[[], Any]:
        return lambda: function(name)

    return Pipeline(
        "p",
        tuple(
            Node(name=name, function=bound(name), dependencies=tuple(sorted(waits)))
            for name, waits in edges.items()
        ),
    )


class Silent:
    """Hears nothing."""

    def node_started(self, node: Node, position: int, total: int, attempt: int) -> None: ...
    def node_retried(
        self, node: Node, attempt: int, error: BaseException, pause: float
    ) -> None: ...
    def node_finished(self, result: NodeResult) -> None: ...
    def run_waits(self, nodes: Sequence[str]) -> None: ...


def run(plan: Plan, workers: int, *, keep_going: bool = False) -> dict[str, NodeResult]:
    def call(node: Node) -> NodeReturn:
        assert callable(node.function)
        return NodeReturn(node.function())

    with InlineExecutor() if workers == 1 else ThreadPoolExecutor(workers) as executor:
        scheduler = Scheduler(
            plan=plan,
            submit=lambda node: executor.submit(call, node),
            listener=Silent(),
            workers=workers,
            keep_going=keep_going,
        )
        return dict(scheduler.run())


@settings(deadline=None)
@given(graphs())
def test_the_order_respects_every_edge(edges: Edges) -> None:
    order = list(build_graph(pipeline_of(edges)).nodes)
    assert sorted(order) == sorted(edges)
    place = {name: number for number, name in enumerate(order)}
    assert all(place[other] < place[name] for name, waits in edges.items() for other in waits)


@settings(deadline=None)
@given(graphs(), st.data())
def test_a_back_edge_is_a_cycle_that_names_only_its_members(
    edges: Edges, data: st.DataObject
) -> None:
    graph = build_graph(pipeline_of(edges))
    late = data.draw(st.sampled_from(sorted(edges)))
    early = data.draw(st.sampled_from(sorted(graph.ancestors([late]))))
    looped = {**edges, early: edges[early] | {late}}
    with pytest.raises(PlanningError, match="has a cycle") as raised:
        build_graph(pipeline_of(looped))
    named = raised.value.message.split(": ")[1].rstrip(".").split(" -> ")
    assert named[0] == named[-1]
    assert all(first in looped[second] for first, second in itertools.pairwise(named))


@settings(max_examples=40, deadline=None)
@given(graphs(), st.sampled_from([1, 3]))
def test_every_node_runs_once_and_after_those_it_waits_for(edges: Edges, workers: int) -> None:
    lock, done = threading.Lock(), list[str]()

    def work(name: str) -> None:
        with lock:
            assert edges[name] <= set(done)
        with lock:
            done.append(name)

    results = run(make_plan(pipeline_of(edges, work)), workers)
    assert sorted(done) == sorted(edges)
    assert {result.status for result in results.values()} == {NodeStatus.SUCCEEDED}


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data(), st.sampled_from([1, 3]), st.booleans())
def test_failures_skip_what_depends_on_them_and_resuming_repeats_nothing(
    edges: Edges, data: st.DataObject, workers: int, keep_going: bool
) -> None:
    broken = set(data.draw(st.lists(st.sampled_from(sorted(edges)), max_size=3)))
    lock, succeeded = threading.Lock(), list[str]()

    def work(name: str) -> None:
        if name in broken:
            raise ValueError(name)
        with lock:
            succeeded.append(name)

    pipeline = pipeline_of(edges, work)
    plan = make_plan(pipeline)
    results = run(plan, workers, keep_going=keep_going)
    by_status = {
        status: {n for n, r in results.items() if r.status is status} for status in NodeStatus
    }
    failed, skipped = by_status[NodeStatus.FAILED], by_status[NodeStatus.SKIPPED]
    assert set(succeeded) == by_status[NodeStatus.SUCCEEDED]
    assert failed <= broken
    assert bool(failed) == bool(broken)
    after = plan.graph.descendants(failed) - failed
    assert after <= skipped
    if keep_going:
        assert skipped == after
    assert all(waits <= set(succeeded) for name, waits in edges.items() if name in succeeded)

    broken.clear()
    rest = continue_plan(make_plan(pipeline), succeeded)
    again = run(rest, workers)
    assert {result.status for result in again.values()} <= {NodeStatus.SUCCEEDED}
    assert sorted(succeeded) == sorted(edges), "each node succeeded exactly once"


@st.composite
def data_plans(draw: st.DrawFn) -> tuple[Plan, set[str]]:
    """A plan whose nodes hand on values by datasets on disk or in memory; and what exists."""
    edges = draw(graphs(8))
    kept = {name for name in edges if draw(st.booleans())}

    def take(**values: Any) -> None: ...

    nodes = tuple(
        Node(
            name=name,
            function=take,
            inputs={f"i_{other}": f"d_{other}" if other in kept else other for other in waits},
            outputs=(f"d_{name}",) if name in kept else (),
        )
        for name, waits in edges.items()
    )
    datasets = {f"d_{name}" for name in kept}
    there = {dataset for dataset in datasets if draw(st.booleans())}
    return make_plan(Pipeline("p", nodes), datasets=datasets), there


@settings(deadline=None)
@given(data_plans())
def test_only_missing_leaves_every_dataset_there_and_no_value_lost(
    case: tuple[Plan, set[str]],
) -> None:
    plan, there = case
    chosen = missing_nodes(plan, there.__contains__)
    made = {output for name in chosen for output in plan.graph.nodes[name].outputs}
    assert {output for node in plan.nodes for output in node.outputs} <= there | made
    assert lost_values(plan, set(plan.order) - chosen) == set()
    if all(node.outputs for node in plan.nodes) and len(there) == len(plan.order):
        assert chosen == set()


@settings(max_examples=30, deadline=None)
@given(graphs(15))
def test_every_graph_can_be_drawn(edges: Edges) -> None:
    drawing = drawing_of(build_graph(pipeline_of(edges)))
    count = sum(len(waits) for waits in edges.values())
    assert len(drawing.edges) == count
    assert draw_mermaid(drawing).count("-->") == count
    assert draw_svg(drawing).count("marker-end") == count
    text = draw_text(drawing)
    assert all(name in text for name in edges)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.sampled_from(list(NodeStatus)), max_size=6), st.data())
def test_a_record_cut_off_anywhere_tells_what_was_finished_before(
    tmp_path: Path, statuses: list[NodeStatus], data: st.DataObject
) -> None:
    start = new_start(run_id="r", pipeline="p", env="dev", nodes=[], params={"a": [1, None]})
    (tmp_path / ".tauro" / "runs" / "r.jsonl").unlink(missing_ok=True)
    writer = RecordWriter.create(tmp_path, start)
    for number, status in enumerate(statuses):
        writer.append(node_line(NodeResult(name=f"n{number}", status=status)))
    writer.append(RunEnd(status="succeeded", duration=1.0))
    writer.close()
    path = Path(writer.path)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    cut = data.draw(st.integers(first, len(whole)))
    path.write_bytes(whole[:cut])
    record = RunHistory(tmp_path).get_run("r")
    lines = whole[:cut].count(b"\n")
    assert list(record.nodes) == [f"n{number}" for number in range(min(lines - 1, len(statuses)))]
    assert record.status == ("succeeded" if cut == len(whole) else "running")
    assert record.start.params == {"a": [1, None]}
