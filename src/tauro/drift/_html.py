"""The report as one self-contained HTML page, and as a short table for notebooks."""

from __future__ import annotations

from html import escape
from typing import Final

from tauro._internal import _clock
from tauro.drift import _words
from tauro.drift._models import Check, DataDriftReport, FeatureDrift, MultivariateDrift
from tauro.drift._samples import Kind
from tauro.drift._style import STYLE
from tauro.drift._svg import chart

_MOST_CARDS: Final = 100
_NOTEBOOK_ROWS: Final = 20
_STATUS: Final = {
    "drift": "Drift",
    "negligible": "Too small to count",
    "too_few_rows": "Too few rows",
    "stable": "No drift",
}
_CHECKS: Final = {
    "distribution": "Distribution",
    "missing": "Missing values",
    "new_categories": "New categories",
}
_TESTS: Final = {
    "classifier": "Domain classifier",
    "mmd": "Maximum mean discrepancy",
    "pca": "Principal components",
}


def page(report: DataDriftReport) -> str:
    """Return the whole page: the summary, all features in a table, the worst in detail."""
    ranked = report.ranked()
    shown = ranked[:_MOST_CARDS]
    parts = [_banner(report, ranked)]
    if report.multivariate:
        tests = _multivariate(report.multivariate)
        parts += ["<h2>All columns together</h2>", f'<div class="wide tests">{tests}</div>']
    parts += ["<h2>Features, worst first</h2>", _table(ranked, len(shown))]
    parts.append(
        '<h2>In detail <small><span class="key o"></span>reference'
        '<span class="key c"></span>current</small></h2>'
    )
    cards = "".join(_card(feature, index) for index, feature in enumerate(shown))
    parts.append(f'<div class="cards">{cards}</div>')
    if len(ranked) > len(shown):
        rest = len(ranked) - len(shown)
        parts.append(f"<p><small>{rest:,} further features are in the table only.</small></p>")
    parts.append(_notes(report))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Drift report: {escape(report.summary)}</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(parts)}</main></body></html>"
    )


def notebook(report: DataDriftReport) -> str:
    """Return the summary and the worst features as a table."""
    ranked = report.ranked()
    rows = "".join(
        f"<tr><td>{escape(f.name)}</td><td>{_STATUS[f.status]}</td>"
        f"<td style='text-align:left'>{escape(f.verdict)}</td></tr>"
        for f in ranked[:_NOTEBOOK_ROWS]
    )
    more = len(ranked) - _NOTEBOOK_ROWS
    note = f"<p>{more:,} more: <code>.to_frame()</code></p>" if more > 0 else ""
    return (
        f"<div><p><b>{escape(report.summary)}</b></p><table><thead><tr><th>feature</th>"
        f"<th>status</th><th>verdict</th></tr></thead><tbody>{rows}</tbody></table>{note}</div>"
    )


def _banner(report: DataDriftReport, ranked: list[FeatureDrift]) -> str:
    tone = "drift" if report.drift_detected else "stable"
    head, _, rest = report.summary.partition(": ") if report.drifted_features else ("", "", "")
    counts = {status: sum(f.status == status for f in ranked) for status in _STATUS}
    bar = "".join(
        f'<i class="{status}" style="flex-grow:{number}"></i>'
        for status, number in counts.items()
        if number
    )
    labels = "".join(
        f'<li class="{status}"><b>{number:,}</b>{_STATUS[status].lower()}</li>'
        for status, number in counts.items()
        if number
    )
    tenant = f" for tenant {escape(report.tenant_id)}" if report.tenant_id else ""
    return (
        f'<section class="banner {tone}"><h1>{escape(head or report.summary)}</h1>'
        + (f'<p class="names">{escape(rest)}</p>' if rest else "")
        + f'<div class="share">{bar}</div><ul class="counts">{labels}</ul>'
        f"<p><small>{report.reference_rows:,} reference rows against {report.current_rows:,} "
        f"current rows{tenant}; made {_clock.now():%Y-%m-%d %H:%M} UTC.</small></p></section>"
    )


def _table(ranked: list[FeatureDrift], cards: int) -> str:
    rows = []
    for index, feature in enumerate(ranked):
        name = escape(feature.name)
        linked = f'<a href="#f{index}">{name}</a>' if index < cards else name
        change = f"<small>{escape(feature.change)}</small>" if feature.change else ""
        rows.append(
            f'<tr class="{feature.status}"><td>{linked}{change}</td>'
            f'<td><span class="tag">{_STATUS[feature.status]}</span></td>'
            f'<td class="n">{_words.rounded(feature.effect)}{_meter(feature)}</td>'
            f'<td class="n hide">{_words.number(feature.min_effect)}</td>'
            f'<td class="n hide">{_words.p_text(feature.p_value)}</td>'
            f'<td class="hide">{feature.kind}</td></tr>'
        )
    return (
        '<div class="wide"><table><thead><tr><th>Feature</th><th>Verdict</th>'
        '<th class="n">Effect</th><th class="n hide">Limit</th><th class="n hide">Corrected p</th>'
        f'<th class="hide">Kind</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _meter(feature: FeatureDrift) -> str:
    """Draw the effect as a bar with a mark at the limit, which stands at a quarter."""
    if not feature.min_effect:
        return ""
    width = min(100.0, 25 * feature.effect / feature.min_effect)
    return f'<span class="meter"><i style="width:{width:.0f}%"></i></span>'


def _card(feature: FeatureDrift, index: int) -> str:
    checks = "".join(_check_row(check) for check in feature.checks)
    return (
        f'<article class="card {feature.status}" id="f{index}"><header>'
        f'<h3>{escape(feature.name)}</h3><span class="tag">{_STATUS[feature.status]}</span>'
        f"</header><p>{escape(feature.verdict)}</p>{chart(feature)}{_figures(feature)}"
        '<table><thead><tr><th>Check</th><th class="n">Effect</th><th class="n">Limit</th>'
        f'<th class="n">Corrected p</th></tr></thead><tbody>{checks}</tbody></table></article>'
    )


def _check_row(check: Check) -> str:
    name = _CHECKS.get(check.name, check.name)
    return (
        f'<tr><td title="{escape(check.test)}, {escape(check.method)}">{escape(name)}</td>'
        f'<td class="n">{_words.rounded(check.effect)}</td>'
        f'<td class="n">{_words.number(check.min_effect)}</td>'
        f'<td class="n">{_words.p_text(check.p_corrected)}</td></tr>'
    )


def _figures(feature: FeatureDrift) -> str:
    keys = [
        key
        for key in (("median",) if feature.kind == "datetime" else ("q05", "median", "mean", "q95"))
        if key in feature.reference.figures and key in feature.current.figures
    ]
    missing = feature.reference.missing or feature.current.missing
    if not keys and not missing:
        return ""
    heads = "".join(f'<th class="n">{_HEADS[key]}</th>' for key in keys)
    rows = "".join(
        f"<tr><td>{label}</td>"
        + "".join(f'<td class="n">{_figure(feature.kind, side.figures[key])}</td>' for key in keys)
        + (f'<td class="n">{_words.share(side.missing / side.rows)}</td>' if missing else "")
        + "</tr>"
        for label, side in (("Reference", feature.reference), ("Current", feature.current))
    )
    last = '<th class="n">Missing</th>' if missing else ""
    return f"<table><thead><tr><th></th>{heads}{last}</tr></thead><tbody>{rows}</tbody></table>"


def _figure(kind: Kind, value: float) -> str:
    return _words.value_of(kind, value) if kind == "datetime" else _words.rounded(value)


_HEADS: Final = {"q05": "5 %", "median": "Median", "mean": "Mean", "q95": "95 %"}


def _multivariate(found: tuple[MultivariateDrift, ...]) -> str:
    return "".join(
        f'<p class="{"drift" if one.drift_detected else "stable"}">'
        f'<span class="tag">{_TESTS[one.test]}</span> {escape(one.verdict)}</p>'
        for one in found
    )


def _notes(report: DataDriftReport) -> str:
    correction = {
        "benjamini-hochberg": "corrected for their number by Benjamini and Hochberg",
        "bonferroni": "corrected for their number by Bonferroni",
        "none": "not corrected for their number",
    }[report.correction]
    return (
        "<h2>How to read this</h2><p><small>A check counts as drift when its p-value, "
        f"{correction}, is at most {_words.number(report.threshold)} and its effect at least the "
        "limit. The effect of a distribution is, by default, the largest gap between the two "
        "distribution functions for numbers, and the share of rows that would have to change "
        "category for others. The bar under an effect is marked at the limit. The end bins of a "
        "histogram also hold what lies beyond.</small></p>"
    )
