"""Samples made up to look like Covertype, for a machine that has neither the file nor a network.

Class by class, the figures below are rounded from the Covertype data (J. A. Blackard, Colorado
State University, 1998; UCI Machine Learning Repository, CC BY 4.0). As there, the order of the rows
carries meaning: each tenth has its own mix of classes and areas, so later tenths drift.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forest_cover.schema import AREAS, SOILS

ROWS = 20_000


def _table(text: str) -> list[list[int]]:
    return [[int(cell) for cell in row.split()] for row in text.strip().splitlines()]


# One entry a class: mean and deviation, or shape and scale for what cannot be negative.
_ELEVATION = (
    (2999, 190),
    (2808, 150),
    (2398, 165),
    (2223, 100),
    (2767, 105),
    (2423, 160),
    (3363, 105),
)
# A kind that climbs higher on southern slopes, or on northern ones: only together do height and
# aspect tell the kinds apart, which a linear model cannot see.
_ASPECT_SHIFT = (-170, 170, 150, -110, -150, -150, 60)
_FACES = (120.0, 100.0, 200.0, 80.0, 80.0, 310.0, 150.0)
_SLOPE = (13, 13, 21, 18, 16, 19, 14)
_HYDROLOGY = (237, 189, 211, 105, 201, 160, 347)
_ABOVE_WATER = ((43, 50), (27, 39), (64, 58), (40, 58), (47, 57), (45, 47), (69, 80))
_ROADWAYS = (2764, 3044, 970, 915, 1327, 1065, 2714)
_FIRE_POINTS = (2515, 2989, 917, 861, 1956, 1058, 2063)

# Percent of each class (columns) in each tenth (rows).
_CLASSES_OF_TENTH = _table(
    """
    22 37 4 1 25 6 5
    2 4 20 44 16 12 2
    7 6 19 25 9 29 5
    19 12 12 0 19 14 24
    22 14 16 0 3 12 33
    11 14 15 24 16 16 4
    17 39 9 0 8 8 19
    14 79 0 0 7 0 0
    22 76 0 0 2 0 0
    14 86 0 0 0 0 0
    """
)
# Percent of each area (Rawah, Neota, Commanche, Cache) in each tenth, and in each class.
_AREAS_OF_TENTH = _table(
    """
    86 0 8 6
    8 0 17 75
    8 0 19 73
    10 0 89 1
    8 17 75 0
    32 0 17 51
    43 5 52 0
    100 0 0 0
    100 0 0 0
    100 0 0 0
    """
)
_AREAS_OF_CLASS = _table(
    """
    68 5 27 0
    88 1 11 0
    0 0 40 60
    0 0 0 100
    46 0 54 0
    0 0 45 55
    25 12 63 0
    """
)
# How much farther from fire points and roadways the last tenths lie.
_DISTANCE_OF_TENTH = (1.0, 0.9, 1.0, 0.9, 0.9, 1.0, 1.1, 1.6, 1.55, 1.5)

# Percent of the soil units that matter for a class; the rest is spread over all units.
_SOILS_OF_CLASS = (
    {7745: 29, 4744: 17, 7202: 11, 7201: 8, 7756: 7, 7757: 5},
    {7745: 42, 4744: 16, 7746: 16, 6101: 5, 6731: 5, 7756: 3},
    {4703: 33, 2705: 21, 2703: 13, 2717: 11, 2704: 6, 2702: 6},
    {2704: 37, 6102: 16, 2717: 11, 4703: 8, 2702: 6, 2705: 6},
    {7746: 22, 7745: 13, 4758: 13, 7202: 7, 4704: 6, 6731: 6},
    {4703: 51, 2703: 8, 2717: 7, 2702: 4, 6102: 4, 2705: 4},
    {8771: 30, 8772: 27, 8776: 19, 8703: 5, 7745: 4, 7202: 3},
)

# Where the sun stands at 9, 12 and 15 hours: azimuth and zenith angle in degrees.
_SUN = ((115.0, 42.0), (180.0, 30.0), (240.0, 50.0))

_Array = np.ndarray[Any, Any]


def generate_samples(rows: int = ROWS, seed: int = 42) -> list[list[str]]:
    """Return samples as the source sends them, the same for the same seed."""
    rng = np.random.default_rng(seed)
    samples: list[list[str]] = []
    for tenth in range(10):
        size = rows * (tenth + 1) // 10 - rows * tenth // 10
        samples += _generate_tenth(rng, tenth, size)
    return samples


def _generate_tenth(rng: np.random.Generator, tenth: int, size: int) -> list[list[str]]:
    cover = rng.choice(7, size=size, p=_shares(_CLASSES_OF_TENTH[tenth]))
    area, soil = np.empty(size, dtype=int), np.empty(size, dtype=int)
    for label in np.unique(cover):
        of_class = cover == label
        count = int(of_class.sum())
        area[of_class] = rng.choice(len(AREAS), size=count, p=_area_shares(label, tenth))
        soil[of_class] = rng.choice(len(SOILS), size=count, p=_soil_shares(label))
    numbers = _numbers(rng, cover, _DISTANCE_OF_TENTH[tenth])
    columns = [np.rint(values).astype(int).tolist() for values in numbers]
    return [
        [*map(str, values), AREAS[a], SOILS[s], str(c)]
        for *values, a, s, c in zip(*columns, area, soil, cover.tolist(), strict=True)
    ]


def _numbers(rng: np.random.Generator, cover: _Array, far: float) -> list[_Array]:
    """Return the ten numeric columns, within the ranges of the real data."""
    size = len(cover)
    aspect = (np.array(_FACES)[cover] + np.degrees(rng.vonmises(0.0, 0.9, size))) % 360
    mean, deviation = np.array(_ELEVATION).T[:, cover]
    elevation = mean + 0.6 * deviation * rng.standard_normal(size)
    elevation -= np.array(_ASPECT_SHIFT)[cover] * np.cos(np.radians(aspect))
    slope = rng.gamma(4.0, np.array(_SLOPE)[cover] / 4.0)
    water = rng.gamma(1.3, np.array(_HYDROLOGY)[cover] / 1.3)
    mean, deviation = np.array(_ABOVE_WATER).T[:, cover]
    above = mean + 0.7 * deviation * rng.standard_normal(size) + 0.1 * (water - 200)
    roads = far * rng.gamma(2.5, np.array(_ROADWAYS)[cover] / 2.5)
    fires = far * rng.gamma(2.5, np.array(_FIRE_POINTS)[cover] / 2.5)
    slope = np.clip(slope, 0, 66)
    return [
        np.clip(elevation, 1859, 3858),
        aspect,
        slope,
        np.clip(water, 0, 1397),
        np.clip(above, -173, 601),
        np.clip(roads, 0, 7117),
        *(_hillshade(rng, aspect, slope, *sun) for sun in _SUN),
        np.clip(fires, 0, 7173),
    ]


def _hillshade(
    rng: np.random.Generator, aspect: _Array, slope: _Array, azimuth: float, zenith: float
) -> _Array:
    """Return how lit a slope is (0 to 254), as maps shade it, with a little noise."""
    tilt, z = np.radians(slope), np.radians(zenith)
    facing = np.cos(np.radians(azimuth - aspect))
    light = np.cos(z) * np.cos(tilt) + np.sin(z) * np.sin(tilt) * facing
    shade: _Array = np.clip(254 * light + 4 * rng.standard_normal(len(aspect)), 0, 254)
    return shade


def _shares(weights: Any) -> _Array:
    values: _Array = np.array(weights, dtype=float)
    values /= values.sum()
    return values


def _area_shares(label: int, tenth: int) -> _Array:
    both = np.multiply(_AREAS_OF_CLASS[label], _AREAS_OF_TENTH[tenth])
    return _shares(both if both.sum() else _AREAS_OF_CLASS[label])


def _soil_shares(label: int) -> _Array:
    known = _SOILS_OF_CLASS[label]
    rest = (100 - sum(known.values())) / len(SOILS)
    return _shares([known.get(int(soil[1:]), 0) + rest for soil in SOILS])
