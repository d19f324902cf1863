from __future__ import annotations

from narthex.model.labels import Labels
from narthex.model.metadata import FamilyMetadata
from narthex.storage.metadata import ACTIVE, MetadataBook

ONE, OTHER = (Labels({"instance": str(i)}) for i in (1, 2))
UP = FamilyMetadata("gauge", "Whether it is up.")
TOTAL = FamilyMetadata("counter", "Requests.")


def test_only_changes_are_told() -> None:
    book = MetadataBook()
    entry = book.note(ONE, {"up": UP})
    assert entry is not None
    assert entry.ended == ACTIVE
    assert book.note(ONE, {"up": UP}) is None
    assert book.note(ONE, {"up": UP, "total": TOTAL}) is not None
    assert book.note(ONE, {"total": TOTAL, "up": UP}) is None, "order means nothing"
    assert book.end(ONE, 5) is not None
    assert book.end(ONE, 6) is None
    assert book.end(OTHER, 5) is None
    assert book.note(ONE, {"total": TOTAL, "up": UP}) is not None, "it came back"


def test_targets_that_say_the_same_share_a_page() -> None:
    book = MetadataBook()
    for target in (ONE, OTHER):
        book.note(target, {"up": FamilyMetadata("gauge", "Whether it is up.")})
    (_, one), (_, other) = book.entries()
    assert one.page is other.page
    assert book.families() == {"up": [UP]}


def test_what_ended_before_the_retention_is_forgotten() -> None:
    book = MetadataBook()
    book.note(ONE, {"up": UP})
    book.note(OTHER, {"total": TOTAL})
    book.end(ONE, 100)
    assert book.expire(100) == 0
    assert book.families("up") == {"up": [UP]}
    assert book.expire(101) == 1
    assert book.families() == {"total": [TOTAL]}
    assert book._pages.keys() == {(("total", TOTAL),)}


def test_after_an_interruption_all_have_ended_until_they_speak() -> None:
    book = MetadataBook()
    book.note(ONE, {"up": UP})
    book.note(OTHER, {"up": UP})
    book.end(OTHER, 50)
    book.interrupt(100)
    assert [entry.ended for _, entry in book.entries()] == [100, 50]
    book.note(ONE, {"up": UP})
    assert [entry.ended for _, entry in book.entries()] == [ACTIVE, 50]
