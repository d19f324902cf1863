"""A target: what is scraped, how often, and the labels that its series carry.

Built only by :func:`narthex.targets.targets`. A frozen value that compares by its identity, so that the scrape pool
keeps the timer, the connection and the series cache of every target that a new target set still holds.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import cast

from narthex.model.labels import Labels

__all__ = ["Target"]

_TIMING = ("__scrape_interval__", "__scrape_timeout__")
_BETWEEN = "\ud800"
"""Half of a surrogate pair, which no value of a target holds: values are UTF-8."""


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
    _steady: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def steady(self) -> bytes:
        """Identity but for the timing: another interval does not make it another target. Worked out once.

        A digest of 128 bits over URL, names and values: the same after a restart and on every machine, and a fifth of
        the memory of a tuple of them.
        """
        if self._steady is None:
            labels = {name: value for name, value in self.labels.as_dict().items() if name not in _TIMING}
            text = _BETWEEN.join((self.url, *labels, "", *labels.values())).encode("utf-8", "surrogatepass")
            object.__setattr__(self, "_steady", blake2b(text, digest_size=16).digest())
        return cast("bytes", self._steady)

    @property
    def key(self) -> Hashable:
        """Identity within the job: all final labels and the URL. Targets with equal keys are one target."""
        return self.labels, self.url

    @property
    def hash64(self) -> int:
        """The first half of :attr:`steady` as a number, for spreading scrapes.

        Not Prometheus's FNV, which byte by byte in Python takes 60 µs a target, this 2.
        """
        return int.from_bytes(self.steady[:8], "big")

    @property
    def unix_socket(self) -> str:
        """The Unix socket to connect to instead of the URL's host, or ``""``."""
        return self.labels.get_or_empty("__unix_socket__")
