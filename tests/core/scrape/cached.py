"""A series cache over a storage of its own, for tests of what it stores."""

import numpy as np

from narthex.errors import ScrapeError
from narthex.model.labels import Labels
from narthex.model.sample import STALE_NAN_BITS
from narthex.relabel.rules import Rules
from narthex.scrape.cache import CacheOptions, SeriesCache
from narthex.scrape.identity import SeriesIdentity
from narthex.scrape.row import Row
from narthex.testing.storage import MemoryStorage
from narthex_plugins.exposition import TEXT, parse_text

TARGET = Labels({"job": "j"})


def drop(labels):
    return None if "drop" in labels else labels


class Target:
    """A cache with a storage of its own, scraped every second."""

    def __init__(self, kind=TEXT, common=None, rules=None, target=TARGET, honor_labels=False, **options):
        self.storage = MemoryStorage()
        identity = SeriesIdentity(target, Rules([drop], ["drop"]) if rules is None else rules, honor_labels)
        row = Row(self.storage, 1000, 0, [identity.report("up")])
        self.cache = SeriesCache(row, identity, CacheOptions(**options), common)
        self.kind = kind
        self.now = 0

    def scrape(self, body):
        self.now += 1000
        try:
            self.cache.take(body if isinstance(body, bytes) else body.encode(), self.kind, "", self.now)
        except ScrapeError:
            self.cache.fail(self.now)
            self.cache.commit([0.0])
            raise
        self.cache.commit([1.0])

    def values(self, text):
        """All values of the series that ``text`` names, stale markers as 'stale'."""
        entry = parse_text(f"{text} 0".encode())[0]
        labels = Labels({**entry.labels, **TARGET})
        found = self.storage.samples().get(labels, [])
        return [(when, "stale" if bits(value) == STALE_NAN_BITS else value) for when, value in found]


def bits(value):
    return int(np.float64(value).view(np.int64))
