"""Runs the blocks of one document in order, in a process and a folder of its own.

``python -m tests.seeds._runner DOCUMENT FOLDER ANSWER`` writes to the file ANSWER, as JSON, the
error of each block by its number; "" where there was none.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

from tests.seeds import _prelude
from tests.seeds._blocks import read_blocks
from tests.seeds._checks import Session, attempt
from tests.seeds._plan import PLANS, Plan

import tauro.compat


def run_document(document: Path, root: Path) -> dict[int, str]:
    """Return the error of each block, "" where there was none."""
    tauro.compat.enable()
    os.chdir(root)
    sys.path.insert(0, str(root))
    session = Session(root, {"__name__": "__seed__"})
    blocks = read_blocks(document)
    _prelude.start(blocks[0].seed, session.names, root)
    errors: dict[int, str] = {}
    for block in blocks:
        plan = PLANS[block.seed].get(block.number, Plan())
        try:
            attempt(block, plan, session)
            errors[block.number] = ""
        except Exception as error:  # noqa: BLE001 - whatever a block raises is its result
            lines = traceback.format_exception(error)
            errors[block.number] = "".join(lines)
    return errors


if __name__ == "__main__":
    target = Path(sys.argv[3]).resolve()
    answer = run_document(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
    target.write_text(json.dumps(answer), encoding="utf-8")
