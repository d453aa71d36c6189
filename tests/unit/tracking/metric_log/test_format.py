"""The bytes of a segment, and the checksums that guard them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from tauro.errors import StoreFormatError
from tauro.tracking._metric_log._checksum import checksums
from tauro.tracking._metric_log._format import (
    BODY_SIZE,
    HEADER_SIZE,
    KEY,
    MAX_NAME_BYTES,
    RUN,
    SLOT,
    SLOT_SIZE,
    VOID_BODY,
    Header,
    Names,
    bodies_of,
    decode_header,
    definition,
    encode_header,
    is_seal,
    metadata_bodies,
    pack_point,
    pack_slot_into,
    parse_name,
    seal_body,
    segment_name,
)

HEADER = Header(
    writer="01abc",
    lane=3,
    index=7,
    host="h" * 64,
    pid=2**22,
    started=1.5,
    created_ns=2**62,
    salt=0xDEADBEEF,
    previous=12,
)


def collected(bodies: list[bytes]) -> Names:
    names = Names()
    for place, body in enumerate(bodies):
        names.add(place, body)
    return names


def random_slots(count: int) -> np.ndarray:
    data = np.random.default_rng(3).integers(0, 256, count * SLOT_SIZE, np.uint8)
    return data.view(SLOT).copy()


def test_a_header_is_read_back_from_either_copy() -> None:
    data = encode_header(HEADER)
    assert len(data) == HEADER_SIZE
    assert decode_header(data) == (HEADER, [])
    half = HEADER_SIZE // 2
    for byte in range(0, HEADER_SIZE, 7):
        damaged = bytearray(data)
        damaged[byte] ^= 0x10
        assert decode_header(bytes(damaged)) == (HEADER, [byte // half])


def test_a_header_with_both_copies_damaged_is_none() -> None:
    damaged = bytearray(encode_header(HEADER))
    damaged[5] ^= 1
    damaged[1500] ^= 1
    assert decode_header(bytes(damaged)) == (None, [0, 1])


@pytest.mark.parametrize("size", [0, 1, 512, 1023])
def test_a_header_that_ends_early_is_none(size: int) -> None:
    assert decode_header(encode_header(HEADER)[:size])[0] is None


def test_a_header_of_a_newer_format_says_so() -> None:
    copy = encode_header(HEADER)[: HEADER_SIZE // 2 - 4].replace(b"TAUROML1", b"TAUROML2")
    with pytest.raises(StoreFormatError, match="TAUROML2"):
        decode_header((copy + zlib.crc32(copy).to_bytes(4, "little")) * 2)


@pytest.mark.parametrize("writer", ["01abc", "01abc-f00", "a-b-c"])
def test_the_name_of_a_segment_says_lane_and_index(writer: str) -> None:
    assert parse_name(segment_name(writer, 3, 12)) == (f"{writer}-0003", 12)


@pytest.mark.parametrize(
    "name", ["manifest-1.json", "part-x.parquet", "a.seg", "-1.seg", "a-b.seg"]
)
def test_other_names_are_not_segments(name: str) -> None:
    assert parse_name(name) is None


@pytest.mark.parametrize("text", ["a", "x" * 20, "x" * 21, "é" * 250, "\U00010348" * 250])
@pytest.mark.parametrize("kind", [RUN, KEY])
def test_a_definition_is_read_back_from_either_copy(kind: int, text: str) -> None:
    bodies = definition(kind, 513, text.encode())
    assert all(len(body) == BODY_SIZE for body in bodies)
    half = len(bodies) // 2
    for some in (bodies, bodies[:half], bodies[half:], bodies[:1] + bodies[half + 1 :]):
        names = collected(some)
        assert (names.runs if kind == RUN else names.keys) == {513: text}
    assert collected(bodies).numbers == ({text: 513} if kind == RUN else {})


def test_half_a_definition_defines_nothing() -> None:
    bodies = definition(RUN, 1, b"x" * 50)
    assert collected(bodies[:2]).runs == {}


def test_the_longest_name_fits() -> None:
    text = "x" * MAX_NAME_BYTES
    assert collected(definition(KEY, 1, text.encode())).keys == {1: text}


def test_metadata_is_read_back() -> None:
    text = '{"note":"' + "y" * 5000 + '"}'
    names = collected(metadata_bodies(70_000, text.encode()))
    assert names.metadata == {70_000: text}


def test_the_seal_and_the_void_say_what_they_are() -> None:
    names = collected([VOID_BODY, seal_body(9)])
    assert names.sealed == 9
    assert (names.runs, names.keys, names.metadata) == ({}, {}, {})
    slot = seal_body(9) + zlib.crc32(seal_body(9), 5).to_bytes(4, "little")
    assert is_seal(slot, 5)
    assert not is_seal(slot, 6)
    assert not is_seal(bytes(SLOT_SIZE), 0)


@pytest.mark.parametrize("count", [0, 1, 47, 48, 5000, 40_000])
@pytest.mark.parametrize("salt", [0, 1, 0xFFFFFFFF])
def test_many_checksums_are_those_of_zlib(count: int, salt: int) -> None:
    slots = random_slots(count)
    slots["run"] = 3
    data = slots.tobytes()
    expected = [
        zlib.crc32(data[at : at + BODY_SIZE], salt) for at in range(0, len(data), SLOT_SIZE)
    ]
    assert checksums(slots, salt).tolist() == expected


def test_a_point_packed_alone_is_one_of_a_block() -> None:
    slots = np.zeros(1, SLOT)
    slots["run"], slots["key"] = 7, 9
    slots["step"], slots["time"], slots["value"] = -5, 2**60, 0.1
    slots["crc"] = checksums(slots, 11)
    buffer = bytearray(SLOT_SIZE)
    body = pack_point(7 | 9 << 16, -5, 2**60, 0.1)
    pack_slot_into(buffer, 0, 7 | 9 << 16, -5, 2**60, 0.1, zlib.crc32(body, 11))
    assert bytes(buffer) == slots.tobytes()
    assert list(bodies_of(slots)) == [body]


def test_an_empty_slot_is_never_good() -> None:
    for salt in (1, 77, 0xFFFFFFFE):
        assert checksums(np.zeros(100, SLOT), salt).all()
