"""Every rig and every rule: what an author imports, and the table that everything else is made from."""

from __future__ import annotations

from collections.abc import Mapping

from narthex.testing.contracts import (
    discovery,
    discoveryfailure,
    function,
    kind,
    receiver,
    relabel,
    scrape,
    storage,
    storagemetadata,
    storagereading,
)
from narthex.testing.contracts.discovery import DiscoveryRig
from narthex.testing.contracts.function import FunctionRig
from narthex.testing.contracts.receiver import ReceiverRig
from narthex.testing.contracts.relabel import RelabelRig
from narthex.testing.contracts.scrape import ScrapeRig
from narthex.testing.contracts.storage import StorageRig
from narthex.testing.rig import ConfiguredRig, Rig
from narthex.testing.rule import Rule

__all__ = [
    "RIGS", "RULES", "ConfiguredRig", "DiscoveryRig", "FunctionRig", "ReceiverRig", "RelabelRig", "Rig", "ScrapeRig",
    "StorageRig",
]  # fmt: skip

RIGS: Mapping[str, type[Rig]] = {
    one.stage: one for one in (DiscoveryRig, RelabelRig, ScrapeRig, StorageRig, ReceiverRig, FunctionRig)
}
"""The rig of each stage; the way in for what has no rig of its author's."""

RULES: Mapping[str, tuple[Rule, ...]] = {
    "discovery": (*kind.CONFIGURED, *discovery.RULES, *discoveryfailure.RULES),
    "relabel": (*kind.RULES, *relabel.RULES),
    "scrape": (*kind.RULES, *scrape.RULES),
    "storage": (*kind.CONFIGURED, *storage.RULES, *storagereading.RULES, *storagemetadata.RULES),
    "receiver": (*kind.CONFIGURED, *receiver.RULES),
    "function": (*kind.RULES, *function.RULES),
}
"""The rules of each stage, in the order in which they are tried."""
