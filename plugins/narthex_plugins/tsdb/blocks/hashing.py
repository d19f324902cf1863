"""A number for a label set that is the same in every file and every process: how series are found again in blocks.

Each pair of name and value has a 64-bit hash of its own (BLAKE2b), and a label set the sum of those. So a set's hash
comes from its dictionary codes with one addition for each label, whatever the order of names, and a value is hashed
once for all series that have it. Among ten million series, two have the same sum with a probability of 3 in a million.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from narthex.model.labeltable import LabelTable

__all__ = ["pair_hash", "pair_hashes", "set_hash", "set_hashes"]


def pair_hash(name: str, value: str) -> int:
    """The hash of one label; 0 for an empty value, which is no label."""
    if not value:
        return 0
    # A byte that UTF-8 never has stands between: ("ab", "c") is not ("a", "bc").
    text = b"\xff".join([name.encode(errors="surrogatepass"), value.encode(errors="surrogatepass")])
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def pair_hashes(name: str, values: Sequence[str]) -> NDArray[np.uint64]:
    """The hashes of some values of a label."""
    return np.fromiter((pair_hash(name, value) for value in values), dtype=np.uint64, count=len(values))


def set_hash(labels: Mapping[str, str]) -> int:
    """The hash of one label set."""
    return sum(pair_hash(name, value) for name, value in labels.items()) & 0xFFFFFFFFFFFFFFFF


def set_hashes(table: LabelTable) -> NDArray[np.uint64]:
    """The hash of every row."""
    total = np.zeros(table.rows, dtype=np.uint64)
    for name, column in table.columns.items():
        used, codes = np.unique(column.codes, return_inverse=True)
        total += pair_hashes(name, [column.dictionary[code] for code in used.tolist()])[codes]
    return total
