"""CRC-32C (Castagnoli), the checksum of every part of a Prometheus block, for many byte ranges at once.

The standard library and isal have CRC-32 only. Ranges are gone through in step, eight bytes of each at a time, with the
tables of the slicing-by-8 method; one long range is cut into stripes that are joined afterwards. About 5 ns a byte,
where a loop in Python takes 100.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["crc32c", "crc32c_many"]

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
States = NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78  # reflected
_STRIPE = 1024
_START = np.uint32(0xFFFFFFFF)


def crc32c(data: Bytes) -> int:
    """The checksum of one range."""
    stripes, tail = divmod(len(data), _STRIPE)
    starts = np.arange(stripes, dtype=np.int64) * _STRIPE
    parts = _advance(data, starts, np.full(stripes, _STRIPE), np.zeros(stripes, dtype=np.uint32))
    state = int(_START)
    low, second, third, high = _over_a_stripe()
    for part in parts.tolist():  # the register after a stripe is linear in the register before it
        state = low[state & 255] ^ second[state >> 8 & 255] ^ third[state >> 16 & 255] ^ high[state >> 24] ^ part
    rest = _advance(data, np.array([stripes * _STRIPE]), np.array([tail]), np.array([state], dtype=np.uint32))
    return int(rest[0] ^ _START)


def crc32c_many(data: Bytes, starts: Ints, lengths: Ints) -> States:
    """The checksums of the ranges ``starts[i]`` … ``starts[i] + lengths[i]``: uint32 of the same length."""
    return _advance(data, starts, lengths, np.full(len(starts), _START)) ^ _START


def _advance(data: Bytes, starts: Ints, lengths: Ints, states: States) -> States:
    """Registers after the ranges, for registers before them."""
    tables = _tables()
    order = np.argsort(-lengths, kind="stable")  # what is still going on is then a prefix
    at, whole, state = starts[order], lengths[order] // 8, states[order]
    steps = int(whole[0]) if len(whole) else 0
    going = np.searchsorted(-whole, -np.arange(steps), side="left")  # ranges with more than so many steps
    eight = np.arange(8)
    for step in range(steps):
        active = int(going[step])
        chunk = data[(at[:active] + 8 * step)[:, None] + eight]
        chunk[:, :4] ^= state[:active].view(np.uint8).reshape(-1, 4)
        mixed = tables[7][chunk[:, 0]]
        for column in range(1, 8):
            mixed ^= tables[7 - column][chunk[:, column]]
        state[:active] = mixed
    at, rest = at + 8 * whole, lengths[order] % 8
    for step in range(7):
        more = np.flatnonzero(rest > step)
        if not len(more):
            break
        register = state[more]
        state[more] = tables[0][(register & 255) ^ data[at[more] + step]] ^ register >> 8
    result = np.empty_like(state)
    result[order] = state
    return result


@cache
def _tables() -> NDArray[np.uint32]:
    """``[k][b]``: the register after byte ``b`` and ``k`` zero bytes: uint32 ``[8, 256]``."""
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, first >> 1 ^ np.uint32(_POLYNOMIAL), first >> 1)
    tables = [first]
    for _ in range(7):
        tables.append(first[tables[-1] & 255] ^ tables[-1] >> 8)
    return np.array(tables, dtype=np.uint32)


@cache
def _over_a_stripe() -> list[list[int]]:
    """For each byte of the register, what it has become after a stripe of zeros."""
    states = (np.arange(256, dtype=np.uint32)[None, :] << np.array([0, 8, 16, 24], dtype=np.uint32)[:, None]).reshape(
        -1
    )
    zeros = np.zeros(_STRIPE, dtype=np.uint8)
    nowhere = np.zeros(len(states), dtype=np.int64)
    moved = _advance(zeros, nowhere, np.full(len(states), _STRIPE), states)
    table: list[list[int]] = moved.reshape(4, 256).tolist()
    return table
