"""Run every benchmark, or those named: python -m benchmarks [tracking registry …]."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from benchmarks._environments import machine

HERE = Path(__file__).parent


def main() -> None:
    names = sorted(
        path.stem
        for path in HERE.glob("*.py")
        if not path.stem.startswith("_") and not path.stem.endswith("_peers")
    )
    chosen = sys.argv[1:] or names
    unknown = [name for name in chosen if name not in names]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join(names)}")
    print(machine())
    sys.argv = sys.argv[:1]
    for name in chosen:
        print(f"\n== {name} ==", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
