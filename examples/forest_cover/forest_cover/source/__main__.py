"""Run the source: ``python -m forest_cover.source --port 8001 --data covertype.csv``."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from forest_cover.data import load_samples
from forest_cover.source import BatchClock, SourceServer


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code."""
    options = _parse(arguments)
    level = logging.INFO if options.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", stream=sys.stderr)
    try:
        samples, origin = load_samples(options.data)
        clock = BatchClock(options.interval, options.state)
        server = SourceServer(
            (options.host, options.port), samples, clock, sample_size=options.sample_size
        )
    except (OSError, ValueError) as error:
        print(f"The source cannot start: {error}", file=sys.stderr)
        return 1
    # Whoever started the process reads the address from this line: with --port 0 it is not known.
    print(f"Serving {len(samples):,} samples of {origin} on {_address(server)}", flush=True)
    _serve(server)
    print("The source has ended", flush=True)
    return 0


def _serve(server: SourceServer) -> None:
    def stop(*_: object) -> None:
        # From a thread: the handler runs in the thread of serve_forever, which shutdown waits for.
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    with server:
        server.serve_forever(poll_interval=0.1)


def _address(server: SourceServer) -> str:
    host = server.server_address[0]
    return f"http://{host!s}:{server.server_port}"


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m forest_cover.source",
        description="Serve forest-cover samples. GET /data?group_number=N gives a random sample of "
        "the group's present batch, a tenth of the file. "
        "GET /restart_data_generation?group_number=N begins again.",
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="CSV file with the 13 columns; without it scikit-learn's Covertype where it has been "
        "downloaded, else a generator",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001, help="0 takes a free one")
    parser.add_argument(
        "--interval",
        type=_seconds,
        default=300.0,
        help="seconds a batch lasts at least (default 300); 0 moves on with every call",
    )
    parser.add_argument("--state", type=Path, help="file that keeps the groups' batches")
    parser.add_argument(
        "--sample-size",
        type=_size,
        help="samples an answer holds (default: a tenth of the batch)",
    )
    parser.add_argument("--verbose", action="store_true", help="log every request")
    return parser.parse_args(arguments)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds, 0 or more")
    return value


def _size(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of samples, 1 or more")
    return value


if __name__ == "__main__":
    sys.exit(main())
