"""The description of a saved model, as it stands beside the model's own files."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tauro._internal._json import decode
from tauro.errors import FlavorError
from tauro.flavors._signature import ModelSignature

SPEC_FILE: Final = "model.json"
EXAMPLE_FILE: Final = "input_example.json"
FORMAT_VERSION: Final = 1


class Environment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model was saved with.

    Attributes:
        python: The Python version.
        packages: Distribution name to version, of the framework and what its files depend on.
    """

    python: str = ""
    packages: dict[str, str] = {}


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a folder of model files holds and what loading it takes.

    It carries no time, so that the same bytes describe the same model.

    Attributes:
        flavor: The name of the flavor that wrote the files and can load them.
        framework: The framework in its own spelling, such as ``scikit-learn``.
        model_class: The model's class, dotted.
        data: What the flavor needs to find its way in the folder.
        signature: Inputs and outputs; None when neither is known.
        input_example: The file with a few rows of input, "" for none.
        environment: Python and packages it was saved with.
        files: Relative name to SHA-256 of every file.
        runs_code: Why loading runs code from the folder, "" when it does not.
        untrusted: Types outside the flavor's own list that loading makes; each must be trusted.
    """

    flavor: str
    framework: str = ""
    model_class: str = ""
    format_version: int = FORMAT_VERSION
    data: dict[str, Any] = {}
    signature: ModelSignature | None = None
    input_example: str = ""
    environment: Environment = Environment()
    files: dict[str, str] = {}
    runs_code: str = ""
    untrusted: list[str] = []

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON values."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def encode_spec(spec: ModelSpec) -> bytes:
    """Return a description as readable JSON."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"


_decoder = msgspec.json.Decoder()


def decode_spec(data: bytes, where: str) -> ModelSpec | None:
    """Return the description of JSON bytes, None where they are a model of somebody else's.

    XGBoost's users call their models ``model.json`` too.

    Raises:
        FlavorError: The bytes are no JSON, no description, or one of a newer format.
    """
    try:
        found = decode(data, _decoder)
        if isinstance(found, dict) and "flavor" not in found:
            return None
        spec = msgspec.convert(found, ModelSpec)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
        raise FlavorError(
            f"{where} does not describe a model: {error}.", context={"path": where}
        ) from error
    if spec.format_version > FORMAT_VERSION:
        raise FlavorError(
            f"{where} has the format {spec.format_version}; this Tauro reads up to "
            f"{FORMAT_VERSION}.",
            context={"path": where, "format_version": spec.format_version},
            suggestions=["Update Tauro: pip install --upgrade tauro"],
        )
    return spec
