"""Write ``docs/reference``: commands, settings, events and hooks, errors, from the code itself.

The pages are committed, so that they are read without building the site; a test holds them to the
code. ``python -m tools.reference`` writes them anew.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

import tauro
from tauro.cli._main import COMMANDS, root
from tauro.config import (
    SETTING_KEYS,
    MLflowSettings,
    MLOpsSettings,
)
from tauro.errors import ErrorCode, ExitCode, TauroError
from tauro.events import EventType, HookType, Operation
from tools._markdown import first_paragraph, plain, table
from tools._source import ROOT, is_used, member_docs, subclasses

FOLDER = ROOT / "docs" / "reference"
NOTE = "<!-- Written by `python -m tools.reference`; change the code, not this page. -->"

_COMMANDS = (
    "`tauro COMMAND --help` prints the same. `--json` makes stdout one JSON document and "
    "moves everything else to stderr; `--debug` shows the traceback of an error."
)
_SETTINGS = (
    "Every key that may stand below `mlops:` in the global settings, in `ml_info`, in a pipeline "
    "or in a node. A node's value takes precedence over its pipeline's, that over `ml_info`, and "
    "that over the global settings. `tauro config show --origin` says where each value comes from. "
    "Other accepted spellings are in [Configuration](../configuration.md#mlops-settings)."
)
_BACKENDS = (
    "The backend `databricks`, with catalog, schema and workspace, is read and checked too, but is "
    "not part of this version: opening such a store is an error that says so."
)
_EVENTS = (
    "A listener is told what happened and cannot change it; a hook runs before or after an "
    "operation. A `PRE_` hook may replace the data, and its exception stops the operation "
    "before anything is written. How to use both: [Events, hooks, audit log, "
    "metrics](../events.md)."
)
_ERRORS = (
    "Everything that Tauro raises on purpose is a `TauroError` with `.message`, "
    "`.error_code`, `.context`, `.suggestions` and `.to_dict()`. The HTTP status is what the "
    "model server answers, the exit status what a command ends with ([exit "
    "codes](commands.md)). Classes also inherit from the builtin that they refine, so `except "
    "FileNotFoundError` and `except KeyError` keep working. Symptoms and remedies: "
    "[Troubleshooting](../troubleshooting.md)."
)

_OTHER_EVENTS = {
    EventType.DRIFT_DETECTED: "A comparison of data or metrics found drift.",
    EventType.HEALTH_CHANGED: "The overall status of a health monitor is another than before.",
}
_UNUSED = "Reserved: this version does not emit it."


def commands_page() -> str:
    """Return the page of the command line."""
    context = click.Context(root, info_name="tauro")
    parts = [
        NOTE,
        "# Commands",
        _COMMANDS,
        "## Exit codes",
        _exit_codes(),
    ]
    for name in COMMANDS:
        command = root.get_command(context, name)
        assert command is not None
        parts += _command(command, f"tauro {name}", context)
    return "\n\n".join(parts) + "\n"


def _exit_codes() -> str:
    docs = member_docs(ExitCode)
    classes = _error_classes()
    rows = []
    for code in ExitCode:
        raised = [f"`{each.__name__}`" for each in classes if each.exit_code is code]
        meaning = plain(docs.get(code.name, ""))
        shown = ", ".join(raised[:4]) + (", …" if len(raised) > 4 else "")
        rows.append((f"`{code.value}`", f"`{code.name}`", meaning, shown))
    return table(("status", "name", "meaning", "errors that end so"), rows)


def _command(command: click.Command, path: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    yield f"{'#' * min(len(path.split()), 3)} `{path}`"
    yield plain(inspect.cleandoc(command.help or "")).replace("\b\n", "")
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{path} {usage}\n```"
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        yield table(("option", "value", "meaning"), [_option(each, context) for each in options])
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _command(child, f"{path} {name}", context)


def _option(option: click.Option, context: click.Context) -> tuple[str, str, str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else option.make_metavar(context)
    if "|" in value:
        value = value.strip("[]")
    value = _words(value.split("|")) if value else ""
    remarks = [option.help or ""]
    if option.required:
        remarks.append("Required.")
    if option.multiple:
        remarks.append("May be repeated.")
    if option.show_default and not option.is_flag:
        remarks.append(f"Default: `{option.default}`.")
    return names, value, plain(" ".join(each for each in remarks if each))


def _words(choices: Iterable[str]) -> str:
    # A pipe in a cell is written differently for each reader of Markdown, so there is none.
    return " or ".join(f"`{each}`" for each in choices)


def settings_page() -> str:
    """Return the page of the keys below ``mlops:``."""
    rows = [_setting(key) for key in SETTING_KEYS]
    return (
        "\n\n".join(
            [
                NOTE,
                "# Settings",
                _SETTINGS,
                table(("key", "type", "default", "meaning"), rows),
                first_paragraph(MLflowSettings),
                _BACKENDS,
                "## Environment variables",
                "They override the files; arguments such as `--store` override them.",
                table(("variable", "setting"), _ENVIRONMENT),
            ]
        )
        + "\n"
    )


_ENVIRONMENT = (
    ("`TAURO_MLOPS_PATH`", "The store: a folder, `file://…` or `memory://`; `storage_path`."),
    ("`TAURO_MLOPS_BACKEND`", "`backend_type`."),
    ("`TAURO_MLOPS_CATALOG`", "`catalog`."),
    ("`TAURO_MLOPS_SCHEMA`", "`schema`."),
    ("`DATABRICKS_HOST`", "`workspace_url`."),
    ("`DATABRICKS_TOKEN`", "The token. It has no key, so that it is in no file."),
    ("`TAURO_ENV`", "The environment of a project where `--env` is not given."),
)


def _setting(key: str) -> tuple[str, str, str, str]:
    head, _, name = key.rpartition(".")
    owner: Any = MLOpsSettings
    if head:
        part = next(each for each in dataclasses.fields(MLOpsSettings) if each.name == head)
        owner = type(part.default)
    field = next(each for each in dataclasses.fields(owner) if each.name == name)
    default = (
        ""
        if field.default is None
        else f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
    )
    if field.default == "":
        default = ""
    return f"`{key}`", _words(str(field.type).split(" | ")), default, attribute_docs(owner)[name]


def attribute_docs(cls: type) -> dict[str, str]:
    """Return what the ``Attributes`` section of a docstring says of each."""
    _, _, text = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n     .*)*)", text, re.MULTILINE)
    return {name: plain(" ".join(meaning.split())) for name, meaning in found}


def events_page() -> str:
    """Return the page of events, hooks and the series that the system keeps."""
    events = [(f"`{each.name}`", f"`{each.value}`", *_event(each)) for each in EventType]
    hooks = [_hook(each) for each in HookType]
    return (
        "\n\n".join(
            [
                NOTE,
                "# Events and hooks",
                _EVENTS,
                "## Events",
                table(("name", "type", "when", "counter"), events),
                "## Hooks",
                table(("name", "around", "kept in the audit log"), hooks),
            ]
        )
        + "\n"
    )


def _event(event: EventType) -> tuple[str, str]:
    counter, moments = "", []
    for operation in Operation:
        if not is_used(f"Operation.{operation.name}"):
            continue
        spec = operation.spec
        ways = [("after", spec.success), ("after a failed", spec.failure)]
        ways += [(f"with status {status}, after", each) for status, each in spec.by_status.items()]
        if spec.started is event:
            moments.append(f"before `{operation.value}`, after its hooks")
        for when, effect in ways:
            if effect.event is event:
                moments.append(f"{when} `{operation.value}`")
                counter = f"`{effect.counter}`" if effect.counter else ""
    if moments:
        when = "; ".join(moments)
        text = f"{when[0].upper()}{when[1:]}."
    else:
        text = _OTHER_EVENTS.get(event, _UNUSED)
    more = plain(member_docs(EventType).get(event.name, ""))
    return f"{text} {more}".strip(), counter


def _hook(hook: HookType) -> tuple[str, str, str]:
    operation = next(each for each in Operation if hook in (each.pre, each.post))
    about = f"{'before' if hook.is_pre else 'after'} `{operation.value}`"
    if not is_used(f"Operation.{operation.name}"):
        about += " (reserved: not called in this version)"
    return f"`{hook.name}`", about, "yes" if operation.spec.audited else ""


def errors_page() -> str:
    """Return the page of error codes and of the classes that carry them."""
    rows = []
    for code in ErrorCode:
        for cls in (each for each in _error_classes() if each.code is code):
            meaning = first_paragraph(cls)
            rows.append(
                (
                    f"`{code.value}`",
                    f"`{cls.__name__}`",
                    meaning,
                    f"{cls.http_status}",
                    f"{int(cls.exit_code)}",
                )
            )
    return (
        "\n\n".join(
            [
                NOTE,
                "# Errors",
                _ERRORS,
                table(("code", "class", "when", "HTTP", "exit"), rows),
            ]
        )
        + "\n"
    )


def _error_classes() -> list[type[TauroError]]:
    for module in pkgutil.walk_packages(tauro.__path__, "tauro."):
        if module.name.split(".")[1] in ("serving", "pipeline", "errors"):
            importlib.import_module(module.name)
    return [each for each in subclasses(TauroError) if each.__module__.startswith("tauro.")]


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "settings.md": settings_page,
    "events.md": events_page,
    "errors.md": errors_page,
}


def write() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write()
