"""From a function's reference to the function and what it takes."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any

from tauro._internal._close import did_you_mean
from tauro.errors import PlanningError
from tauro.pipeline._models import Node


def resolve_function(node: Node) -> Callable[..., Any]:
    """Return the callable of a node, importing its module if need be.

    Raises:
        PlanningError: There is no such module or attribute, it cannot be called, or the module's
            own code raised.
    """
    if not isinstance(node.function, str):
        return node.function
    module_name, _, attribute = node.function.replace(":", ".").rpartition(".")
    if not module_name or not attribute:
        raise PlanningError(
            f"Node {node.where_function}: the function {node.function!r} names no module.",
            suggestions=["Write it as 'package.module.function'."],
        )
    found: Any = _import_module(node, module_name)
    try:
        found = getattr(found, attribute)
    except AttributeError as error:
        raise PlanningError(
            f"Node {node.where_function}: module {module_name!r} has no function {attribute!r}.",
            suggestions=did_you_mean(attribute, _public_functions(found)),
        ) from error
    if not callable(found):
        raise PlanningError(
            f"Node {node.where_function}: {node.function!r} is of type {type(found).__name__}, "
            "which cannot be called."
        )
    return found  # type: ignore[no-any-return]


def parameters_of(function: Callable[..., Any], node: Node) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of a node's function.

    Raises:
        PlanningError: The function does not say what it takes, or is asynchronous.
    """
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PlanningError(
            f"Node {node.where_function}: {node.function_name!r} is an async function, and nothing "
            "would await it.",
            suggestions=["Call it in a function of its own: asyncio.run(function(...))."],
        )
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (ValueError, TypeError) as error:
        raise PlanningError(
            f"Node {node.where_function}: {node.function_name!r} does not say which parameters it "
            "takes.",
            suggestions=["Wrap it in a function of your own with named parameters."],
        ) from error


def _import_module(node: Node, module_name: str) -> Any:
    loaded = sys.modules.get(module_name)
    if loaded is not None:
        return loaded
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module_name != missing and not module_name.startswith(missing + "."):
            raise _failed_import(node, module_name, error) from error
        holder = _class_of(module_name)
        if holder is not None:
            return holder
        raise PlanningError(
            f"Node {node.where_function}: there is no module {missing!r} for {node.function!r}.",
            suggestions=[
                *did_you_mean(missing.rpartition(".")[2], _neighbours(missing)),
                "Modules are looked for in the project's folder and on Python's path.",
            ],
        ) from error
    except (Exception, SystemExit) as error:
        raise _failed_import(node, module_name, error) from error


def _failed_import(node: Node, module_name: str, error: BaseException) -> PlanningError:
    place = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<frozen"):
            place = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    return PlanningError(
        f"Node {node.where_function}: importing {module_name!r} raised "
        f"{type(error).__name__}: {error}{place}."
    )


def _class_of(dotted: str) -> Any:
    """Return the class that ``package.module.Class`` names, or None."""
    module_name, _, name = dotted.rpartition(".")
    module = sys.modules.get(module_name) if module_name else None
    found = getattr(module, name, None)
    return found if isinstance(found, type) else None


def _public_functions(module: Any) -> list[str]:
    return [name for name, value in vars(module).items() if callable(value) and name[:1] != "_"]


def _neighbours(module_name: str) -> list[str]:
    """Return the names of modules beside the one that is missing."""
    package, _, _ = module_name.rpartition(".")
    parent = sys.modules.get(package) if package else None
    import pkgutil

    return [found.name for found in pkgutil.iter_modules(getattr(parent, "__path__", None))]
