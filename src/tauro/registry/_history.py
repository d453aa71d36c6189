"""What happened to a model, oldest first."""

from __future__ import annotations

import heapq
from copy import deepcopy
from typing import Any

from tauro.registry._ledger import ModelLedger


def history_of(ledger: ModelLedger, version: int | None = None) -> list[dict[str, Any]]:
    """Return the registrations and changes of a model, or of one version."""
    with ledger.frozen():
        numbers = range(1, ledger.latest + 1) if version is None else [version]
        documents = map(ledger.readable, (n for n in numbers if 1 <= n <= ledger.latest))
        registered = [
            _entry(at=d.created_at, by=d.created_by, action="register", version=d.version)
            for d in documents
            if d is not None
        ]
        changed = [
            _entry(
                at=change.at,
                by=change.by,
                action=change.action,
                version=change.version,
                key=change.key,
                before=change.before,
                after=change.after,
                archived=change.archived,
                why=change.why,
            )
            for change in ledger.changes
            if version is None or version in (change.version, change.archived)
        ]
    # Clocks differ and are set back; versions, and changes, are in the order of their numbers.
    return list(heapq.merge(registered, changed, key=lambda entry: entry["at"]))


def _entry(**fields: Any) -> dict[str, Any]:
    return {
        "at": fields["at"],
        "by": fields["by"],
        "action": fields["action"],
        "version": fields["version"],
        "alias": fields.get("key", ""),
        "from": deepcopy(fields.get("before")),
        "to": deepcopy(fields.get("after")),
        "archived": fields.get("archived"),
        "why": fields.get("why", ""),
    }
