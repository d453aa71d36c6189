"""The documentation names everything that users can name, and its generated pages are current."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tests.meta.test_docs import PAGES, ROOT, blocks
from tools import api, reference
from tools._markdown import docstring
from tools._source import is_used, member_docs

from tauro.cli._main import COMMANDS, root
from tauro.config import SETTING_KEYS
from tauro.errors import ErrorCode, ExitCode
from tauro.events import EventType, HookType
from tauro.events._operations import SYSTEM_SERIES

REFERENCE = ROOT / "docs" / "reference"


def words(page: str) -> set[str]:
    """Return what stands between backticks on a page of the reference."""
    return set(re.findall(r"`([^`\n]+)`", (REFERENCE / page).read_text(encoding="utf-8")))


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL_COMMANDS = dict(commands(root, "tauro"))


@pytest.mark.parametrize("page", reference.PAGES)
def test_a_generated_page_is_current(page: str) -> None:
    """`make docs`, or `python -m tools.reference`, writes the pages anew."""
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == reference.PAGES[page](), "run: python -m tools.reference"


def test_no_page_of_the_reference_is_left_over() -> None:
    assert {path.name for path in REFERENCE.glob("*.md")} == set(reference.PAGES)


def test_every_command_and_option_is_there() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert len(ALL_COMMANDS) > len(COMMANDS)
    for path, command in ALL_COMMANDS.items():
        heading = rf"^#+ `{re.escape(path)}`$(.*?)(?=^#|\Z)"
        section = re.search(heading, text, re.MULTILINE | re.DOTALL)
        assert section, f"{path} is not in the reference"
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                for name in option.opts:
                    assert f"`{name}`" in section[1], f"{path} {name}"


def test_every_exit_code_is_there() -> None:
    assert {str(code.value) for code in ExitCode} <= words("commands.md")
    assert {code.name for code in ExitCode} <= words("commands.md")


def test_every_settings_key_is_there() -> None:
    assert set(SETTING_KEYS) <= words("settings.md")


def test_every_event_hook_and_counter_is_there() -> None:
    there = words("events.md")
    assert {each.name for each in EventType} <= there
    assert {each.value for each in EventType} <= there
    assert {each.name for each in HookType} <= there
    counters = {name for name in SYSTEM_SERIES if name != "active_runs"}
    spoken_of = {name for name in counters if not name.startswith("deployments")}
    assert spoken_of <= there


def test_every_error_code_is_there_with_a_class() -> None:
    assert {code.value for code in ErrorCode} <= words("errors.md")


def test_every_page_is_part_of_the_site() -> None:
    """A page that the navigation does not name is a warning, and so a failure, of `make docs`."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert f" {page.name}\n" in navigation, f"name docs/{page.name} in mkdocs.yml"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_that_a_page_shows_exist(page: Path) -> None:
    """Every ``tauro …`` line of a block names a command and options that it takes."""
    if page.parent == REFERENCE:
        return
    for info, body in blocks(page):
        if info.partition(" ")[0] not in ("bash", "text", "console", "sh"):
            continue
        for line in body.splitlines():
            command_line = line.removeprefix("$ ").strip()
            if command_line.startswith("tauro ") and "…" not in command_line:
                _check(command_line, page)


SHELL = ("bash", "sh", "console")
SHOWN = [*PAGES, *sorted((ROOT / "examples").rglob("README.md"))]
PREAMBLE = """
import os

def _tauro(arguments):
    from tauro.cli._main import main

    try:
        main(arguments)
    except SystemExit as ended:
        assert not ended.code, arguments
"""
WITH_COMMANDS = [page for page in SHOWN if any(info.startswith(SHELL) for info, _ in blocks(page))]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_commands_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """Python and shell blocks in their order, in one folder; a block that does not run says why.

    Each page has a process of its own, as its reader has: the hooks that it registers end with it.
    """
    parts = [PREAMBLE]
    for kind, why, body in _steps(page):
        if kind == "python" and not why:
            parts.append(body)
        elif kind in SHELL and not why:
            lines = [line for each in body.splitlines() if (line := _call(each))]
            assert lines, f"a block of {page.name} runs nothing"
            parts += lines
    script = tmp_path / "page.py"
    script.write_text("\n".join(parts), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_stands_for_a_block_that_does_not_run_is_there(page: Path) -> None:
    """Its reason is a sentence, and the test that it names exists."""
    for kind, why, _ in _steps(page):
        if kind in (*SHELL, "python") and why:
            assert len(why.split()) >= 4, f"{page.name}: {why!r} says little"
            for named in re.findall(r"tests/\S+\.py", why):
                assert (ROOT / named).is_file(), f"{page.name}: there is no {named}"


def _steps(page: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each block's kind, why it does not run (empty where it does), and its text.

    None runs after the last one of the shell that does: Python alone is another test's.
    """
    found = [(*info.partition(" ")[::2], body) for info, body in blocks(page)]
    reasons = [rest.partition("norun:")[2].strip() for _, rest, _ in found]
    runs = [kind in SHELL and not why for (kind, _, _), why in zip(found, reasons, strict=True)]
    last = len(runs) - runs[::-1].index(True) if True in runs else 0
    for at, ((kind, _, body), why) in enumerate(zip(found, reasons, strict=True)):
        yield kind, why or ("" if at < last else "no command follows that needs it"), body


def _call(line: str) -> str:
    """Return a line of the shell as one of Python; empty where it is a comment."""
    program, *arguments = shlex.split(line, comments=True) or [""]
    if program == "cd":
        return f"os.chdir({arguments[0]!r})"
    assert program in ("", "tauro"), f"{line!r} is not run: mark its block norun"
    return f"_tauro({arguments!r})" if program else ""


def _check(line: str, page: Path) -> None:
    path, found = "tauro", None
    parts = shlex.split(line, comments=True)[1:]
    while parts and f"{path} {parts[0]}" in ALL_COMMANDS:
        path = f"{path} {parts.pop(0)}"
        found = ALL_COMMANDS[path]
    if parts and parts[0].startswith("-") and found is None:
        return  # an option of the root command
    assert found is not None, f"{page.name}: {line!r} is no command"
    options = {name for each in found.params for name in (*each.opts, *each.secondary_opts)}
    for part in parts:
        if re.fullmatch(r"--?[a-z][\w-]*(=.*)?", part):
            assert part.partition("=")[0] in {*options, "--help"}, f"{page.name}: {line!r}: {part}"


def test_every_package_has_a_page_of_its_public_names() -> None:
    """The site's pages of the API are made from ``__all__`` and the docstrings."""
    import tauro.resilience

    assert {"tracking", "registry", "drift", "serving"} <= set(api.packages())
    page = api.page("resilience")
    for name in tauro.resilience.__all__:
        assert f"## `{name}`" in page
    assert "**Raises**" in page
    assert " at 0x" not in page


def test_the_page_of_packages_names_each() -> None:
    listed = re.findall(r"^\| \[`tauro\.(\w+)`\]\(\1\.md\) \| \S", api.contents(), re.MULTILINE)
    assert listed == api.packages()


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"{path} {option.opts[0]}"
        for path, command in ALL_COMMANDS.items()
        for option in command.params
        if isinstance(option, click.Option) and not (option.help or option.hidden)
    ]
    assert silent == []


def test_an_option_that_help_hides_is_not_in_the_reference() -> None:
    hidden = [
        name
        for command in ALL_COMMANDS.values()
        for option in command.params
        if isinstance(option, click.Option) and option.hidden
        for name in option.opts
    ]
    assert hidden
    assert not set(hidden) & words("commands.md")


def test_sections_of_a_docstring_become_lists() -> None:
    def documented() -> None:
        """Do it, see :class:`Thing`.

        Args:
            first: What it is,
                in two lines.

        Raises:
            ValueError: It is not so.
        """

    assert docstring(documented).splitlines() == [
        "Do it, see `Thing`.",
        "",
        "**Args**",
        "",
        "- `first`: What it is,",
        "  in two lines.",
        "",
        "**Raises**",
        "",
        "- `ValueError`: It is not so.",
    ]


def test_the_tests_of_a_suite_are_a_list_and_not_a_section_each() -> None:
    page = api.page("testing")
    assert "- `test_a_listener_that_raises_disturbs_nobody`" in page
    assert "### `EventEmitterSuite.make_emitter`" in page
    assert not re.search(r"^### `\w+\.test_", page, re.MULTILINE)


def test_a_long_signature_has_a_line_for_each_parameter() -> None:
    def documented(first: dict[str, int], *, second: str = "", third: tuple[int, ...] = ()) -> None:
        """Do it."""

    shown = api.signature("documented_at_some_length", documented)
    assert shown.splitlines() == [
        "```python",
        "documented_at_some_length(",
        "    first: dict[str, int],",
        "    *,",
        "    second: str = '',",
        "    third: tuple[int, ...] = (),",
        ") -> None",
        "```",
    ]
    assert api.signature("reset", lambda: None) == "```python\nreset()\n```"


def test_texts_below_members_are_read() -> None:
    assert member_docs(ExitCode)["FAILED"] == "The work was started and failed."
    assert not is_used("EventType.NO_SUCH_EVENT")
    assert is_used("EventType.DRIFT_DETECTED")
