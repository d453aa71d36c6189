"""PyTorch: modules and weights without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integration.flavors._common import ARRAY, round_trip

from tauro.errors import FlavorError, UntrustedModelError
from tauro.flavors import load_model, save_model

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.filterwarnings("default"),  # the framework's own warnings are not ours
]
torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class Net(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A module of the user's own, with tied weights and a buffer outside the state."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 3)
        self.second = torch.nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.register_buffer("scale", torch.tensor([2.0]), persistent=False)

    def forward(self, data: Any) -> Any:
        return self.second(torch.relu(self.first(data))) * self.scale


class Bomb:
    """Runs a command when it is unpickled without care."""

    def __reduce__(self) -> Any:
        return os.system, ("touch bomb-went-off",)


def test_modules_of_torch_come_back_without_any_permission(tmp_path: Path) -> None:
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8),
        torch.nn.BatchNorm1d(8),
        torch.nn.GELU(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(8, 2),
    ).eval()
    spec, loaded = round_trip(model, tmp_path, ARRAY)
    assert (spec.flavor, spec.runs_code, spec.untrusted) == ("torch", "", [])
    expected = model(torch.tensor(ARRAY, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(loaded.predict(ARRAY), expected)
    assert loaded.signature is not None
    assert loaded.signature.outputs[0].shape == (-1, 2)


@pytest.mark.parametrize("kind", ["transformer", "convolution", "recurrent"])
def test_larger_building_blocks_come_back(kind: str, tmp_path: Path) -> None:
    data, model = {
        "transformer": (
            np.ones((2, 5, 8), dtype="float32"),
            torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        ),
        "convolution": (
            np.ones((2, 3, 8, 8), dtype="float32"),
            torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten()),
        ),
        "recurrent": (np.ones((2, 5, 3), dtype="float32"), torch.nn.LSTM(3, 4, 2)),
    }[kind]
    model.eval()
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    expected = model(torch.tensor(data))
    got = loaded.predict(data)
    first = expected[0] if isinstance(expected, tuple) else expected
    np.testing.assert_allclose(
        got[0] if isinstance(got, list) else got, first.detach().numpy(), rtol=1e-4, atol=1e-6
    )


def test_the_users_own_module_must_be_trusted(tmp_path: Path) -> None:
    model = Net()
    spec = save_model(model, tmp_path / "m")
    assert [name.rpartition(".")[2] for name in spec.untrusted] == ["Net"]
    assert spec.data["tied"] == {"second.weight": "first.weight"}
    with pytest.raises(UntrustedModelError, match="Net"):
        load_model(tmp_path / "m")
    loaded = load_model(tmp_path / "m", trusted=[Net])
    data = ARRAY
    np.testing.assert_allclose(
        loaded.predict(data), model(torch.tensor(data)).detach().numpy(), rtol=1e-6
    )


def test_the_model_itself_is_left_as_it_was(tmp_path: Path) -> None:
    model = Net().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    round_trip(model, tmp_path, ARRAY, trusted=[Net])
    assert model.training
    assert model.second.weight is model.first.weight
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_weights_alone_are_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    (tmp_path / "m").mkdir()
    save_file({"w": torch.ones(3)}, str(tmp_path / "m" / "weights.safetensors"))
    loaded = load_model(tmp_path / "m")
    assert loaded.native["w"].tolist() == [1, 1, 1]
    with pytest.raises(FlavorError, match="without modules"):
        loaded.predict([1])


def test_a_pickle_in_the_place_of_modules_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(torch.nn.Linear(3, 1), tmp_path / "m")
    torch.save(Bomb(), tmp_path / "m" / "modules.pt")
    (tmp_path / "m" / "model.json").write_text(
        '{"flavor": "torch", "data": {"weights": "weights.safetensors", "modules": "modules.pt"}}'
    )
    with pytest.raises(UntrustedModelError, match="system"):
        load_model(tmp_path / "m")
    assert not (tmp_path / "bomb-went-off").exists()
