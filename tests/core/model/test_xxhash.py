"""XXH64, by published values."""

import numpy as np
import pytest

from narthex.model.labels import Labels
from narthex.model.xxhash import label_hashes, xxh64

PUBLISHED = {
    b"": 0xEF46DB3751D8E999,
    b"a": 0xD24EC4F1A98C6E5B,
    b"abc": 0x44BC2CF5AD770999,
    b"Nobody inspects the spammish repetition": 0xFBCEA83C8A378BF1,
}


@pytest.mark.parametrize(("text", "expected"), PUBLISHED.items())
def test_published_values(text: bytes, expected: int) -> None:
    assert int(xxh64([text])[0]) == expected


def test_texts_of_many_lengths_are_hashed_as_each_alone() -> None:
    texts = [bytes(range(length)) for length in (0, 3, 4, 7, 8, 12, 31, 32, 33, 64, 71, 3)]
    assert xxh64(texts).tolist() == [int(xxh64([one])[0]) for one in texts]


def test_labels_are_hashed_with_their_lengths() -> None:
    labels = [Labels({"__name__": "up", "job": "a"}), Labels({"long": "x" * 300}), Labels()]
    texts = [b"\x08__name__\x02up\x03job\x01a", b"\x04long\xff\x2c\x01\x00" + b"x" * 300, b""]
    assert np.array_equal(label_hashes(labels), xxh64(texts))
