"""What an HTTP server answers, by httpx."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Final

from tauro._internal import _optional
from tauro._internal._dataset import DatasetSpec, format_of_path
from tauro._internal._secrets import mask_text
from tauro.catalog._engine import READ_ERRORS, Engine, Job, is_records, reading
from tauro.catalog._registry import load_engine
from tauro.catalog._schema import checked
from tauro.errors import DatasetError, DatasetNotFoundError

_FRAMES: Final = ("parquet", "csv", "excel")
_TYPES: Final = {
    "application/json": "json",
    "text/csv": "csv",
    "text/tab-separated-values": "csv",
    "application/vnd.apache.parquet": "parquet",
}
_TIMEOUT: Final = 30.0


class HttpDataset:
    """The answer to a request; its load options go to ``httpx.request`` as they are.

    The option ``format`` says what the answer is; without it, its content type and the suffix of
    the URL do. JSON rows become a frame, other JSON a value, and what is neither a text. Read only.
    """

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        del root
        self._spec = spec
        if not (spec.path or "").startswith(("http://", "https://")):
            raise DatasetError(
                f"Dataset {spec.name!r} (http) needs a URL as its path, got {spec.path!r}.",
                suggestions=["Write 'path: https://...'."],
            )
        self._url = str(spec.path)
        self._httpx = _optional.load("httpx", extra="http", purpose="The format 'http'")

    @property
    def _errors(self) -> tuple[type[Exception], ...]:
        return (*READ_ERRORS, self._httpx.HTTPError, self._httpx.InvalidURL)

    def _request(self, method: str | None = None) -> Any:
        options = {
            "follow_redirects": True,
            "timeout": _TIMEOUT,
            **{k: v for k, v in self._spec.load_options.items() if k not in ("format", "method")},
        }
        used = method or str(self._spec.load_options.get("method", "GET"))
        return self._httpx.request(used, self._url, **options)

    def load(self) -> Any:
        """Return the answer.

        Raises:
            DatasetNotFoundError: The server answers 404 or 410.
            SchemaMismatchError: The rows are not of the declared schema.
            DatasetError: The server cannot be reached, or answers with another error.
        """
        spec, shown = self._spec, mask_text(self._url)
        with reading(spec, shown, self._errors):
            answer = self._request()
        if answer.status_code in (404, 410):
            raise DatasetNotFoundError(
                f"Dataset {spec.name!r}: {shown} answers {answer.status_code}."
            )
        if answer.is_error:
            raise DatasetError(
                f"Dataset {spec.name!r}: {shown} answers {answer.status_code} "
                f"{answer.reason_phrase}: {answer.text[:200]}"
            )
        return self._decoded(answer, shown)

    def _decoded(self, answer: Any, shown: str) -> Any:
        spec = self._spec
        kind = str(spec.load_options.get("format") or self._format(answer))
        engine: Engine
        if kind in _FRAMES:
            engine = load_engine(spec.engine, spec.name)
            inner = DatasetSpec(name=spec.name, format=kind, engine=spec.engine, schema=spec.schema)
            with reading(spec, shown, engine.errors):
                path = self._url.partition("?")[0]
                frame = engine.read(Job(inner, path, io.BytesIO(answer.content)))
            return checked(frame, inner, engine, shown)
        if kind != "json":
            return answer.text
        with reading(spec, shown, READ_ERRORS):
            value = json.loads(answer.content)
        if spec.engine == "python" or not is_records(value):
            return value
        engine = load_engine(spec.engine, spec.name)
        inner = DatasetSpec(name=spec.name, format="json", engine=spec.engine, schema=spec.schema)
        return checked(engine.from_records(value), inner, engine, shown)

    def _format(self, answer: Any) -> str:
        kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in _TYPES:
            return _TYPES[kind]
        return format_of_path(self._url.partition("?")[0]) or "text"

    def save(self, data: Any) -> None:
        """Refuse: what a server holds is not written by a dataset.

        Raises:
            DatasetError: Always.
        """
        del data
        raise DatasetError(
            f"Dataset {self._spec.name!r} is read by HTTP and cannot be saved to.",
            suggestions=["Send it from a node of its own, or save it to a file."],
        )

    def exists(self) -> bool:
        """Tell whether the server answers a HEAD request without an error."""
        with reading(self._spec, mask_text(self._url), self._errors):
            answer = self._request("HEAD")
        return not answer.is_error

    def fingerprint(self) -> str:
        """Return the empty text: only loading it tells what a server answers."""
        return ""

    def describe(self) -> dict[str, Any]:
        """Return the URL, without its password."""
        return {**self._spec.to_dict(), "path": mask_text(self._url)}
