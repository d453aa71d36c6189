"""PyTorch: weights as safetensors, the modules around them without weights, neither runs code.

The modules are a pickle that PyTorch reads with its restricted unpickler: only types that are named
beforehand are made. Those of ``torch.nn`` are; the user's own must be trusted by name.
"""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tauro._internal._optional import load
from tauro.errors import FlavorError
from tauro.flavors._folder import ModelFolder
from tauro.flavors._pickles import import_type
from tauro.flavors._protocol import Flavor, Predictor, Saved, SaveOptions, cannot_predict
from tauro.flavors._trust import Trust

_WEIGHTS: Final = "weights.safetensors"
_MODULES: Final = "modules.pt"
_TRUSTED: Final = re.compile(
    r"torch\.nn\.modules\.[a-z_]+\.[A-Z]\w+"
    r"|torch\.nn\.functional\.(relu|gelu|silu|elu|selu|mish|leaky_relu|softplus)"
    r"|torch\._C\._nn\.gelu"
    r"|torch\.(relu|tanh|sigmoid)"
)


class TorchFlavor(Flavor):
    """Modules, and state dicts. Modules come back in evaluation mode."""

    name = "torch"
    framework = "pytorch"
    packages = ("torch", "safetensors", "numpy")
    extra = "mlops"

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Write ``weights.safetensors`` and ``modules.pt``."""
        del options
        torch = load("torch", purpose="saving a PyTorch model")
        if not isinstance(model, torch.nn.Module):
            raise FlavorError(
                f"A {type(model).__qualname__} of PyTorch is no model; expected a torch.nn.Module.",
                suggestions=["For weights alone, save a safetensors file and register its path."],
            )
        state = model.state_dict(keep_vars=True)
        tied = self._save_weights(torch, state, folder / _WEIGHTS)
        # The copy shares nothing heavy: each tensor of the state stands for itself without data.
        memo = {id(tensor): torch.empty_like(tensor, device="meta") for tensor in state.values()}
        for tensor in state.values():
            if isinstance(tensor, torch.nn.Parameter):
                bare = torch.nn.Parameter(memo[id(tensor)], requires_grad=tensor.requires_grad)
                memo[id(tensor)] = bare
        try:
            torch.save(copy.deepcopy(model, memo), folder / _MODULES)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise FlavorError(
                f"The module {type(model).__qualname__} cannot be saved: {error}.",
                suggestions=["Define its classes and functions at the top of a module."],
            ) from error
        unknown = _unknown_types(torch, (folder / _MODULES).read_bytes())
        return Saved(
            {"weights": _WEIGHTS, "modules": _MODULES, "tied": tied}, untrusted=tuple(unknown)
        )

    def _save_weights(self, torch: Any, state: Mapping[str, Any], file: Path) -> dict[str, str]:
        """Write each tensor once; return the names that share another's."""
        safetensors = load("safetensors.torch", extra=self.extra, purpose="saving weights")
        first: dict[int, str] = {}
        tied, kept = {}, {}
        for name, tensor in state.items():
            if id(tensor) in first:
                tied[name] = first[id(tensor)]
                continue
            first[id(tensor)] = name
            plain = tensor.detach().cpu().contiguous()
            whole = plain.untyped_storage().nbytes() == plain.nbytes
            kept[name] = plain if whole else plain.clone()
        del torch
        safetensors.save_file(kept, str(file))
        return tied

    def load(self, source: ModelFolder, data: Mapping[str, Any], trust: Trust) -> Predictor:
        """Make the modules, then put the weights into them."""
        safetensors = load("safetensors.torch", extra=self.extra, purpose="loading weights")
        weights = safetensors.load_file(str(source.file(str(data["weights"]))))
        if not data.get("modules"):
            return Predictor(weights, cannot_predict("This is a set of weights without modules."))
        module = self._load_modules(source, str(data["modules"]), trust)
        for name, other in dict(data.get("tied") or {}).items():
            weights[name] = weights[other]
        try:
            module.load_state_dict(weights, assign=True)
        except RuntimeError as error:
            raise FlavorError(f"The weights do not fit the modules: {error}.") from error
        return self.wrap(module.eval(), data)

    def _load_modules(self, source: ModelFolder, name: str, trust: Trust) -> Any:
        torch = load("torch", purpose="loading a PyTorch model")
        content = source.read(name)
        known = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
        trust.require_types(_unknown_types(torch, content), repr(name))
        try:
            with torch.serialization.safe_globals([import_type(global_) for global_ in known]):
                return torch.load(io.BytesIO(content), weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, AttributeError, TypeError) as error:
            raise FlavorError(f"{name!r} cannot be loaded: {error}.") from error

    def wrap(self, model: Any, data: Mapping[str, Any]) -> Predictor:
        """Return a call without gradients that takes and gives arrays."""
        del data
        torch = load("torch", purpose="calling a PyTorch model")
        found = next(model.parameters(), None)

        def tensor(array: Any) -> Any:
            # PyTorch warns of memory that it could not write to.
            writeable = getattr(getattr(array, "flags", None), "writeable", True)
            made = torch.as_tensor(array if writeable else array.copy())
            if found is None:
                return made
            floating = made.is_floating_point() and found.is_floating_point()
            return made.to(found.device, found.dtype if floating else None)

        def predict(arrays: Any) -> Any:
            training = model.training
            model.eval()
            try:
                with torch.inference_mode():
                    if isinstance(arrays, Mapping):
                        return _to_numpy(model(**{k: tensor(v) for k, v in arrays.items()}))
                    return _to_numpy(model(tensor(arrays)))
            finally:
                model.train(training)

        return Predictor(model, predict, form="tensors")

    def adopt(self, source: ModelFolder, names: list[str]) -> dict[str, Any] | None:
        """Take a lone ``.safetensors`` file as weights."""
        del source
        found = [name for name in names if name.endswith(".safetensors")]
        return {"weights": found[0]} if len(found) == 1 else None


def _unknown_types(torch: Any, content: bytes) -> list[str]:
    """Return the types of a checkpoint that neither PyTorch nor the list above trusts."""
    found = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(content))
    return [name for name in found if not _TRUSTED.fullmatch(name)]


def _to_numpy(found: Any) -> Any:
    if isinstance(found, Mapping):
        return {name: _to_numpy(value) for name, value in found.items()}
    if isinstance(found, tuple | list):
        return [_to_numpy(value) for value in found]
    return found.detach().cpu().numpy() if hasattr(found, "detach") else found
