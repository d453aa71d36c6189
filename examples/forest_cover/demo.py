"""The whole road, with real processes: source, ingestion, training, serving, drift.

``python demo.py`` stays up until Ctrl-C; ``python demo.py --once`` ends by itself, with exit code 0
or the name of the step that failed. What it writes lies in ``var/`` beside this file.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx

from forest_cover.road import GROUP, SAMPLE_SIZE, TRAINING_BATCHES

PROJECT = Path(__file__).resolve().parent
VAR = Path(os.environ.get("FOREST_COVER_HOME") or PROJECT / "var").resolve()
STORE = VAR / "mlops_data"
MODEL = "forest-cover-classifier"

REQUEST = PROJECT / "request.json"
"""What the server is asked: one sample."""

START_SECONDS = 300.0
"""How long a server may take to start, and to answer: a loaded machine is slow, a hung one must be
noticed."""


class StepError(Exception):
    """A step of the road failed."""

    def __init__(self, step: str, reason: str) -> None:
        super().__init__(f"step {step!r} failed: {reason}")


class Interrupted(BaseException):
    """Ctrl-C, a polite request to end, or a terminal that was closed."""


def say(text: str) -> None:
    print(text, flush=True)


# Processes


@contextmanager
def background(step: str, command: list[str], environment: dict[str, str]) -> Iterator[Process]:
    """Run a server while the body runs; it is asked to end, then made to."""
    log = VAR / "logs" / f"{step}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        child = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches the demo alone, which then ends the servers in their order.
            start_new_session=True,
        )
        try:
            yield Process(step, child, log)
        finally:
            child.terminate()
            try:
                child.wait(timeout=15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


class Process:
    """A server that runs beside the demo, and its log."""

    def __init__(self, step: str, child: subprocess.Popen[bytes], log: Path) -> None:
        self.step, self._child, self._log = step, child, log

    def wait_for(self, ready: Callable[[], str | None], what: str) -> str:
        """Return what ``ready`` returns as soon as that is something."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = ready()
            if found is not None:
                return found
            if self._child.poll() is not None:
                break
            time.sleep(0.1)
        code = self._child.poll()
        ended = "it does not answer" if code is None else f"it ended with exit code {code}"
        raise StepError(self.step, f"no {what}: {ended}\n{tail(self.output())}")

    def output(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def tauro(step: str, *arguments: str, environment: dict[str, str], quiet: bool = False) -> Any:
    """Run a command of Tauro; return the document it prints, show on the terminal what else."""
    command = [sys.executable, "-m", "tauro", *arguments, "--json"]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        said: list[str] = []
        reader = threading.Thread(target=_follow, args=(child.stderr, said, quiet))
        reader.start()
        try:
            document = child.stdout.read()
            reader.join()
            code = child.wait()
        except BaseException:
            child.terminate()
            raise
    if code != 0:
        raise StepError(
            step,
            f"tauro {' '.join(arguments)} ended with exit code {code}\n"
            + tail(document + "\n" + "\n".join(said)),
        )
    return json.loads(document)


def _follow(stream: IO[str], said: list[str], quiet: bool) -> None:
    for line in stream:
        said.append(line.rstrip())
        if not quiet:
            say(f"    {said[-1]}")


def tail(text: str, lines: int = 30) -> str:
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])


# Steps


def start_source(stack: ExitStack, environment: dict[str, str]) -> str:
    """Start the source with its group at batch 1; return its address."""
    command = [sys.executable, "-m", "forest_cover.source", "--port", "0", "--interval", "0"]
    command += ["--sample-size", str(SAMPLE_SIZE), "--state", str(VAR / "source_state.json")]
    data = environment.get("FOREST_COVER_DATA")
    if data:
        command += ["--data", str(Path(data).resolve())]
    source = stack.enter_context(background("source", command, environment))

    line = source.wait_for(announcement(source), "address")
    address = line.rsplit(" ", 1)[1]
    say(f"  {line}")
    with reaching("source"):
        httpx.get(
            f"{address}/restart_data_generation",
            params={"group_number": GROUP},
            timeout=START_SECONDS,
            trust_env=False,
        ).raise_for_status()
    return address


@contextmanager
def reaching(step: str) -> Iterator[None]:
    """Name the step in which a server did not answer."""
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise StepError(step, f"{error}\n    {error.response.text[:1000]}") from error
    except httpx.HTTPError as error:
        raise StepError(step, f"{type(error).__name__}: {error}") from error


def ingest(step: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run the ingestion pipeline once; return what came."""
    result = tauro(
        step,
        *("run", "--env", "dev", "--pipeline", "forest_cover_data_pipeline"),
        *("--store", str(STORE)),
        environment=environment,
        quiet=True,
    )
    stored: dict[str, Any] = value_of(result, "store_samples")
    say(
        f"  batch {stored['batch_number']}: {stored['received']:,} samples received, "
        f"{stored['inserted']:,} new"
    )
    return stored


def train(environment: dict[str, str]) -> dict[str, Any]:
    """Run the training pipeline; return what it decided."""
    result = tauro(
        "train",
        *("run", "--env", "dev", "--pipeline", "forest_training_pipeline"),
        *("--store", str(STORE)),
        environment=environment,
    )
    decided: dict[str, Any] = value_of(result, "train_forest_models")
    return decided


def value_of(result: dict[str, Any], node: str) -> Any:
    """Return what a node of a run returned."""
    return next(one["value"] for one in result["nodes"] if one["name"] == node)


def serve(stack: ExitStack, environment: dict[str, str]) -> str:
    """Start the model server; return its address once the model answers."""
    command = [sys.executable, "-m", "tauro", "serve", MODEL, "--stage", "production"]
    command += ["--port", "0", "--store", str(STORE)]
    server = stack.enter_context(background("serve", command, environment))
    address = re.search(r"http://[\d.]+:\d+", server.wait_for(announcement(server), "address"))
    assert address is not None
    url = address.group()

    def ready() -> str | None:
        try:
            answer = httpx.get(f"{url}/ready", timeout=5, trust_env=False)
        except httpx.TransportError:
            return None
        return url if answer.status_code == httpx.codes.OK else None

    server.wait_for(ready, "answer of /ready")
    say(f"  {MODEL} is served on {url}")
    return url


def announcement(server: Process) -> Callable[[], str | None]:
    """Return what looks for the line in which a server tells its address."""

    def found() -> str | None:
        lines = server.output().splitlines()
        return next((line for line in lines if line.startswith("Serving ")), None)

    return found


def predict(address: str) -> dict[str, Any]:
    """Ask the running server for the cover type of one sample."""
    with reaching("predict"):
        answer = httpx.post(
            f"{address}/predict",
            content=REQUEST.read_bytes(),
            headers={"Content-Type": "application/json"},
            timeout=START_SECONDS,
            trust_env=False,
        ).raise_for_status()
    document: dict[str, Any] = answer.json()
    if not isinstance(document.get("predictions"), list) or len(document["predictions"]) != 1:
        raise StepError("predict", f"one prediction was expected, got {document}")
    say(f"  cover type {document['predictions'][0]} of version {document['model_version']}")
    return document


def report_drift(snapshot: str, environment: dict[str, str]) -> Path:
    """Compare the last capture with what the champion was trained on: table, JSON, HTML."""
    page, document = VAR / "drift.html", VAR / "drift.json"
    report = tauro(
        "drift",
        *("drift", snapshot, str(VAR / "last_capture.csv"), "--html", str(page)),
        environment=environment,
        quiet=True,
    )
    document.write_text(json.dumps(report, indent=2), encoding="utf-8")
    say(f"  {report['summary']}")
    features = report["features"].values()
    for feature in sorted(features, key=lambda one: one["status"] != "drift"):
        finding = feature["verdict"].partition(". ")[0].partition(": ")[2]
        say(f"    {feature['name']:36}{feature['status']:12}{finding}")
    if not report["drift_detected"]:
        raise StepError("drift", "the differing batch was not told from the training data")
    return page


# The road


def walk(stack: ExitStack) -> str:
    """Go the whole road; return what to say at its end."""
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "FOREST_COVER_HOME": str(VAR),
        "GROUP_NUMBER": str(GROUP),
    }
    say("[1/7] The source")
    source = start_source(stack, environment)
    environment["SOURCE_API_BASE_URL"] = source
    say(f"[2/7] Ingesting {TRAINING_BATCHES} batches")
    for _ in range(TRAINING_BATCHES):
        ingest("ingest", environment)
    say("[3/7] Training three models")
    decided = train(environment)
    say("[4/7] Serving what is in Production")
    server = serve(stack, environment)
    say("[5/7] Predicting")
    answer = predict(server)
    if answer["model_version"] != decided["version"]:
        raise StepError(
            "predict",
            f"version {answer['model_version']} answered, version {decided['version']} is champion",
        )
    say("[6/7] Ingesting a differing batch")
    ingest("ingest the differing batch", environment)
    say("[7/7] Looking for drift")
    page = report_drift(decided["snapshot"], environment)
    say("")
    say(f"Source       {source}/data?group_number={GROUP}")
    say(f"Server       {server}/docs")
    say(f"Drift page   {page}")
    say(f"Store        {STORE}")
    return (
        f"Champion {decided['champion']}, version {decided['version']}, "
        f"f1_macro {decided['f1_macro']:.4f}; the server predicts cover type "
        f"{answer['predictions'][0]}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Return 0, 1 for a step that failed, 130 when interrupted on the way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--once", action="store_true", help="end at the end of the road")
    options = parser.parse_args(arguments)

    signals = [signal.SIGINT, signal.SIGTERM]
    # A terminal that is closed takes the servers with it, unless that was asked for (nohup).
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)

    def stop(*_: object) -> None:
        # A second Ctrl-C must not break off the ending of the servers.
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise Interrupted

    for number in signals:
        signal.signal(number, stop)
    arrived = False
    try:
        with ExitStack() as stack:
            summary = walk(stack)
            arrived = True
            if not options.once:
                say("")
                say(f"{summary}\nCtrl-C ends it.")
                signal.pause()
        say(summary)
    except StepError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except Interrupted:
        say("\nEnded." if arrived else "\nInterrupted.")
        return 0 if arrived else 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
