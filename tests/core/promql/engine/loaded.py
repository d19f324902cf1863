"""A storage with what the ``load`` commands of a test script give."""

from __future__ import annotations

from narthex.promql.testlang.loading import load_into
from narthex.promql.testlang.reader import read_script
from narthex.promql.testlang.script import Load
from narthex.testing.storage import MemoryStorage


def loaded(script: str) -> MemoryStorage:
    storage = MemoryStorage()
    for command in read_script(script, "data").commands:
        assert isinstance(command, Load)
        load_into(storage, command)
    return storage
