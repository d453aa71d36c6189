from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest

from forest_cover import data
from forest_cover.generator import generate_samples
from forest_cover.schema import AREAS, NUMERIC, SOILS, SOURCE_COLUMNS, normalise

REAL = Path(__file__).resolve().parents[4] / "shared/data/covertype_22849.csv"


def frame_of(rows: list[list[str]]) -> pd.DataFrame:
    return normalise(pd.DataFrame(rows, columns=list(SOURCE_COLUMNS)))


def one_hot(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of (area, soil, class 1 to 7) in the form scikit-learn keeps."""
    matrix = np.zeros((len(rows), 54))
    for index, (area, soil, _) in enumerate(rows):
        matrix[index, :10] = np.arange(10) + index
        matrix[index, 10 + area] = 1
        matrix[index, 14 + soil] = 1
    return matrix, np.array([row[2] for row in rows])


def test_generated_samples_are_the_same_for_a_seed_and_never_twice_the_same() -> None:
    rows = generate_samples(5000)
    assert rows == generate_samples(5000)
    assert rows != generate_samples(5000, seed=7)
    assert len({tuple(row) for row in rows}) == 5000


def test_generated_samples_are_strings_in_the_ranges_of_the_real_data() -> None:
    rows = generate_samples(5000)
    assert all(len(row) == 13 and all(isinstance(v, str) for v in row) for row in rows)
    frame = frame_of(rows)
    assert frame["elevation"].between(1859, 3858).all()
    assert frame["aspect"].between(0, 360).all()
    assert frame["slope"].between(0, 66).all()
    assert frame["vertical_distance_to_hydrology"].between(-173, 601).all()
    for name in ("hillshade_9am", "hillshade_noon", "hillshade_3pm"):
        assert frame[name].between(0, 254).all()
    assert {row[10] for row in rows} == set(AREAS)
    assert {row[11] for row in rows} == set(SOILS)
    assert set(frame["cover_type"]) == set(range(7))


def test_generated_tenths_differ_and_some_lack_classes() -> None:
    tenths = [frame_of(list(t)) for t in data.split_tenths(generate_samples(10_000))]
    classes = [set(tenth["cover_type"]) for tenth in tenths]
    assert classes[0] == set(range(7))
    assert classes[9] <= {0, 1}
    assert set(tenths[9]["wilderness_area"]) == {"rawah"}
    means = [tenth["horizontal_distance_to_fire_points"].mean() for tenth in tenths]
    assert means[9] > 1.5 * max(means[1:6])


def test_tenths_are_contiguous_and_complete() -> None:
    rows = [[str(i)] for i in range(103)]
    tenths = data.split_tenths(rows)
    assert [row for tenth in tenths for row in tenth] == rows
    assert {len(tenth) for tenth in tenths} == {10, 11}


def test_the_original_form_becomes_the_categorical_one() -> None:
    rows = data.from_one_hot(*one_hot([(0, 28, 5), (3, 0, 7)]))
    assert rows[0] == [*map(str, range(10)), "Rawah", "C7745", "4"]
    assert rows[1] == [*map(str, range(1, 11)), "Cache", "C2702", "6"]


def test_scikit_learns_copy_is_used_where_it_has_been_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What fetch_covtype itself leaves behind; it reads these two files before it asks the network.
    folder = tmp_path / "covertype"
    folder.mkdir()
    matrix, target = one_hot([(1, 3, 1), (2, 39, 2)])
    joblib.dump(matrix, folder / "samples_py3")
    joblib.dump(target, folder / "targets_py3")
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    rows, origin = data.load_samples()
    assert origin == "scikit-learn's Covertype"
    assert [row[10:] for row in rows] == [["Neota", "C2705", "0"], ["Commanche", "C8776", "1"]]


def test_without_file_and_download_the_generator_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    rows, origin = data.load_samples()
    assert origin == "the generator"
    assert rows == generate_samples()


def test_a_csv_is_served_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    row = ["2596", "51", "3", "258", "0", "510", "221", "232", "148", "6279", "Rawah", "C7745", "4"]
    path.write_text(",".join(SOURCE_COLUMNS) + "\n" + ",".join(row) + "\n")
    assert data.load_samples(path) == ([row], str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the header is absent"),
        ("a,b\n1,2\n", "the header is a, b; expected the 13 columns Elevation"),
        (",".join(SOURCE_COLUMNS) + "\n", "a header and no samples"),
        (",".join(SOURCE_COLUMNS) + "\n1,2\n", "line 2: 2 values, expected 13"),
    ],
)
def test_another_file_is_refused_with_what_is_wrong(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        data.load_samples(path)


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not there")
def test_the_real_file_is_read_and_known() -> None:
    rows = data.read_csv(REAL)
    assert len(rows) == 22_849
    assert {row[10] for row in rows} <= set(AREAS)
    assert {row[11] for row in rows} <= set(SOILS)
    assert frame_of(rows)[list(NUMERIC)].notna().all().all()
