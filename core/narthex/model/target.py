"""A target: what is scraped, how often, and the labels that its series carry.

Built only by :func:`narthex.targets.targets`. A frozen value that compares by its identity, so that the scrape pool
keeps the timer, the connection and the series cache of every target that a new target set still holds.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from hashlib import blake2b

from narthex.model.labels import Labels

__all__ = ["Target"]

_TIMING = ("__scrape_interval__", "__scrape_timeout__")


@dataclass(frozen=True, slots=True)
class Target:
    """One target of one job.

    ``discovered`` are the labels before relabeling, ``labels`` the final ones with every ``__*`` label that is left,
    ``public`` those that series carry. ``interval`` and ``timeout`` are milliseconds; they may differ from the job's
    (``__scrape_interval__``, ``__scrape_timeout__``). ``url`` holds the parameters.
    """

    job: str
    labels: Labels
    url: str
    discovered: Labels = field(compare=False)
    public: Labels = field(compare=False)
    interval: int = field(compare=False)
    timeout: int = field(compare=False)
    _steady: Hashable = field(default=None, init=False, repr=False, compare=False)

    @property
    def steady(self) -> Hashable:
        """Identity but for the timing: another interval does not make it another target. Worked out once."""
        if self._steady is None:
            labels = self.labels.to_dict()
            for name in _TIMING:
                labels.pop(name, None)
            object.__setattr__(self, "_steady", (*labels, *labels.values(), self.url))
        return self._steady

    @property
    def key(self) -> Hashable:
        """Identity within the job: all final labels and the URL. Targets with equal keys are one target."""
        return self.labels, self.url

    @property
    def hash64(self) -> int:
        """Hash of the identity that is the same after a restart and on every machine, for spreading scrapes.

        Not Prometheus's FNV, which byte by byte in Python takes 60 µs a target, this 2. Computed on each read.
        """
        labels = self.labels.as_dict()
        text = "\xff".join((self.url, *labels, *labels.values()))
        return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")

    @property
    def unix_socket(self) -> str:
        """The Unix socket to connect to instead of the URL's host, or ``""``."""
        return self.labels.get_or_empty("__unix_socket__")
