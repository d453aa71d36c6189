"""What of a URL is shown."""

from __future__ import annotations

import pytest

from tauro._internal._secrets import mask_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:pw@host/db", "postgresql://me:***@host/db"),
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
