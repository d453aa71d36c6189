"""A page of runs, as a search returns it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tauro.tracking._run import Run

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some of the runs that a search found, in its order.

    Attributes:
        runs: The runs, read-only.
        next_page_token: Asks for the page after this one; None on the last.
        total: How many runs the search found, over all pages, when this page was made.
        fields: The fields that :attr:`rows` and :meth:`to_pandas` show; None shows all.
    """

    runs: list[Run]
    next_page_token: str | None
    total: int
    fields: Sequence[str] | None = None

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The runs as flat mappings with ``metrics.<key>``, ``params.<key>``, ``tags.<key>``."""
        flat = [_flat(run) for run in self.runs]
        if self.fields is None:
            return flat
        return [{name: row.get(name) for name in self.fields} for row in flat]

    def to_pandas(self) -> pd.DataFrame:
        """Return one row a run with flat columns."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=None if self.fields is None else list(self.fields))

    def _repr_html_(self) -> str:
        first = RunPage(self.runs[:_SHOWN], None, self.total, self.fields)
        shown = first.to_pandas().to_html(border=0)
        return f"<div>{html.escape(f'{len(self.runs)} of {self.total} runs')}</div>{shown}"


def _flat(run: Run) -> dict[str, Any]:
    record = run.to_dict()
    row = {
        name: record[name]
        for name in (
            "run_id",
            "experiment_id",
            "name",
            "status",
            "start_time",
            "end_time",
            "parent_run_id",
            "user",
            "lifecycle",
        )
    }
    row |= {f"metrics.{key}": value for key, value in record["metrics"].items()}
    row |= {f"params.{key}": value for key, value in record["parameters"].items()}
    return row | {f"tags.{key}": value for key, value in record["tags"].items()}
