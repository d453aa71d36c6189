"""The application over HTTP: answers, states, documents, swaps."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from tests.unit.serving.conftest import GOOD, NAME, ROWS, ask, register

from tauro.errors import ValidationError
from tauro.registry import ModelRegistry
from tauro.serving import Limits, ModelChoice, ModelHolder, create_app

NEVER = 1e9


def holder_of(registry: ModelRegistry, name: str = NAME, **options: Any) -> ModelHolder:
    return ModelHolder(registry, ModelChoice(name), **{"compiled": "never", **options})


async def predict(client: httpx.AsyncClient, *samples: Any, **options: Any) -> httpx.Response:
    return await client.post("/predict", json={"samples": samples}, **options)


def test_predictions_equal_the_models_and_name_their_version(registry: ModelRegistry) -> None:
    register(registry)
    expected = registry.load_model(NAME).predict(ROWS).tolist()

    async def session(client: httpx.AsyncClient) -> None:
        answer = await predict(client, *ROWS.to_dict("records"), headers={"X-Request-ID": "a.1"})
        assert answer.status_code == 200
        assert answer.json() == {"predictions": expected, "model": NAME, "model_version": 1}
        assert answer.headers["x-request-id"] == "a.1"
        assert answer.headers["x-model-version"] == "1"
        other = await client.post(f"/models/{NAME}/predict", json={"samples": [GOOD]})
        assert other.json()["predictions"] == expected[:1]
        assert other.headers["x-request-id"] not in ("", "a.1")
        csv = ROWS.to_csv(index=False)
        table = await client.post("/predict", content=csv, headers={"content-type": "text/csv"})
        assert table.json()["predictions"] == expected

    ask(create_app(holder_of(registry), follow_seconds=NEVER), session)


def test_errors_have_their_status_and_name_version_and_request(registry: ModelRegistry) -> None:
    register(registry)

    async def session(client: httpx.AsyncClient) -> None:
        cases = {
            400: await client.post("/predict", content=b"{"),
            404: await client.post("/models/covr/predict", json={}),
            405: await client.get("/predict"),
            413: await client.post("/predict", content=b" " * 2000),
            415: await client.post("/predict", content=b"x", headers={"content-type": "a/b"}),
            422: await predict(client, {**GOOD, "soil": "rock"}, {}),
        }
        assert {status: answer.status_code for status, answer in cases.items()} == {
            status: status for status in cases
        }
        assert cases[404].json()["message"].startswith("The model 'covr' is not served here")
        wrong = cases[422].json()
        assert wrong["model_version"] == 1
        assert wrong["request_id"] == cases[422].headers["x-request-id"]
        assert [problem["path"] for problem in wrong["details"]["problems"]] == [
            "samples[0].soil",
            "samples[1].height",
            "samples[1].soil",
            "samples[1].n",
        ]

    app = create_app(holder_of(registry), follow_seconds=NEVER, limits=Limits(max_body=1000))
    ask(app, session)


def test_a_chunked_body_is_bounded_too(registry: ModelRegistry) -> None:
    register(registry)

    async def chunks() -> Any:
        for _ in range(100):
            yield b" " * 100

    async def session(client: httpx.AsyncClient) -> int:
        return (await client.post("/predict", content=chunks())).status_code

    limits = Limits(max_body=1000)
    assert ask(create_app(holder_of(registry), follow_seconds=NEVER, limits=limits), session) == 413


def test_without_a_version_everything_says_so_and_why(registry: ModelRegistry) -> None:
    async def session(client: httpx.AsyncClient) -> None:
        answer = await predict(client, GOOD)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["model_version"] is None
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get("/v2/health/ready")).status_code == 503
        assert (await client.get("/metadata")).status_code == 503
        health = await client.get("/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")
        assert NAME in health.json()["refused"]["reason"]

    ask(create_app(holder_of(registry), follow_seconds=NEVER), session)


def test_the_registry_is_followed_and_no_request_fails_meanwhile(registry: ModelRegistry) -> None:
    register(registry)
    app = create_app(holder_of(registry), follow_seconds=0.01)

    async def session(client: httpx.AsyncClient) -> None:
        assert (await predict(client, GOOD)).json()["predictions"] == [0]
        await asyncio.to_thread(register, registry, flip=True)
        while True:
            answer = await predict(client, GOOD)
            assert answer.status_code == 200
            found = answer.json()
            assert (found["model_version"], found["predictions"]) in ((1, [0]), (2, [1]))
            if found["model_version"] == 2:
                return

    ask(app, session)


def test_a_version_that_fails_its_own_example_never_serves(
    registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry)
    holder = holder_of(registry)
    assert holder.refresh()
    version = register(registry, flip=True)

    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("nothing there")

    with monkeypatch.context() as patch:
        patch.setattr("sklearn.linear_model.LogisticRegression.predict", fail)
        assert not holder.refresh()
    assert holder.served.version.version == 1
    refusal = holder.refusal
    assert refusal is not None
    assert refusal.version == version
    assert "input example" in refusal.reason
    assert not holder.refresh(), "a version that was refused is not tried again at once"
    registry.promote_model(NAME, 1, "Production")
    assert not holder.refresh()
    assert holder.refusal is None


def test_state_metadata_and_metrics(registry: ModelRegistry) -> None:
    register(registry)

    async def session(client: httpx.AsyncClient) -> None:
        for _ in range(3):
            await predict(client, GOOD, GOOD)
        await predict(client, {})
        described = (await client.get("/metadata")).json()
        assert described["columns"] == ["height", "soil", "n"]
        assert described["categories"] == {"soil": ["clay", "sand"]}
        assert described["path"] == "plain"
        assert described["stage"] == "Production"
        assert described["digest"].startswith("sha256:")
        assert (await client.get("/ready")).text == "OK"
        assert (await client.get("/health")).json()["status"] == "healthy"
        text = (await client.get("/metrics")).text
        labels = f'model="{NAME}",status="200",version="1"'
        assert f"tauro_requests_total{{{labels}}} 3.0" in text
        assert f'tauro_predicted_rows_total{{model="{NAME}",version="1"}} 6.0' in text
        assert 'status="422",version="1"} 1.0' in text
        assert f'tauro_served_version{{model="{NAME}"}} 1.0' in text
        reloaded = (await client.post("/reload")).json()
        assert reloaded == {"reloaded": True, "model": NAME, "version": 1, "reason": ""}

    ask(create_app(holder_of(registry), follow_seconds=NEVER), session)


def test_the_document_has_the_models_own_columns(registry: ModelRegistry) -> None:
    register(registry)

    async def session(client: httpx.AsyncClient) -> Any:
        assert (await client.get("/docs")).status_code == 200
        document = (await client.get("/openapi.json")).json()
        content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
        row = content["application/json"]["schema"]["properties"]["samples"]["items"]
        assert row["properties"]["soil"]["enum"] == ["clay", "sand"]
        assert row["required"] == ["height", "soil", "n"]
        example = content["application/json"]["example"]
        return (await client.post("/predict", json=example)).json()["predictions"]

    assert ask(create_app(holder_of(registry), follow_seconds=NEVER), session) == [0, 0]


def test_several_models_in_one_server(registry: ModelRegistry) -> None:
    register(registry, "a")
    register(registry, "b", flip=True)

    async def session(client: httpx.AsyncClient) -> None:
        which = await predict(client, GOOD)
        assert which.status_code == 400
        assert "/models/a/predict" in which.json()["message"]
        found = [await client.post(f"/models/{n}/predict", json={"samples": [GOOD]}) for n in "ab"]
        assert [answer.json()["predictions"] for answer in found] == [[0], [1]]
        assert [m["model"] for m in (await client.get("/metadata")).json()["models"]] == ["a", "b"]
        assert (await client.get("/models/b/metadata")).json()["model"] == "b"
        assert (await client.get("/health")).json()["status"] == "healthy"
        assert (await client.post("/reload")).json()["reloaded"] is True

    ask(create_app([holder_of(registry, n) for n in "ab"], follow_seconds=NEVER), session)
    with pytest.raises(ValidationError):
        create_app([holder_of(registry), holder_of(registry)])
    with pytest.raises(ValidationError):
        create_app([])


def test_every_request_is_a_line_of_json_in_the_access_log(
    registry: ModelRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    register(registry)

    async def session(client: httpx.AsyncClient) -> None:
        await predict(client, GOOD, headers={"X-Request-ID": "abc"})
        await predict(client, GOOD, headers={"X-Request-ID": 'no"quotes'})

    with caplog.at_level(logging.INFO, "tauro.serving.access"):
        ask(create_app(holder_of(registry), follow_seconds=NEVER), session)
    lines = [json.loads(r.message) for r in caplog.records if r.name == "tauro.serving.access"]
    assert lines[0]["request_id"] == "abc"
    assert '"' not in lines[1]["request_id"]
    assert (lines[0]["status"], lines[0]["rows"], lines[0]["version"]) == (200, 1, 1)


def tensor(name: str, datatype: str, *data: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data)}


def test_the_open_inference_protocol(registry: ModelRegistry) -> None:
    register(registry)
    inputs = [
        tensor("height", "FP64", 0.1, 1.1),
        tensor("soil", "BYTES", "sand", "clay"),
        tensor("n", "INT64", 1, 4),
    ]

    async def session(client: httpx.AsyncClient) -> None:
        assert (await client.get("/v2/health/live")).json() == {"live": True}
        assert (await client.get(f"/v2/models/{NAME}/ready")).json()["ready"] is True
        described = (await client.get(f"/v2/models/{NAME}")).json()
        assert [one["datatype"] for one in described["inputs"]] == ["FP64", "BYTES", "INT64"]
        assert described["versions"] == ["1"]
        url = f"/v2/models/{NAME}/infer"
        answer = (await client.post(url, json={"id": "7", "inputs": inputs})).json()
        assert answer == {
            "model_name": NAME,
            "model_version": "1",
            "id": "7",
            "outputs": [{"name": "predictions", "shape": [2], "datatype": "INT64", "data": [0, 1]}],
        }
        wrong: list[Any] = [
            [{**inputs[0], "datatype": "FP65"}, *inputs[1:]],
            [{**inputs[0], "shape": [3]}, *inputs[1:]],
            [{**inputs[0], "shape": [-1]}, *inputs[1:]],
            [{**inputs[0], "data": ["a", "b"]}, *inputs[1:]],
            [{**inputs[0], "shape": [1], "data": [1.0]}, *inputs[1:]],
            inputs[1:],
            [{"name": "x"}],
        ]
        for body in wrong:
            answer = await client.post(url, json={"inputs": body})
            assert answer.status_code == 422, answer.text
        assert (await client.post(url, json={"inputs": []})).status_code == 400
        assert (await client.post(url, content=b"{")).status_code == 400
        assert (await client.post("/v2/models/x/infer", json={"inputs": []})).status_code == 404

    ask(create_app(holder_of(registry), follow_seconds=NEVER), session)


def test_what_is_not_there_is_told_like_every_error(registry: ModelRegistry) -> None:
    register(registry)

    async def session(client: httpx.AsyncClient) -> None:
        missing = await client.get("/nowhere")
        assert missing.status_code == 404
        assert missing.json()["message"] == "There is no '/nowhere' here."
        for path, method in (("/predict", "GET"), ("/health", "POST")):
            wrong = await client.request(method, path)
            assert wrong.status_code == 405
            assert wrong.headers["allow"] == ("POST" if method == "GET" else "GET")
            assert method in wrong.json()["message"]
        packed = {"content-encoding": "gzip"}
        answer = await client.post("/predict", content=b"x", headers=packed)
        assert answer.status_code == 415
        assert "gzip" in answer.json()["message"]

    ask(create_app(holder_of(registry), follow_seconds=NEVER), session)


def test_a_server_that_closes_asks_its_clients_to_leave(registry: ModelRegistry) -> None:
    register(registry)
    app = create_app(holder_of(registry), follow_seconds=NEVER)

    async def session(client: httpx.AsyncClient) -> None:
        assert "connection" not in (await predict(client, GOOD)).headers
        app.edge.door.is_closing = True
        for answer in (await predict(client, GOOD), await client.get("/health")):
            assert answer.status_code == 200
            assert answer.headers["connection"] == "close"
        assert (await predict(client, {})).headers["connection"] == "close"
        assert (await client.get("/ready")).status_code == 503

    ask(app, session)


def test_one_model_without_a_version_does_not_keep_others_from_being_reloaded(
    registry: ModelRegistry,
) -> None:
    register(registry, "a")

    async def session(client: httpx.AsyncClient) -> None:
        answer = await client.post("/reload")
        assert answer.status_code == 503
        first, second = answer.json()["models"]
        assert (first["version"], first["reloaded"]) == (None, False)
        assert "'none'" in first["reason"]
        assert (second["version"], second["reloaded"]) == (1, True)

    holders = [holder_of(registry, name) for name in ("none", "a")]
    ask(create_app(holders, follow_seconds=NEVER), session)


def test_the_request_of_the_first_page_is_answered(registry: ModelRegistry) -> None:
    """What a stranger copies first, asked of the model that the page registers."""
    page = (Path(__file__).parents[3] / "docs" / "getting-started.md").read_text()
    [body] = re.findall(r"-d '(.*?)'\n", page, re.DOTALL)
    irises, kinds = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(irises, kinds)
    registry.register_model(model=model, name=NAME, input_example=irises)
    registry.promote_model(NAME, 1, "Production")

    async def session(client: httpx.AsyncClient) -> None:
        headers = {"content-type": "application/json"}
        answer = await client.post("/predict", content=body, headers=headers)
        assert (answer.status_code, answer.json()["predictions"]) == (200, [0])

    ask(create_app(holder_of(registry), follow_seconds=NEVER), session)
