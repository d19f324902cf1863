"""The contract of a storage that keeps metadata (:class:`narthex.storage.protocol.StoresMetadata`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.storage.protocol import StoresMetadata
from narthex.testing.contracts.storage import StorageRig, agree
from narthex.testing.rule import Unchecked, rule

__all__ = ["RULES"]

ONE, OTHER = (Labels({"instance": f"h:{i}", "job": "j"}) for i in (1, 2))
TOTAL = FamilyMetadata("counter", "Requests.", "")
SIZE = FamilyMetadata("gauge", 'Größe in "bytes"\n', "bytes")


@rule("storage/metadata")
async def metadata(rig: StorageRig) -> None:
    """Metadata is what targets said last, alike things once; a target that ended still counts while samples may be."""
    storage = await _storing(rig)
    storage.note_metadata(ONE, {"requests": TOTAL, "size": SIZE})
    storage.note_metadata(OTHER, {"requests": TOTAL})
    _agree(storage.metadata(), {"requests": [TOTAL], "size": [SIZE]}, "metadata of two targets that agree")
    _agree(storage.metadata("size"), {"size": [SIZE]}, "metadata of one family")
    _agree(storage.metadata("nothing"), {}, "metadata of a family that there is not")
    changed = FamilyMetadata("counter", "All requests.")
    storage.note_metadata(OTHER, {"requests": changed})
    _agree(storage.metadata("requests"), {"requests": [TOTAL, changed]}, "metadata where targets differ")
    storage.note_metadata(ONE, {"requests": changed})
    storage.end_metadata(OTHER)
    _agree(storage.metadata(), {"requests": [changed]}, "metadata after one target changed and one ended")


@rule("storage/restart-metadata")
async def restart_metadata(rig: StorageRig) -> None:
    """A restart keeps what targets said."""
    if not rig.durable:
        raise Unchecked("the rig does not claim that the storage is durable")
    first = await _storing(rig)
    first.note_metadata(ONE, {"requests": TOTAL, "size": SIZE})
    first.note_metadata(OTHER, {"requests": TOTAL})
    await first.stop()  # type: ignore[attr-defined]  # it is a storage, too
    second = await _storing(rig)
    _agree(second.metadata(), {"requests": [TOTAL], "size": [SIZE]}, "metadata after a restart")


async def _storing(rig: StorageRig) -> StoresMetadata:
    storage = await rig.running()
    if not isinstance(storage, StoresMetadata):
        raise Unchecked("the storage keeps no metadata")
    return storage


def _agree(
    found: Mapping[str, Sequence[FamilyMetadata]], expected: Mapping[str, Sequence[FamilyMetadata]], what: str
) -> None:
    """Families and what is said of each in any order."""
    agree(_texts(found), _texts(expected), what)


def _texts(said: Mapping[str, Sequence[FamilyMetadata]]) -> dict[str, list[str]]:
    return {name: sorted(map(repr, several)) for name, several in said.items()}


RULES = (metadata, restart_metadata)
