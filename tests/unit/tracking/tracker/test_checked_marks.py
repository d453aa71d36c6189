"""Small documents that decide much: a store's mark, claims of names, signs of life."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tauro._internal._json import with_checksum
from tauro.errors import CorruptDataError
from tauro.mlops import MLOpsContext, repair_store, verify_store
from tauro.storage import LocalStorageBackend, ensure_format, read_format
from tauro.tracking import ExperimentTracker
from tauro.tracking._heartbeat import is_alive, writer_key
from tauro.tracking._keys import name_key
from tauro.tracking._models import Owner

MARK = "_tauro/format.json"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    with ExperimentTracker(tmp_path / "store", capture_environment=False) as tracker:
        tracker.create_experiment("demo", tags={"team": "a"})
        tracker.start_run(name="r", experiment_name="demo").end()
    return tmp_path / "store"


def opened(store: Path) -> ExperimentTracker:
    return ExperimentTracker(store, capture_environment=False)


def problems(store: Path) -> list[str]:
    with MLOpsContext(storage_path=str(store)) as context:
        return [found.path for found in verify_store(context)]


def repaired(store: Path) -> list[str]:
    with MLOpsContext(storage_path=str(store)) as context:
        aside: list[str] = repair_store(context)["put_aside"]
    return aside


def replace(file: Path, old: bytes, new: bytes) -> bytes:
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, 1))
    return data


# The mark


def test_a_changed_store_id_is_noticed_by_whoever_opens(store: Path) -> None:
    """It would give the store the caches of another one."""
    mark = json.loads((store / MARK).read_text())
    wrong = ("0" if mark["store_id"][-1] != "0" else "1").encode()
    replace(store / MARK, mark["store_id"].encode(), mark["store_id"][:-1].encode() + wrong)
    with pytest.raises(CorruptDataError, match="checksum does not hold"):
        opened(store)
    assert problems(store) == [MARK]


def test_a_damaged_mark_is_put_aside_and_another_made(store: Path) -> None:
    before = (store / MARK).read_bytes()
    (store / MARK).write_bytes(before[:-10])
    [aside] = repaired(store)
    assert (store / aside).read_bytes() == before[:-10]
    assert problems(store) == []
    found = read_format(LocalStorageBackend(store))
    assert found is not None
    assert found.store_id not in before.decode(), "nobody knows that the old one was right"
    assert [run["name"] for run in opened(store).list_runs()] == ["r"]


def test_a_mark_of_an_earlier_tauro_is_whole(tmp_path: Path) -> None:
    mark = {"version": 1, "store_id": "abc", "created_at": "2026-01-01T00:00:00+00:00"}
    (tmp_path / "_tauro").mkdir()
    (tmp_path / MARK).write_text(json.dumps(mark))
    assert ensure_format(LocalStorageBackend(tmp_path)).store_id == "abc"
    assert problems(tmp_path) == []
    (tmp_path / MARK).write_text(json.dumps({**mark, "checksun": "00000000"}))
    assert problems(tmp_path) == [MARK]


# Names


def test_a_changed_claim_gives_a_name_to_nobody(store: Path) -> None:
    """With another id in it a phantom would be made of it; repair claims the name anew."""
    tracker = opened(store)
    experiment = tracker.find_experiment("demo")
    assert experiment is not None
    claim = store / name_key("demo")
    before = replace(claim, experiment.experiment_id[-4:].encode(), b"0000")
    with pytest.raises(CorruptDataError, match="checksum does not hold"):
        opened(store).find_experiment("demo")
    with pytest.raises(CorruptDataError):
        opened(store).create_experiment("demo")
    assert len(opened(store).list_experiments()) == 1
    assert problems(store) == [claim.relative_to(store).as_posix()]
    assert repaired(store) == []
    assert claim.read_bytes() == before
    assert problems(store) == []


def test_a_lost_claim_comes_back_before_the_name_is_given_twice(store: Path) -> None:
    claim = store / name_key("demo")
    claim.unlink()
    assert problems(store) == [claim.relative_to(store).as_posix()]
    repaired(store)
    found = opened(store).create_experiment("demo")
    assert found.tags == {"team": "a"}
    assert problems(store) == []


def test_claims_of_an_earlier_tauro_are_whole(store: Path) -> None:
    claim = store / name_key("demo")
    document = json.loads(claim.read_text())
    del document["checksum"]
    claim.write_text(json.dumps(document, indent=2))
    assert opened(store).find_experiment("demo") is not None
    assert problems(store) == []


# Signs of life


def test_a_damaged_sign_of_life_ends_no_run_of_a_process_that_lives(store: Path) -> None:
    """Until its next beat the system is asked instead."""
    tracker = opened(store)
    run = tracker.start_run(name="open")
    [sign] = (store / "_tauro" / "writers").iterdir()
    replace(sign, b'"pid":', b'"pid":1')
    assert problems(store) == [sign.relative_to(store).as_posix()]
    other = opened(store)
    assert not other.get_run(run.run_id).is_abandoned
    assert other.repair().ended == []
    run.end()
    tracker.close()


@pytest.mark.parametrize(("host", "pid"), [("here", 2**22 + 1), ("elsewhere", 1)])
def test_a_damaged_sign_of_a_process_that_is_gone_says_nothing(
    store: Path, host: str, pid: int
) -> None:
    """No system has that many processes; of another one nothing can be asked."""
    owner = Owner(writer_id="w", host=socket.gethostname() if host == "here" else host, pid=pid)
    storage = LocalStorageBackend(store)
    storage.write_bytes(writer_key("w"), with_checksum(b'{"host":"x","pid":1}')[:-3] + b'0"}')
    assert not is_alive(storage, owner)
