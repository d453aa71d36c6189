"""A page of runs, as records, as plain rows and as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from tauro._internal._floats import float_from_json
from tauro.tracking._catalogue._capture import Captured
from tauro.tracking._catalogue._fields import run_fields
from tauro.tracking._catalogue._frame import captured_frame
from tauro.tracking._models import RunRecord, describe_record
from tauro.tracking._query import Field
from tauro.tracking._query._rowwise import raw_value

if TYPE_CHECKING:
    import pandas as pd

_SHOWN: Final = 20


class RunRow(dict[str, Any]):
    """A run's fields by name; the names are attributes too."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"This row has no field {name!r}; it has {list(self)}.") from None


class RunPage:
    """A page of runs as they were when the query ran.

    Attributes:
        next_page_token: Continues after the last of them; None when there are no more.
        total: How many runs pass, over all pages, as of the query.
    """

    def __init__(
        self,
        captured: Captured,
        *,
        next_page_token: str | None,
        total: int,
        fields: Sequence[Field] | None,
    ) -> None:
        self._captured = captured
        self._fields = fields
        self.next_page_token = next_page_token
        self.total = total

    def __len__(self) -> int:
        return len(self._captured.ids)

    def __repr__(self) -> str:
        return f"RunPage({len(self)} of {self.total} runs)"

    def _repr_html_(self) -> str:
        head = f"<div>{len(self)} of {self.total} runs</div>"
        return head + str(self.to_pandas().to_html(max_rows=_SHOWN, max_cols=_SHOWN))

    @property
    def run_ids(self) -> list[str]:
        """The ids of the runs, in order, at no cost."""
        return list(self._captured.ids)

    @cached_property
    def records(self) -> list[RunRecord]:
        """The runs, in order, whole."""
        return self._captured.records()

    @cached_property
    def runs(self) -> list[RunRow]:
        """The runs, in order: each field by its name, or only the fields that were asked for."""
        return [_row(record, self._fields) for record in self.records]

    def to_pandas(self) -> pd.DataFrame:
        """Return the runs as a DataFrame, one row each.

        Columns are the fields that were asked for; else the attributes, and every ``metrics.*``,
        ``params.*`` and ``tags.*`` of which a run has a value. Parameters that are all numbers, or
        all booleans, are so in the frame, others are texts. Times are UTC.
        """
        return captured_frame(self._captured, self._fields)


def _row(record: RunRecord, fields: Sequence[Field] | None) -> RunRow:
    if fields is not None:
        values = run_fields(record)
        return RunRow((str(field), _plain(raw_value(values, field), field)) for field in fields)
    return RunRow(describe_record(record))


def _plain(value: Any, field: Field) -> Any:
    return float_from_json(value) if field.space == "metrics" and value is not None else value
