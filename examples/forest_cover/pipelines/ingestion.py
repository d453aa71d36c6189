"""``forest_cover_data_pipeline``: from the source to the table and the CSV of the last capture.

Plain extract, transform and load: nothing here knows that models exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from forest_cover._files import replace_file
from forest_cover.client import fetch_answer
from forest_cover.schema import (
    NUMERIC,
    SOURCE_COLUMNS,
    count_unknown_categories,
    hash_samples,
    normalise,
)
from forest_cover.table import insert_samples, open_database


@dataclass(frozen=True, slots=True)
class Capture:
    """One checked, normalised answer without its doubles.

    Attributes:
        samples: The 13 columns and ``sample_hash``.
        group_number: The group it was given to.
        batch_number: The batch it is of.
        captured_at: When it came, UTC.
        received: How many samples the answer held, doubles included.
        unknown_categories: For each categorical column, how many values are new to the project.
    """

    samples: pd.DataFrame
    group_number: int
    batch_number: int
    captured_at: datetime
    received: int
    unknown_categories: dict[str, int]


def fetch_samples(source_url: str, group_number: int = 1) -> Capture | None:
    """Ask the source for a sample; None when it has given everything.

    Raises:
        SourceUnavailableError: The source did not answer.
        SourceAnswerError: The answer is malformed.
    """
    answer = fetch_answer(source_url, group_number)
    if answer is None:
        print(f"All data of group {group_number} has been collected; nothing left to ingest")
        return None
    raw = pd.DataFrame(answer.rows, columns=list(SOURCE_COLUMNS))
    samples = normalise(raw)
    samples.insert(0, "sample_hash", hash_samples(samples))
    return Capture(
        samples=samples.drop_duplicates("sample_hash", ignore_index=True),
        group_number=answer.group_number,
        batch_number=answer.batch_number,
        captured_at=datetime.now(UTC),
        received=len(raw),
        unknown_categories=count_unknown_categories(samples),
    )


def store_samples(fetch_samples: Capture | None, database_url: str) -> dict[str, Any]:
    """Insert what is new into ``forest_cover_samples``."""
    capture = fetch_samples
    if capture is None:
        return {"collected": True, "batch_number": None, "received": 0, "inserted": 0}
    engine = open_database(database_url)
    try:
        inserted = insert_samples(
            engine,
            capture.samples,
            group_number=capture.group_number,
            batch_number=capture.batch_number,
            ingested_at=capture.captured_at,
        )
    finally:
        engine.dispose()
    unknown = sum(capture.unknown_categories.values())
    print(
        f"Batch {capture.batch_number}: {capture.received:,} samples received, {inserted:,} new"
        + (f", {unknown:,} unknown categories" if unknown else "")
    )
    return {
        "collected": False,
        "batch_number": capture.batch_number,
        "received": capture.received,
        "inserted": inserted,
        "unknown_categories": capture.unknown_categories,
    }


def write_last_capture(fetch_samples: Capture | None, path: str) -> str | None:
    """Replace the CSV of the last capture; it stays as it is when there was none."""
    if fetch_samples is None:
        return None
    # Whole numbers, as the source sends them; a missing one stays blank.
    samples = fetch_samples.samples.drop(columns="sample_hash").astype(
        dict.fromkeys(NUMERIC, "Int64")
    )
    replace_file(Path(path), lambda file: samples.to_csv(file, index=False))
    return path
