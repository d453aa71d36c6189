"""Help, as somebody sees it who does not know the commands yet."""

from __future__ import annotations

import importlib
import subprocess
import sys

import click
import pytest

from tauro.cli._main import COMMANDS

from .conftest import Tauro


def command(name: str) -> click.Command:
    module, _, attribute = COMMANDS[name][0].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert isinstance(found, click.Command)
    return found


GROUPS = [name for name in COMMANDS if isinstance(command(name), click.Group)]


@pytest.mark.parametrize("arguments", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_without_a_command_the_help_is_shown_and_it_is_no_success(
    tauro: Tauro, arguments: list[str]
) -> None:
    called = tauro(*arguments)
    assert called.code == 2
    assert called.err.startswith("Usage: tauro")
    assert "Commands:" in called.err
    assert "Error" not in called.err
    assert called.out == ""


@pytest.mark.parametrize("name", GROUPS)
def test_every_subcommand_is_listed_in_a_whole_sentence(tauro: Tauro, name: str) -> None:
    shown = tauro(name, "--help")
    assert shown.code == 0
    group = command(name)
    assert isinstance(group, click.Group)
    text = " ".join(shown.out.split())
    for each in group.commands.values():
        assert each.help
        first = each.help.split("\n\n")[0].partition(". ")[0].strip().rstrip(".")
        assert " ".join(first.split()) in text
    assert "..." not in shown.out.partition("Commands:")[2]


def test_help_has_two_forms() -> None:
    """In a process of its own: a command remembers its options from whoever asks first."""
    code = (
        "import sys\nfrom tauro.cli import main\n"
        "for name in sys.argv[2:]:\n"
        "    try:\n        main([name, sys.argv[1]])\n"
        "    except SystemExit as ended:\n        print(name, ended.code)"
    )
    shown = [
        subprocess.run(
            [sys.executable, "-c", code, form, *COMMANDS],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for form in ("--help", "-h")
    ]
    assert shown[0] == shown[1]
    assert all(f"{name} 0" in shown[0] for name in COMMANDS)


def test_an_unknown_command_is_answered_with_the_nearest(tauro: Tauro) -> None:
    called = tauro("modles", "list")
    assert called.code == 2
    assert "models" in called.err


def test_the_help_imports_no_command() -> None:
    code = (
        "import sys\nfrom tauro.cli import main\n"
        "try:\n    main(['--help'])\nfinally:\n"
        "    found = [n for n in sys.modules if n.startswith('tauro.cli._')]\n"
        "    print(sorted(found), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert not {f"tauro.cli._{name}'" for name in COMMANDS} & set(done.stderr.split("'"))
    assert "_group" in done.stderr
