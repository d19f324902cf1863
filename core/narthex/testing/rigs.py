"""Every rig and every rule: what an author imports, and the table that everything else is made from."""

from __future__ import annotations

from collections.abc import Mapping

from narthex.testing.contracts import discovery, discoveryfailure, storage, storagereading
from narthex.testing.contracts.discovery import DiscoveryRig
from narthex.testing.contracts.storage import StorageRig
from narthex.testing.rig import ConfiguredRig, Rig
from narthex.testing.rule import Rule

__all__ = ["RULES", "ConfiguredRig", "DiscoveryRig", "Rig", "StorageRig"]

RULES: Mapping[str, tuple[Rule, ...]] = {
    "discovery": (*discovery.RULES, *discoveryfailure.RULES),
    "storage": (*storage.RULES, *storagereading.RULES),
}
"""The rules of each stage, in the order in which they are tried."""
