"""Which of Tauro's objects a parameter's annotation asks for.

The answer comes from names alone: a class that lives in ``tauro`` or an annotation written as
text. Nothing of tracking or registry is imported to find out.
"""

from __future__ import annotations

import enum
import functools
import inspect
import re
import sys
import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin


class Service(enum.StrEnum):
    """An object that a node may ask for by type."""

    TRACKER = "ExperimentTracker"
    REGISTRY = "ModelRegistry"
    RUN = "Run"
    MLOPS = "MLOpsContext"
    CONTEXT = "Context"


ML_SERVICES = frozenset({Service.TRACKER, Service.REGISTRY, Service.RUN, Service.MLOPS})
_BY_NAME = {service.value: service for service in Service}
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*")


def service_of(annotation: Any, function: Callable[..., Any]) -> tuple[Service | None, bool]:
    """Return the service that an annotation asks for, if any, and whether None is accepted too.

    Args:
        annotation: A parameter's annotation: a class, a union, or text.
        function: The function it belongs to, whose module gives names of a text their meaning.
    """
    if annotation is inspect.Parameter.empty or annotation is None:
        return None, False
    if isinstance(annotation, str):
        return _from_text(annotation, function)
    if isinstance(annotation, type):
        return _from_class(annotation), False
    origin = get_origin(annotation)
    if origin is Union or isinstance(annotation, types.UnionType):
        found = [service_of(member, function)[0] for member in get_args(annotation)]
        optional = type(None) in get_args(annotation)
        return next((service for service in found if service), None), optional
    if hasattr(annotation, "__metadata__"):  # Annotated[…]
        return service_of(annotation.__origin__, function)
    reference = getattr(annotation, "__forward_arg__", None)
    return _from_text(reference, function) if isinstance(reference, str) else (None, False)


def _from_class(cls: type) -> Service | None:
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] == "tauro" and base.__name__ in _BY_NAME:
            return _BY_NAME[base.__name__]
    return None


def _from_text(text: str, function: Callable[..., Any]) -> tuple[Service | None, bool]:
    optional = "None" in text or "Optional" in text
    namespace = getattr(inspect.unwrap(function), "__globals__", {})
    for dotted in _IDENTIFIER.findall(text):
        value = _look_up(dotted, namespace)
        if isinstance(value, type):
            service = _from_class(value)
        elif value is None:
            service = _BY_NAME.get(_imported_name(dotted, namespace))
        else:
            service = None
        if service is not None:
            return service, optional
    return None, optional


def _look_up(dotted: str, namespace: dict[str, Any]) -> Any:
    first, *rest = dotted.split(".")
    value = namespace.get(first)
    for name in rest:
        value = getattr(value, name, None)
    return value


def _imported_name(dotted: str, namespace: dict[str, Any]) -> str:
    """Return the name in Tauro of a name that does not exist at run time, or nothing.

    Such a name was imported under ``TYPE_CHECKING``, so the module's text says where it is from.
    Where the text cannot be read, the name itself is believed.
    """
    first, _, rest = dotted.partition(".")
    last = dotted.rpartition(".")[2]
    imports = _imports_of(namespace.get("__name__", ""))
    if imports is None or first == "tauro":
        return last
    module, name = imports.get(first, ("", ""))
    if module.partition(".")[0] != "tauro":
        return ""
    return last if rest else name


@functools.lru_cache(maxsize=256)
def _imports_of(module_name: str) -> dict[str, tuple[str, str]] | None:
    """Return local name -> (module, name there) of a module's imports; None without its text."""
    module = sys.modules.get(module_name)
    try:
        source = inspect.getsource(module) if module is not None else ""
    except (OSError, TypeError):
        return None
    if not source:
        return None
    import ast

    found: dict[str, tuple[str, str]] = {}
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                found[alias.asname or alias.name] = (statement.module or "", alias.name)
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                local = alias.asname or alias.name.partition(".")[0]
                found[local] = (alias.name, alias.name.rpartition(".")[2])
    return found
