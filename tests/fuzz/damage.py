"""Bytes changed at random."""

from __future__ import annotations

from hypothesis import strategies as some

NUMBERS = some.sampled_from(
    [0, 1, 7, 8, 24, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, 2**64 - 1]
)


@some.composite
def damaged(draw: some.DrawFn, data: bytes, near: int = 200, most: int = 4) -> bytes:
    """Bytes of which some are replaced, inserted, moved or removed, mostly among the first."""
    changed = bytearray(data)
    for _ in range(draw(some.integers(1, most))):
        last = max(len(changed) - 1, 0)
        place = draw(some.integers(0, min(near, last)) if draw(some.integers(0, 4)) else some.integers(0, last))
        match draw(some.sampled_from(["number", "number", "bytes", "insert", "remove", "cut", "repeat", "flip"])):
            case "number":
                size, order = draw(some.sampled_from([1, 2, 3, 4, 8])), draw(some.booleans())
                value = (draw(NUMBERS) if draw(some.booleans()) else draw(some.integers(0, 2**64 - 1))) % 256**size
                changed[place : place + size] = value.to_bytes(size, "little" if order else "big")
            case "bytes":
                changed[place : place + 4] = draw(some.binary(min_size=1, max_size=4))
            case "insert":
                changed[place:place] = draw(some.binary(min_size=1, max_size=9))
            case "remove":
                del changed[place : place + draw(some.integers(1, 40))]
            case "cut":
                del changed[draw(some.integers(0, max(last, 1))) :]
            case "repeat":
                changed[place:place] = changed[: draw(some.integers(1, 300))]
            case _ if changed:
                changed[place] ^= 1 << draw(some.integers(0, 7))
    return bytes(changed)
