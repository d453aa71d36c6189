"""What an archive of Keras names is looked at before Keras sees it; Keras itself is not needed."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tauro.errors import FlavorError, UntrustedModelError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._keras import KerasFlavor, _inspect
from tauro.flavors._trust import Trust


def archive(*named: dict[str, Any]) -> bytes:
    layers = [{"class_name": "Dense", "module": "keras.layers", "config": {"units": 1}}, *named]
    config = {"class_name": "Functional", "module": "keras", "config": {"layers": layers}}
    return archive_of(json.dumps(config))


def archive_of(config: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        target.writestr("config.json", config)
    return made.getvalue()


def function(module: str | None, name: str) -> dict[str, Any]:
    return {"class_name": "function", "module": module, "config": name}


@pytest.mark.parametrize(
    "harmless",
    [
        function("keras.activations", "relu"),
        function("keras.src.activations.activations", "gelu"),
        function("keras.losses", "mean_squared_error"),
        function("builtins", "my_own_activation"),  # found only if it is handed to Keras
        {"class_name": "Adam", "module": "keras.optimizers", "config": {}},
    ],
    ids=lambda entry: f"{entry['module']}.{entry['config']}",
)
def test_what_only_computes_needs_nothing(harmless: dict[str, Any]) -> None:
    assert _inspect(archive(harmless), "m.keras") == ([], [])


@pytest.mark.parametrize("name", ["eval", "exec", "__import__", "open", "getattr"])
@pytest.mark.parametrize("module", ["builtins", "", None])
def test_functions_of_python_are_code(module: str | None, name: str) -> None:
    """As a layer, some versions of Keras call them with what the archive says (CVE-2025-1550)."""
    assert _inspect(archive(function(module, name)), "m.keras") == ([f"builtins.{name}"], [])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("keras.utils", "get_file"),  # CVE-2025-8747
        ("keras.config", "enable_unsafe_deserialization"),  # CVE-2025-9906
        ("keras.src.saving.saving_api", "load_model"),
        ("keras_evil.activations", "relu"),
    ],
)
def test_functions_that_do_more_must_be_trusted_by_name(
    tmp_path: Path, module: str, name: str
) -> None:
    content = archive(function(module, name))
    assert _inspect(content, "m.keras") == ([], [f"{module}.{name}"])
    (tmp_path / "model.keras").write_bytes(content)
    source = ModelFolder(tmp_path, {"model.keras": hashlib.sha256(content).hexdigest()})
    with pytest.raises(UntrustedModelError, match=name):
        KerasFlavor().load(source, {"file": "model.keras"}, Trust())


def test_a_type_of_the_users_must_be_trusted_wherever_it_stands() -> None:
    nested = {"class_name": "Wrapper", "module": "keras.layers", "config": {"layer": [[
        {"class_name": "Mine", "module": "my.layers", "config": {}}]]}}  # fmt: skip
    assert _inspect(archive(nested), "m.keras") == ([], ["my.layers.Mine"])


@pytest.mark.parametrize("config", ["{", "[" * 100_000 + "]" * 100_000], ids=["cut off", "deep"])
def test_what_cannot_be_read_is_no_archive(config: str) -> None:
    with pytest.raises(FlavorError, match="no archive of Keras"):
        _inspect(archive_of(config), "m.keras")


def test_a_deep_configuration_is_looked_at_to_its_end() -> None:
    """Deeper than Python calls itself."""
    depth = 450
    start = '{"class_name": "Wrapper", "module": "keras.layers", "config": ['
    inside = json.dumps(function("os", "system"))
    found = _inspect(archive_of(start * depth + inside + "]}" * depth), "m.keras")
    assert found == ([], ["os.system"])
