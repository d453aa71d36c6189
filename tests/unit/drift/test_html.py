"""The page: self-contained, small, the summary first, nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tauro.drift import DataDriftReport, DriftDetector


def wide(columns: int, rows: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    old = pd.DataFrame({f"x{i}": rng.normal(size=rows) for i in range(columns)})
    new = pd.DataFrame({f"x{i}": rng.normal(i % 3, 1, size=rows) for i in range(columns)})
    return old, new


class Page(HTMLParser):
    """Collects what a test asks of a page; fails on tags left open or closed twice."""

    VOID = frozenset({"meta", "path", "rect", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.links += [str(found[key]) for key in ("href", "src") if key in found]
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def report() -> DataDriftReport:
    return DriftDetector("acme").detect_data_drift(*wide(6))


def test_the_page_needs_nothing_from_outside(report: DataDriftReport) -> None:
    text = report.to_html()
    page = Page(text)
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http" not in text
    assert "url(" not in text


def test_the_summary_comes_first_and_the_worst_features_next(report: DataDriftReport) -> None:
    words = [part for part in Page(report.to_html()).text if part.strip()]
    places = {name: words.index(name) for name in report.features if name in words}
    head, _, names = report.summary.partition(": ")
    assert words[2:4] == [head, names]
    assert places[report.ranked()[0].name] == min(places.values())
    assert "acme" in "".join(words)
    assert report.ranked()[0].verdict in words


def test_each_feature_has_a_chart_and_its_words(report: DataDriftReport) -> None:
    page = Page(report.to_html())
    assert page.tags.count("svg") == 6
    assert page.tags.count("article") == 6
    for feature in report.features.values():
        assert any(feature.verdict in text for text in page.text)


def test_words_stand_beside_the_numbers_in_the_table(report: DataDriftReport) -> None:
    words = Page(report.to_html()).text
    drifted = [feature for feature in report.features.values() if feature.drift_detected]
    assert drifted
    for feature in drifted:
        assert feature.change in words
        assert feature.change in feature.verdict
    assert all(f.change == "" for f in report.features.values() if f.status == "stable")


def test_the_effect_is_drawn_against_its_limit() -> None:
    rng = np.random.default_rng(0)
    shifts = {"none": 0.0, "far": 5.0}
    old = pd.DataFrame({name: rng.normal(size=900) for name in shifts})
    new = pd.DataFrame({name: rng.normal(shift, 1, 900) for name, shift in shifts.items()})
    report = DriftDetector(min_effect={"ks": 0.1}).detect_data_drift(old, new)
    widths = [
        int(width) for width in re.findall(r'meter"><i style="width:(\d+)%', report.to_html())
    ]
    assert widths == [100, round(25 * report.features["none"].effect / 0.1)]
    free = DriftDetector(min_effect={"ks": 0.0}).detect_data_drift(old, new)
    assert 'class="meter"' not in free.to_html()


def test_long_labels_keep_both_ends() -> None:
    """What tells the categories of one column apart is often their last letters."""
    words = [f"a category with a long name, number {i}" for i in (1, 2)]
    report = DriftDetector().detect_data_drift({"w": words * 50}, {"w": words * 50})
    labels = [text for text in Page(report.to_html()).text if "…" in text]
    assert len(set(labels)) == 2
    assert all(len(label) <= 17 for label in labels)


def test_columns_without_figures_or_gaps_have_no_empty_table() -> None:
    words = {"w": ["a", "b"] * 50}
    whole = DriftDetector().detect_data_drift(words, words).to_html()
    assert ">Missing<" not in whole
    gaps = DriftDetector().detect_data_drift(words, {"w": ["a", None] * 50}).to_html()
    assert ">Missing<" in gaps
    assert ">50.0 %<" in gaps


def test_a_phone_and_a_printer_are_thought_of(report: DataDriftReport) -> None:
    text = report.to_html()
    assert '<meta name="viewport" content="width=device-width,initial-scale=1">' in text
    assert "@media print" in text
    assert "@media(max-width" in text


def test_a_hundred_features_are_under_a_megabyte() -> None:
    report = DriftDetector().detect_data_drift(*wide(100))
    text = report.to_html()
    assert len(text.encode()) < 1_000_000
    assert Page(text).tags.count("svg") == 100


def test_beyond_a_hundred_the_rest_is_in_the_table_only() -> None:
    text = DriftDetector().detect_data_drift(*wide(130, 60)).to_html()
    assert Page(text).tags.count("article") == 100
    assert "30 further features are in the table only" in text


def test_hostile_names_and_categories_are_escaped() -> None:
    evil = "<script>alert('x')</script>"
    old = {evil: ["a", evil] * 60, "n": np.arange(120.0)}
    new = {evil: ["b", evil] * 60, "n": np.arange(120.0) + 90}
    report = DriftDetector(evil).detect_data_drift(old, new)
    for text in (report.to_html(), report._repr_html_()):
        assert "<script" not in text
        assert "&lt;script&gt;" in text
    Page(report.to_html())


def test_every_kind_of_column_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 300), "D")
    frame = pd.DataFrame(
        {
            "constant": 1.0,
            "whole": rng.poisson(3, 300),
            "day": days,
            "flag": rng.random(300) < 0.4,
            "word": rng.choice([f"category {i}" for i in range(30)], 300),
            "note": [f"{'y' * int(k)}{i}" for i, k in enumerate(rng.integers(1, 40, 300))],
            "huge": rng.normal(size=300) * 1e300,
            "tiny": rng.normal(size=300) * 1e-300,
        }
    )
    gone = frame.copy()
    gone["word"] = None
    for current in (frame, gone):
        report = DriftDetector().detect_data_drift(frame, current)
        text = report.to_html(tmp_path / "r.html")
        assert (tmp_path / "r.html").read_text() == text
        Page(text)
        assert "nan" not in text.replace("financ", "")
    assert "18 others" not in text
    assert "no value" not in text


def test_a_notebook_shows_the_summary_and_a_short_table(report: DataDriftReport) -> None:
    text = report._repr_html_()
    Page(text)
    assert report.summary in text
    many = DriftDetector().detect_data_drift(*wide(30, 60))._repr_html_()
    assert "10 more: <code>.to_frame()</code>" in many
