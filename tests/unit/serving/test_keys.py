"""Who may ask: keys, rates, host names."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from tests.unit.serving.conftest import ask

from tauro.errors import ServingError, ValidationError
from tauro.registry import ModelRegistry
from tauro.serving import KeyStore, ModelChoice, ModelHolder, create_app
from tauro.serving._guard import KeyGuard, LoopbackGuard, choose_guard, is_loopback
from tauro.storage import LocalStorageBackend


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(
        LocalStorageBackend(tmp_path / "store"), clock=iter(range(0, 10**6, 10)).__next__
    )


def test_a_key_is_kept_as_its_hash_only(keys: KeyStore, tmp_path: Path) -> None:
    key, secret = keys.create("ci", rate=5)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert key.hash.encode() in kept
    assert secret.encode() not in kept
    assert secret not in repr(keys.list_keys())
    assert [(one.name, one.rate) for one in keys.list_keys()] == [("ci", 5)]


def test_a_revoked_key_is_no_longer_valid_for_other_processes_either(
    keys: KeyStore, tmp_path: Path
) -> None:
    other = KeyStore(
        LocalStorageBackend(tmp_path / "store"), clock=iter(range(0, 1000, 10)).__next__
    )
    first, _ = keys.create("ci")
    keys.create("ui")
    assert {key.name for key in other.by_hash().values()} == {"ci", "ui"}
    assert [key.id for key in keys.revoke("ci")] == [first.id]
    assert keys.revoke(first.id) == []
    assert {key.name for key in other.by_hash().values()} == {"ui"}
    with pytest.raises(ServingError, match="no key 'uj'"):
        keys.revoke("uj")


@pytest.mark.parametrize(("name", "rate"), [("", None), ("a" * 101, None), ("a", 0), ("a", -1)])
def test_a_key_without_sense_is_refused(keys: KeyStore, name: str, rate: float | None) -> None:
    with pytest.raises(ValidationError):
        keys.create(name, rate=rate)


def test_only_requests_with_a_valid_key_are_answered(
    keys: KeyStore, registry: ModelRegistry
) -> None:
    _, secret = keys.create("ci")
    app = create_app(ModelHolder(registry, ModelChoice("m")), guard=KeyGuard(keys))

    async def session(client: httpx.AsyncClient) -> None:
        assert (await client.get("/openapi.json")).status_code == 401
        assert (await client.post("/predict", json={})).status_code == 401
        wrong = {"Authorization": f"Bearer {secret}x"}
        assert (await client.get("/openapi.json", headers=wrong)).status_code == 401
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/ready")).status_code == 503
        for header in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
            assert (await client.get("/openapi.json", headers=header)).status_code == 200

    ask(app, session)


def test_a_key_may_ask_at_its_rate(
    keys: KeyStore, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("tauro.serving._guard.time", SimpleNamespace(monotonic=lambda: now[0]))
    _, secret = keys.create("slow", rate=1 / 1024)
    app = create_app(ModelHolder(registry, ModelChoice("m")), guard=KeyGuard(keys))

    async def session(client: httpx.AsyncClient) -> None:
        client.headers["X-API-Key"] = secret
        assert (await client.get("/openapi.json")).status_code == 200
        again = await client.get("/openapi.json")
        assert again.status_code == 429
        assert again.headers["retry-after"] == "1024"
        now[0] += 1023
        assert (await client.get("/openapi.json")).headers["retry-after"] == "1"
        now[0] += 1
        assert (await client.get("/openapi.json")).status_code == 200

    ask(app, session)


@pytest.mark.parametrize(
    ("base", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("http://localhost", 200),
        ("http://[::1]:9", 200),
        ("http://evil.example", 421),
        ("http://127.0.0.1.evil.example:8000", 421),
    ],
)
def test_a_foreign_host_name_is_refused_on_loopback(
    registry: ModelRegistry, base: str, status: int
) -> None:
    app = create_app(ModelHolder(registry, ModelChoice("m")), guard=LoopbackGuard())

    async def session(client: httpx.AsyncClient) -> int:
        return (await client.get("/health")).status_code

    assert ask(app, session, base) == status


def test_beyond_loopback_there_must_be_a_key(keys: KeyStore) -> None:
    for host in ("0.0.0.0", "::", "10.0.0.1", "example.com"):
        assert not is_loopback(host)
        with pytest.raises(ServingError, match="authentication"):
            choose_guard(host, keys)
    assert isinstance(choose_guard("127.0.0.1", keys), LoopbackGuard)
    keys.create("ci")
    assert isinstance(choose_guard("0.0.0.0", keys), KeyGuard)


@pytest.mark.parametrize("change", [b"{", b'"name": "\xff"'], ids=["cut off", "not UTF-8"])
def test_a_damaged_key_keeps_no_other_from_its_use(
    keys: KeyStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: bytes
) -> None:
    """Nor from being revoked, which may be urgent."""
    key, _ = keys.create("ci")
    lost, _ = keys.create("lost")
    file = tmp_path / "store" / "serving" / "keys" / f"{lost.id}.json"
    whole = file.read_bytes()
    file.write_bytes(b"{" if change == b"{" else whole.replace(b'"name": "lost"', change))
    assert [each.id for each in keys.by_hash().values()] == [key.id]
    assert lost.id in caplog.text
    assert [each.id for each in keys.list_keys()] == [key.id]
    assert [each.id for each in keys.revoke("ci")] == [key.id]
