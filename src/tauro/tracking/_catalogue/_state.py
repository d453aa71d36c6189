"""What the published views cover: the file that makes journals disposable.

Its order of writing is what readers rely on. A publisher replaces the views, then this file, then
removes journals whose entries the views hold. A reader lists the journals first and reads this file
afterwards; so a journal that it missed was removed under an epoch that it will notice.
"""

from __future__ import annotations

import msgspec

from tauro._internal import _fs
from tauro._internal._json import decode_checked, strange_fields, with_checksum
from tauro.tracking._catalogue._layout import Layout

FORMAT = 1


class Published(msgspec.Struct, frozen=True, array_like=True):
    """A view that was put in place.

    Attributes:
        serial: The publication.
        checksum: Of the file.
        folder: When the folder of the view was last changed, right after it was put in place.
    """

    serial: int
    checksum: int
    folder: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The last publication.

    Attributes:
        format: Of this file.
        serial: Its number.
        views: Each experiment's view; that of the experiments under ``""``.
        watermark: How much of each journal that was left the views hold.
        gone: Runs and experiments that are gone and stand in the journals after a watermark, with
            their revision.
        folded: Journals that are removed, for all they hold is in the views.
    """

    format: int
    serial: int
    views: dict[str, Published]
    watermark: dict[str, int]
    folded: list[str] = []
    gone: dict[str, int] = {}


_decoder = msgspec.json.Decoder(State)


def read_state(layout: Layout) -> State | None:
    """Return the state, or None where there is none that this version can use."""
    try:
        state = decode_checked(_fs.read_bytes(layout.state), _decoder)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, msgspec.DecodeError):
        return None
    return state if state.format == FORMAT else None


def is_damaged(layout: Layout) -> bool:
    """Tell whether the state is not what was written; a field that none has hides another."""
    try:
        data = _fs.read_bytes(layout.state)
        decode_checked(data, _decoder)
        return bool(strange_fields(data, State.__struct_fields__))
    except FileNotFoundError:
        return False
    except (NotADirectoryError, IsADirectoryError, msgspec.DecodeError):
        return True


def write_state(layout: Layout, state: State, *, durable: bool) -> None:
    """Put the state in place in one step."""
    _fs.replace_file(layout.state, with_checksum(msgspec.json.encode(state)), durable=durable)
