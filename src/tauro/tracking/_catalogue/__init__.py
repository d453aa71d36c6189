"""The run catalogue: journal of changes, published views, and queries over them."""

from tauro.tracking._catalogue._catalogue import RunCatalogue
from tauro.tracking._catalogue._documents import DocumentSource, LocalDocuments
from tauro.tracking._catalogue._page import RunPage, RunRow
from tauro.tracking._catalogue._writer import Recording

__all__ = [
    "DocumentSource",
    "LocalDocuments",
    "Recording",
    "RunCatalogue",
    "RunPage",
    "RunRow",
]
