"""Datasets: what nodes read and write, any format by any engine."""

from tauro._internal._dataset import ColumnSpec, DatasetSpec
from tauro.catalog._catalog import Catalog
from tauro.catalog._memory import MemoryDataset
from tauro.catalog._protocol import Dataset, DatasetFactory
from tauro.errors import DatasetError, DatasetNotFoundError, SchemaMismatchError

__all__ = [
    "Catalog",
    "ColumnSpec",
    "Dataset",
    "DatasetError",
    "DatasetFactory",
    "DatasetNotFoundError",
    "DatasetSpec",
    "MemoryDataset",
    "SchemaMismatchError",
]
