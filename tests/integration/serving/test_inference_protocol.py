"""The Open Inference Protocol as NVIDIA's client of it speaks it, with a server process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.integration.serving.servers import running
from tests.unit.serving.conftest import NAME, ROWS, register

from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from tritonclient import http as triton
    from tritonclient.utils import InferenceServerException

TYPES = {"height": "FP64", "soil": "BYTES", "n": "INT64"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> ModelRegistry:
    store = tmp_path_factory.mktemp("oip") / "store"
    return ModelRegistry(LocalStorageBackend(store), durability="process")


@pytest.fixture(scope="module")
def client(registry: ModelRegistry) -> Iterator[Any]:
    register(registry)
    register(registry, flip=True)
    store = Path(registry.storage.local_path(""))  # type: ignore[attr-defined]
    with (
        running(store, "--compile", "never", name=NAME) as server,
        triton.InferenceServerClient(f"127.0.0.1:{server.port}") as found,
    ):
        yield found


def tensor(name: str, values: Any, *, as_bytes: bool) -> Any:
    array = np.asarray(values)
    kind = TYPES.get(name, "FP64")
    array = array.astype(object) if kind == "BYTES" else array
    made = triton.InferInput(name, list(array.shape), kind)
    return made.set_data_from_numpy(array, binary_data=as_bytes)


def inputs(frame: pd.DataFrame, *, as_bytes: bool = True) -> list[Any]:
    return [tensor(name, frame[name].to_numpy(), as_bytes=as_bytes) for name in TYPES]


def test_the_server_and_its_model_are_described(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, "2")
    assert not client.is_model_ready(NAME, "1")
    assert not client.is_model_ready("other")
    server = client.get_server_metadata()
    assert (server["name"], server["extensions"]) == ("tauro", ["binary_tensor_data"])
    model = client.get_model_metadata(NAME)
    assert {one["name"]: one["datatype"] for one in model["inputs"]} == TYPES
    assert model["versions"] == ["2"]
    assert client.get_model_metadata(NAME, "2") == model


@pytest.mark.parametrize("asked_as_bytes", [True, False])
@pytest.mark.parametrize("answered_as_bytes", [True, False, None])
def test_predictions_are_the_models(
    client: Any, registry: ModelRegistry, asked_as_bytes: bool, answered_as_bytes: bool | None
) -> None:
    """Values as bytes after the JSON, which is the client's default, and within it."""
    wanted = None
    if answered_as_bytes is not None:
        wanted = [triton.InferRequestedOutput("predictions", binary_data=answered_as_bytes)]
    asked = inputs(ROWS, as_bytes=asked_as_bytes)
    result = client.infer(NAME, asked, request_id="r7", outputs=wanted)
    expected = registry.load_model(NAME, 2).predict(ROWS)
    assert np.array_equal(result.as_numpy("predictions"), expected)
    answer = result.get_response()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (NAME, "2", "r7")


def test_a_version_is_asked_by_its_number(client: Any) -> None:
    assert client.infer(NAME, inputs(ROWS), model_version="2").as_numpy("predictions").size == 4
    with pytest.raises(InferenceServerException, match="Version 1 of 'cover' is not served here"):
        client.infer(NAME, inputs(ROWS), model_version="1")


def test_the_client_reads_what_was_wrong(client: Any) -> None:
    """Its exceptions carry the server's message, status and all."""
    rock = ROWS.assign(soil="rock")
    with pytest.raises(InferenceServerException, match=r"samples\[0\]\.soil") as caught:
        client.infer(NAME, inputs(rock))
    assert caught.value.status() == "422"
    with pytest.raises(InferenceServerException, match="height"):
        client.infer(NAME, inputs(ROWS)[1:])
    with pytest.raises(InferenceServerException, match="output 'other' is not one of"):
        client.infer(NAME, inputs(ROWS), outputs=[triton.InferRequestedOutput("other")])
    with pytest.raises(InferenceServerException, match="'covr' is not served here") as caught:
        client.infer("covr", inputs(ROWS))
    assert caught.value.status() == "404"
    nothing = tensor("height", np.array([np.nan] * 4), as_bytes=True)
    with pytest.raises(InferenceServerException, match="null"):
        client.infer(NAME, [nothing, *inputs(ROWS)[1:]])
    with pytest.raises(InferenceServerException, match="gzip"):
        client.infer(NAME, inputs(ROWS), request_compression_algorithm="gzip")
