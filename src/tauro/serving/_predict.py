"""From the bytes of a request to predictions, and back to bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from tauro.errors import ServingError, SignatureMismatchError, ValidationError
from tauro.serving._holder import ServedModel


class _Request(msgspec.Struct):
    samples: list[dict[str, Any]]


_decoder = msgspec.json.Decoder(_Request)


def read_samples(body: bytes) -> list[dict[str, Any]]:
    """Return the samples of a request's body.

    Raises:
        SignatureMismatchError: The body is JSON of another shape; says where.
        ValidationError: The body is not JSON, or holds no samples.
    """
    try:
        samples = _decoder.decode(body).samples
    except msgspec.ValidationError as error:
        raise SignatureMismatchError(
            f"The body is not {{'samples': [{{column: value, …}}, …]}}: {error}."
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValidationError(f"The body is not JSON: {error}.") from error
    if not samples:
        raise ValidationError("samples is empty; expected at least one.")
    return samples


def predict(served: ServedModel, samples: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer to samples; it names the version that gave it.

    Raises:
        SignatureMismatchError: A sample does not fit the signature; every wrong column is listed.
        ServingError: The model itself raised.
    """
    prepared = served.model.prepare(samples)
    try:
        result = served.model.predict(prepared)
    except SignatureMismatchError:
        raise
    # The model is the user's code: whatever it raises is one request's failure.
    except Exception as error:
        raise ModelFailedError(
            f"Version {served.version.version} of {served.version.name!r} failed: "
            f"{type(error).__name__}: {error}",
            context={"model": served.version.name, "version": served.version.version},
        ) from error
    return {
        "predictions": to_plain(result),
        "model": served.version.name,
        "model_version": served.version.version,
    }


class ModelFailedError(ServingError):
    """The model raised while it predicted."""

    http_status = 500


def to_plain(result: Any) -> Any:
    """Return predictions as JSON can hold them."""
    if hasattr(result, "to_dict") and hasattr(result, "columns"):
        return result.to_dict("records")
    if hasattr(result, "tolist"):
        return result.tolist()
    return np.asarray(result).tolist()
