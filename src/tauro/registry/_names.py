"""Names of models, versions' labels, aliases and tags; and a model's name as a folder's."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Any, Final
from urllib.parse import quote

from tauro.errors import ValidationError
from tauro.validation import validate_model_name

_ALIAS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}")
_VERSION_LIKE: Final = re.compile(r"[vV]?\d+|latest", re.IGNORECASE)
# Characters that some file system refuses, besides those that no name may have.
_REFUSED_IN_FILES: Final = re.compile(r'[%\\*?"<>|]')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST_FOLDER: Final = 200


def check_model_name(name: Any) -> str:
    """Return a model's name, in Unicode's composed form.

    Raises:
        ValidationError: It is no text of 1 to 255 printable characters without ``/`` and ``:``, or
            starts or ends with a space.
    """
    text = validate_model_name(name)
    if text != text.strip():
        raise ValidationError(
            f"The model's name {text!r} starts or ends with a space.",
            context={"name": text},
            suggestions=[f"Write {text.strip()!r}."],
        )
    return unicodedata.normalize("NFC", text)


def check_alias(alias: Any) -> str:
    """Return an alias.

    Raises:
        ValidationError: It has other characters than letters, digits, ``_ . -``, or reads as a
            version number.
    """
    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
        raise ValidationError(
            f"{alias!r} cannot be an alias; expected letters, digits, '_', '.', '-', starting with "
            "a letter or digit.",
            context={"alias": str(alias)},
        )
    if _VERSION_LIKE.fullmatch(alias):
        raise ValidationError(
            f"{alias!r} cannot be an alias: it reads as a version number.",
            context={"alias": alias},
            suggestions=["Name what the version is for: champion, challenger, eu-blue."],
        )
    return alias


def check_label(label: Any) -> str:
    """Return a version label; "" is none.

    Raises:
        ValidationError: It is no text of letters, digits, ``_ . + -``.
    """
    if isinstance(label, str) and (not label or _LABEL.fullmatch(label)):
        return label
    raise ValidationError(
        f"{label!r} cannot be a version label; expected up to 128 letters, digits, '_', '.', '+', "
        "'-', such as 1.0.0.",
        context={"label": str(label)},
    )


def folder_of(name: str) -> str:
    """Return the folder name of a model: its name, percent-encoded where a file system needs it."""
    text = _REFUSED_IN_FILES.sub(lambda found: quote(found.group(), safe=""), name)
    if text.startswith(".") or _DEVICES.match(text):
        text = f"%{ord(text[0]):02X}{text[1:]}"
    if text.endswith((".", " ")):
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    raw = text.encode()
    if len(raw) <= _LONGEST_FOLDER:
        return text
    digest = hashlib.blake2b(name.encode(), digest_size=10).hexdigest()
    return raw[:_LONGEST_FOLDER].decode(errors="ignore") + "%" + digest
