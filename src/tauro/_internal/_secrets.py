"""Secrets are never shown: one list of names that sound secret, one way to mask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

MASK: Final = "***"
_SECRET_KEY = re.compile(
    r"passw(or)?d|passphrase|pwd|secret|token(?!iz)|(api|access|private|account|shared|signing)[_-]?key"
    r"|credential|authorization|bearer|sas[_-]?url|connection[_-]?string|cookie",
    re.IGNORECASE,
)
_USER_INFO = re.compile(
    r"(?P<scheme>\b[a-z][\w+.-]*://)(?P<user>[^\s:/@'\"]*):[^\s/'\"]+@", re.IGNORECASE
)
_TOKEN = re.compile(r"(?P<scheme>\bhttps?://)[^\s:/@'\"]+@", re.IGNORECASE)
_QUERY = re.compile(r"(?P<key>[?&](?P<name>[\w.%-]+)=)[^&#\s'\"]+")
_SIGNATURE = re.compile(r"(?:\A|[_-])sig(?:nature)?\Z", re.IGNORECASE)
_IN_LINE = re.compile(
    rf"(?P<key>[\w.-]*(?:{_SECRET_KEY.pattern})[\w.-]*[\"']?\s*[:=]\s*)(?P<value>\S.*)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)  # the same few names come with every record
def is_secret_name(name: str) -> bool:
    """Tell whether a key of this name is taken to hold a secret."""
    return bool(_SECRET_KEY.search(name))


def mask_text(text: str) -> str:
    """Return a text with the passwords and tokens of URLs masked, and what signs them.

    A user without a password is shown, but for HTTP, where it is a token.
    """
    if "://" not in text:
        return text
    text = _USER_INFO.sub(rf"\g<scheme>\g<user>:{MASK}@", text)
    return _QUERY.sub(_masked_value, _TOKEN.sub(rf"\g<scheme>{MASK}@", text))


def _masked_value(found: re.Match[str]) -> str:
    secret = is_secret_name(found["name"]) or _SIGNATURE.search(found["name"])
    return f"{found['key']}{MASK}" if secret else found[0]


def mask_line(line: str) -> str:
    """Return a line of a configuration file with what follows a secret-looking key masked."""
    return mask_text(_IN_LINE.sub(rf"\g<key>{MASK}", line))


def mask_secrets(value: Any) -> Any:
    """Return plain values with everything under a secret-looking key masked."""
    if isinstance(value, Mapping):
        return {
            key: MASK if item is not None and is_secret_name(str(key)) else mask_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [mask_secrets(item) for item in value]
    return mask_text(value) if isinstance(value, str) else value


def holds_secret(value: Any) -> bool:
    """Tell whether :func:`mask_secrets` would take something out of plain values."""
    if isinstance(value, Mapping):
        return any(
            (item is not None and is_secret_name(str(key))) or holds_secret(item)
            for key, item in value.items()
        )
    if isinstance(value, list | tuple):
        return any(map(holds_secret, value))
    return isinstance(value, str) and mask_text(value) != value


def holds_mask(value: Any) -> bool:
    """Tell whether :func:`mask_secrets` took something out of plain values."""
    if isinstance(value, Mapping):
        return any(map(holds_mask, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_mask, value))
    if not isinstance(value, str):
        return False
    shown = (f":{MASK}@", f"/{MASK}@", f"={MASK}")
    return value == MASK or ("://" in value and any(each in value for each in shown))


def mask_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a command line with the values of secret-looking options masked."""
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        secret = is_secret_name(name) and (argument.startswith("-") or bool(equals))
        if hide_next and not argument.startswith("-"):
            shown.append(MASK)
        elif secret and equals:
            shown.append(f"{name}={MASK}")
        else:
            shown.append(mask_text(argument))
        hide_next = secret and not equals
    return shown
