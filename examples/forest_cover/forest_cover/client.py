"""Asks the source for a sample: with time-outs, again after a failure, and believing nothing."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from forest_cover.schema import CLASSES, SOURCE_COLUMNS

GROUPS = range(1, 11)
BATCHES = range(1, 11)

_WHOLE_NUMBER = re.compile(r"[+-]?\d{1,9}")
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class SourceUnavailableError(ConnectionError):
    """The source did not answer, or only with errors of its own, however often it was asked."""


class SourceAnswerError(ValueError):
    """The source answered something that is not a sample; nothing of it may be used."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source gave.

    Attributes:
        group_number: The group that was asked for.
        batch_number: The batch the samples are of.
        rows: The samples, 13 strings each, in the order of ``SOURCE_COLUMNS``.
    """

    group_number: int
    batch_number: int
    rows: list[list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for the source, and how often to ask.

    Attributes:
        connect: Seconds to reach it.
        read: Seconds without a byte from it.
        attempts: How often it is asked before giving up.
        pause: Seconds before the second attempt; doubled before each further one, with some chance
            in it, so that many clients do not come back at the same moment.
    """

    connect: float = 3.0
    read: float = 10.0
    attempts: int = 4
    pause: float = 0.5


def fetch_answer(
    base_url: str,
    group_number: int,
    *,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Answer | None:
    """Return a checked answer of the source, or None once the group has been given everything.

    Raises:
        ValueError: The group is not 1 to 10.
        SourceUnavailableError: No attempt got an answer.
        SourceAnswerError: The answer is malformed, or refuses the request.
    """
    if group_number not in GROUPS:
        raise ValueError(f"group {group_number} does not exist: groups are 1 to {GROUPS[-1]}")
    response = _get(f"{base_url.rstrip('/')}/data", group_number, patience or Patience(), sleep)
    if response.status_code == httpx.codes.BAD_REQUEST and _has_detail(response):
        # The group is valid, so the only other meaning of 400 is left: all collected.
        return None
    if response.status_code != httpx.codes.OK:
        raise SourceAnswerError(
            f"{response.url} answered {response.status_code}: {response.text[:200]!r}"
        )
    return _check(response, group_number)


def _get(
    url: str, group_number: int, patience: Patience, sleep: Callable[[float], None]
) -> httpx.Response:
    timeout = httpx.Timeout(patience.read, connect=patience.connect)
    failure = ""
    # trust_env off: a proxy of the environment has no business between us and a local source.
    with httpx.Client(timeout=timeout, trust_env=False) as client:
        for attempt in range(patience.attempts):
            if attempt:
                sleep(patience.pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
            try:
                response = client.get(url, params={"group_number": group_number})
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise ValueError(f"{url!r} is not an address of a source: {error}") from error
            except httpx.TransportError as error:
                failure = f"{type(error).__name__}: {error}"
                continue
            if response.status_code not in _TRY_AGAIN:
                return response
            failure = f"status {response.status_code}"
    raise SourceUnavailableError(
        f"the source at {url} gave no answer in {patience.attempts} attempts, last: {failure}; "
        "is it running, and is source_url right?"
    )


def _has_detail(response: httpx.Response) -> bool:
    try:
        document = response.json()
    except ValueError:
        return False
    return isinstance(document, dict) and isinstance(document.get("detail"), str)


def _check(response: httpx.Response, group_number: int) -> Answer:
    try:
        document = response.json()
    except ValueError as error:
        raise _malformed(f"it is not JSON: {response.text[:80]!r}") from error
    if not isinstance(document, dict):
        raise _malformed(f"it is a {type(document).__name__}, expected an object")
    for key in ("group_number", "batch_number", "data"):
        if key not in document:
            raise _malformed(f"it has no {key!r}; its keys: {', '.join(document) or 'none'}")
    if document["group_number"] != group_number:
        raise _malformed(f"it is for group {document['group_number']!r}, asked was {group_number}")
    batch = document["batch_number"]
    if type(batch) is not int or batch not in BATCHES:
        raise _malformed(f"batch_number is {batch!r}, expected 1 to {BATCHES[-1]}")
    if not isinstance(document["data"], list):
        raise _malformed(f"data is a {type(document['data']).__name__}, expected a list")
    for number, row in enumerate(document["data"]):
        _check_row(number, row)
    return Answer(group_number, batch, document["data"])


def _check_row(number: int, row: Any) -> None:
    if not isinstance(row, list) or len(row) != len(SOURCE_COLUMNS):
        got = f"{len(row)} values" if isinstance(row, list) else f"a {type(row).__name__}"
        raise _malformed(f"sample {number} is {got}, expected 13 values")
    for name, value in zip(SOURCE_COLUMNS, row, strict=True):
        if not isinstance(value, str):
            raise _malformed(f"sample {number}, {name}: {value!r} is not a string")
        problem = _problem(name, value.strip())
        if problem:
            raise _malformed(f"sample {number}, {name}: {value[:40]!r} is not {problem}")


def _problem(name: str, value: str) -> str:
    """Return what a value was expected to be, or nothing if it is that."""
    if name == "Cover_Type":
        return "" if value in map(str, CLASSES) else f"a class from 0 to {CLASSES[-1]}"
    if not value:  # a blank feature is a missing one: training imputes it
        return ""
    if name in SOURCE_COLUMNS[:10]:
        return "" if _WHOLE_NUMBER.fullmatch(value) else "a whole number"
    return "" if value.isprintable() and len(value) <= 100 else "a category"


def _malformed(what: str) -> SourceAnswerError:
    return SourceAnswerError(f"the source's answer is malformed: {what}; nothing of it was stored")
