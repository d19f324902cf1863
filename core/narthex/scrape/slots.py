"""When a target is scraped: slots fixed to absolute time, so that neither a restart nor a slow scrape shifts them.

A target's offset within its interval comes from its identity and the server's seed. It is stable over restarts, spreads
the targets of a server evenly, and differs between two servers that watch the same targets.
"""

from __future__ import annotations

from dataclasses import dataclass

from narthex.model.labels import fnv1a

__all__ = ["Slots", "server_seed"]


def server_seed(host: str, external_labels: str) -> int:
    """The seed of a server: 64-bit FNV-1a of its host name and its external labels as text."""
    return fnv1a(external_labels.encode(), fnv1a(host.encode()))


@dataclass(frozen=True, slots=True)
class Slots:
    """The times ``offset + n * interval``, all in ms since the epoch."""

    interval: int
    offset: int

    @classmethod
    def of(cls, interval: int, identity: int, seed: int) -> Slots:
        """The slots of the target whose identity has this hash."""
        return cls(interval, (identity ^ seed) % interval)

    def after(self, now: float) -> int:
        """The first slot later than ``now`` (ms)."""
        return int((now - self.offset) // self.interval + 1) * self.interval + self.offset

    def following(self, slot: int, now: float) -> int:
        """The slot for the scrape after the one of ``slot``, which ended at ``now``: missed ones are left out.

        A clock that was set back by more than an interval starts anew.
        """
        follower = slot + self.interval
        if follower > now and follower - now <= 2 * self.interval:
            return follower
        return self.after(now)

    def stamp(self, slot: int, started: float) -> int:
        """The timestamp of a scrape: its slot if it began within 2 ms and 1 % of the interval, else its true start."""
        return slot if abs(started - slot) <= min(2.0, self.interval / 100) else int(started)
