"""``tauro models``: what is printed, what is written, and how the process ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from tauro.cli import main
from tauro.registry import ModelRegistry
from tauro.storage import LocalStorageBackend


class Shell:
    """Runs commands on one store."""

    def __init__(self, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._store = store
        self._capsys = capsys
        self.registry = ModelRegistry(LocalStorageBackend(store))

    def __call__(self, *arguments: object, code: int = 0) -> str:
        texts = ["models", *map(str, arguments), "--store", str(self._store)]
        with pytest.raises(SystemExit) as end:
            main(texts)
        out, err = self._capsys.readouterr()
        assert end.value.code == code, err
        return str(out + err)

    def json(self, *arguments: object, code: int = 0) -> Any:
        texts = ["models", *map(str, arguments), "--store", str(self._store), "--json"]
        with pytest.raises(SystemExit) as end:
            main(texts)
        out, err = self._capsys.readouterr()
        assert end.value.code == code, err
        return json.loads(out)


@pytest.fixture
def tauro(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path / "store", capsys)


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "model.bin"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def three(tauro: Shell, artifact: Path) -> Shell:
    for number in (1, 2, 3):
        tauro.registry.register_model(
            "fraud",
            artifact,
            framework="custom",
            metrics={"auc": 0.6 + number / 10},
            input_schema={"age": "integer"},
        )
    return tauro


def test_register_says_which_version_it_became(tauro: Shell, artifact: Path) -> None:
    said = tauro(
        "register", "fraud", artifact, "--framework", "custom", "--metric", "auc=0.9",
        "--param", "depth=3", "--tag", "team=ds", "--label", "1.0.0",
    )  # fmt: skip
    assert "Registered fraud v1" in said
    found = tauro.registry.get_model_version("fraud")
    assert (found.metrics, found.tags, found.label) == ({"auc": 0.9}, {"team": "ds"}, "1.0.0")
    assert found.hyperparameters == {"depth": "3"}


def test_a_schema_that_was_given_is_what_validate_checks(tauro: Shell, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"age": "integer"}')
    (tmp_path / "rows.csv").write_text("age\nold\n")
    (tmp_path / "broken.json").write_text('{"age": ')
    model = ("register", "fraud", tmp_path / "rows.csv")
    said = tauro(*model, "--input-schema", tmp_path / "broken.json", code=2)
    assert "broken.json' is not JSON" in said
    (tmp_path / "deep.json").write_text("[" * 100_000)
    said = tauro(*model, "--input-schema", tmp_path / "deep.json", code=2)
    assert "deep.json' is not JSON" in said
    assert "--input-schema" in tauro(*model, "--input-schema", tmp_path / "absent.json", code=2)
    schema = tmp_path / "schema.json"
    found = tauro.json(*model, "--input-schema", schema, "--output-schema", schema)
    assert (found["input_schema"], found["output_schema"]) == ({"age": "integer"},) * 2
    said = tauro("validate", "fraud", tmp_path / "rows.csv", code=2)
    assert "inputs.age[0]: expected integer, got 'old' (str)" in said


def test_what_was_deleted_comes_back_by_the_command_that_is_printed(
    three: Shell, artifact: Path
) -> None:
    three("delete", "fraud", "-v", "3")
    assert "`tauro models restore fraud -v 3`" in three("show", "fraud", "-v", "3", code=3)
    three("restore", "fraud", "-v", "3")
    three.registry.register_model("ein Modell", artifact)
    three("delete", "ein Modell")
    assert "`tauro models restore 'ein Modell'`" in three("show", "ein Modell", code=3)
    three("restore", "ein Modell")
    assert "ein Modell v1" in three("show", "ein Modell")


def test_the_history_of_a_version_that_never_was_is_an_error(three: Shell) -> None:
    assert "fraud has no version 9; it has 1 to 3." in three("history", "fraud", "-v", "9", code=3)
    three("delete", "fraud", "-v", "2", "--reason", "wrong month")
    assert "wrong month" in three("history", "fraud", "-v", "2")


def test_registering_the_same_again_can_be_the_same_version(tauro: Shell, artifact: Path) -> None:
    for _ in range(2):
        assert tauro.json("register", "fraud", artifact, "--idempotent")["version"] == 1


@pytest.mark.parametrize("option", ["--metric=auc", "--metric=auc=high", "--tag==x"])
def test_a_bad_pair_is_a_usage_error(tauro: Shell, artifact: Path, option: str) -> None:
    assert "got" in tauro("register", "fraud", artifact, option, code=2)


def test_a_missing_file_is_said(tauro: Shell) -> None:
    assert "does not exist" in tauro("register", "fraud", "absent.bin", code=5)


def test_list_shows_models_and_versions(three: Shell) -> None:
    assert "No model is registered" not in three("list")
    assert [row["version"] for row in three.json("list", "fraud")] == [1, 2, 3]
    three.registry.promote_model("fraud", 2, "Production")
    assert [row["version"] for row in three.json("list", "fr*", "--stage", "production")] == [2]
    lines = three("list", "fraud").splitlines()
    assert lines[0].split()[:3] == ["Model", "Version", "Stage"]
    assert len(lines) == 4


def test_an_empty_store_says_so(tauro: Shell) -> None:
    assert "No model is registered here." in tauro("list")


def test_show_prints_what_is_known(three: Shell) -> None:
    three.registry.annotate("fraud", 3, "checked by legal")
    said = three("show", "fraud")
    assert "fraud v3" in said
    assert "0.9" in said
    assert "checked by legal" in said
    assert "inputs: age: integer" in said
    assert three.json("show", "fraud", "-v", "1")["files"][0]["path"] == "model.bin"


def test_a_version_is_named_by_stage_or_alias(three: Shell) -> None:
    three.registry.set_alias("fraud", "champion", 2)
    three.registry.promote_model("fraud", 1, "Staging")
    assert three.json("show", "fraud", "--alias", "champion")["version"] == 2
    assert three.json("show", "fraud", "--stage", "staging")["version"] == 1
    assert "Give one of" in three("show", "fraud", "-v", "1", "--alias", "champion", code=2)


def test_an_unknown_model_has_a_close_match_and_its_exit_code(three: Shell) -> None:
    assert "Did you mean 'fraud'" in three("show", "fruad", code=3)


def test_promote_and_roll_back_at_night(three: Shell) -> None:
    for version in (1, 2):
        said = three("promote", "fraud", version, "production", "--reason", "better")
        assert f"Promoted fraud v{version} (Production)" in said
    assert "Rolled back to fraud v1 (Production)" in three(
        "rollback", "fraud", "--reason", "errors since 02:50"
    )
    assert "no earlier Production" in three("rollback", "fraud", code=4)
    assert "errors since 02:50" in three("history", "fraud")
    assert "v1 is in Production" in three(
        "promote", "fraud", 3, "production", "--keep-existing", code=4
    )


def test_an_alias_is_set_and_deleted(three: Shell) -> None:
    assert "champion is fraud v2 (champion)" in three("alias", "fraud", "champion", 2)
    three("alias", "fraud", "champion", "--delete")
    assert three.registry.get_model_version("fraud", 2).aliases == ()
    assert "Give the VERSION" in three("alias", "fraud", "champion", code=2)


def test_tags_are_set_and_deleted(three: Shell) -> None:
    three("tag", "fraud", "team=ds", "cost=3", "-v", 1)
    three("tag", "fraud", "-v", 1, "--delete", "cost")
    assert three.registry.get_model_version("fraud", 1).tags == {"team": "ds"}
    assert "Give tags" in three("tag", "fraud", code=2)


def test_lineage_and_differences_are_printed(three: Shell) -> None:
    assert three("lineage", "fraud", "-v", 1).strip() == "fraud v1"
    assert "flowchart LR" in three("lineage", "fraud", "--mermaid")
    assert "metrics auc: 0.7 -> 0.8 (+0.1)" in three("diff", "fraud", 1, 2)
    assert three.json("diff", "fraud", 1, 2)["differences"]["metrics"]["auc"][0] == pytest.approx(
        0.7
    )


def test_download_copies_and_checks(three: Shell, tmp_path: Path) -> None:
    three("download", "fraud", tmp_path / "out", "-v", 1)
    assert (tmp_path / "out" / "model.bin").read_bytes() == b"weights"


def test_delete_and_restore(three: Shell) -> None:
    three("delete", "fraud", "-v", 3)
    assert three.json("show", "fraud")["version"] == 2
    three("restore", "fraud", "-v", 3)
    assert three.json("show", "fraud")["version"] == 3
    three.registry.promote_model("fraud", 1, "Production")
    assert "in use" in three("delete", "fraud", code=4)
    three("delete", "fraud", "--force")
    assert three.json("list") == []
    three("restore", "fraud")
    assert len(three.json("list")) == 1


def test_rename(three: Shell) -> None:
    three("rename", "fraud", "risk")
    assert "renamed to 'risk'" in three("show", "fraud", code=3)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("good.csv", "age\n3\n", 0),
        ("bad.csv", "age\nx\n", 2),
        ("good.json", '[{"age": 3}]', 0),
        ("bad.jsonl", '{"agee": 3}\n', 2),
        ("broken.json", "[", 2),
        ("what.txt", "age", 2),
    ],
)
def test_a_file_is_checked_against_the_schema(
    three: Shell, tmp_path: Path, name: str, text: str, code: int
) -> None:
    (tmp_path / name).write_text(text)
    said = three("validate", "fraud", tmp_path / name, code=code)
    assert ("1 rows fit fraud v3" in said) == (code == 0)


def test_every_command_has_help(tauro: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    from tauro.cli._models import command

    wanted = "list show register promote rollback alias tag history lineage diff download delete"
    assert {*wanted.split(), "restore", "rename", "validate"} == set(command.commands)
    for name, each in command.commands.items():
        assert each.help, name
        for option in each.params:
            if isinstance(option, click.Option):
                assert option.help, (name, option.name)


def test_the_group_starts_without_what_it_does_not_need() -> None:
    code = (
        "import sys, tauro.cli._models\n"
        "print([m for m in ('pandas','numpy','pyarrow','tauro.registry','tauro.tracking')"
        " if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
