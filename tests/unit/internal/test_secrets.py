"""What of a URL is shown."""

from __future__ import annotations

import pytest

from tauro._internal._secrets import holds_mask, holds_secret, mask_secrets, mask_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
        ("https://ghp_0123@github.com/me/it.git", "https://***@github.com/me/it.git"),
        ("ssh://git@github.com/me/it.git", None),
        ("s3://bucket/a@b", None),
        ("https://a.example/@me", None),
        ("https://a.example/c?sv=1&sig=ab%2Bc&sp=r", "https://a.example/c?sv=1&sig=***&sp=r"),
        ("https://h/x?X-Amz-Signature=ab&n=1", "https://h/x?X-Amz-Signature=***&n=1"),
        ("https://h/x?X-Amz-Security-Token=ab#top", "https://h/x?X-Amz-Security-Token=***#top"),
        ("get 'https://h/x?api_key=ab' now", "get 'https://h/x?api_key=***' now"),
        ("https://h/x?design=a&page=2&significance=0.05", None),
        ("not a URL?token=ab", None),
    ],
)
def test_passwords_and_signatures_of_urls_are_masked(text: str, shown: str | None) -> None:
    assert mask_text(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    ("plain", "secret"),
    [
        ({"api_token": "x"}, True),
        ({"db": {"password": "x"}}, True),
        ({"dbs": [{"password": "x"}]}, True),
        ({"source": "postgresql://me:pw@host/db"}, True),
        ({"sources": ("https://h/x?sig=ab",)}, True),
        ({"remote": "https://token@h/x"}, True),
        ({"api_token": None, "n": 3, "many": [1, "a"], "text": "a: ***"}, False),
        ({"source": "s3://bucket/***/x.csv"}, False),
    ],
)
def test_what_is_masked_is_known_before_and_after(plain: dict[str, object], secret: bool) -> None:
    assert holds_secret(plain) is secret
    assert holds_mask(mask_secrets(plain)) is secret
