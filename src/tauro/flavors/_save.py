"""Saving a model: the flavor's files, an example, and the description beside them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tauro.errors import FlavorError
from tauro.flavors._environment import capture_environment
from tauro.flavors._examples import encode_example
from tauro.flavors._folder import hash_files
from tauro.flavors._infer import infer_signature
from tauro.flavors._models import EXAMPLE_FILE, SPEC_FILE, ModelSpec, encode_spec
from tauro.flavors._prepare import prepare
from tauro.flavors._protocol import Predictor, SaveOptions
from tauro.flavors._registry import flavor_of, get_flavor
from tauro.flavors._signature import ModelSignature
from tauro.flavors._trust import dotted
from tauro.types import StrPath


def save_model(
    model: Any,
    folder: StrPath,
    *,
    flavor: str | None = None,
    signature: ModelSignature | None = None,
    input_example: Any = None,
    code_paths: Iterable[StrPath] = (),
    packages: Iterable[str] = (),
    **options: Any,
) -> ModelSpec:
    """Write a model and its description into a folder, in the safest format its framework has.

    Args:
        model: The model; a path is kept as files.
        folder: Where to write; made when missing, otherwise empty.
        flavor: The flavor's or framework's name; found from the model's class by default.
        signature: Inputs and outputs; inferred from the example where there is one.
        input_example: A few rows of input, kept with the model and used to infer the signature.
        code_paths: The user's own modules that the model imports.
        packages: Further distributions whose versions are recorded.
        **options: Options of one flavor.

    Raises:
        FlavorError: No flavor holds the model, or the folder is not empty.
        MissingExtraError: A package that the format needs is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise FlavorError(
            f"The folder {str(target)!r} is not empty.",
            context={"path": str(target)},
            suggestions=["Name a new folder; a model's folder holds nothing else."],
        )
    chosen = get_flavor(flavor) if flavor is not None else flavor_of(model)
    paths = tuple(Path(path) for path in code_paths)
    if paths and not chosen.keeps_code:
        raise FlavorError(
            f"The flavor {chosen.name!r} keeps no code, so code_paths has no use.",
            context={"flavor": chosen.name},
            suggestions=[
                "Make the modules importable where the model is loaded, or pass flavor='python'."
            ],
        )
    saved = chosen.save(model, target, SaveOptions(paths, input_example, options))
    if input_example is not None:
        (target / EXAMPLE_FILE).write_bytes(encode_example(input_example))
    signature = signature or chosen.signature_of(model)
    if input_example is not None and (signature is None or not signature.outputs):
        predictor = chosen.wrap(model, saved.data)
        signature = _infer(predictor, input_example, signature)
    spec = ModelSpec(
        flavor=chosen.name,
        framework=chosen.framework,
        model_class="" if isinstance(model, str | Path) else dotted(type(model)),
        data=saved.data,
        signature=signature,
        input_example=EXAMPLE_FILE if input_example is not None else "",
        environment=capture_environment([*chosen.packages, *packages]),
        files=hash_files(target),
        runs_code=saved.runs_code,
        untrusted=list(saved.untrusted),
    )
    (target / SPEC_FILE).write_bytes(encode_spec(spec))
    return spec


def _infer(predictor: Predictor, example: Any, given: ModelSignature | None) -> ModelSignature:
    inputs = given if given is not None else infer_signature(example)
    outputs = predictor.predict(prepare(example, inputs, predictor.form))
    return ModelSignature(inputs.inputs, infer_signature(None, outputs).outputs)
