"""Reads the data directories that Prometheus writes: no plugin of its own, but what importing is built on.

``PrometheusBlock(path).samples()`` yields every sample of a block with its labels, ``HeadReader(path).batches()`` those
that stand in the write-ahead log. The formats are described in Prometheus's
documentation (``tsdb/docs/format``); what is read here was compared, sample by sample, with blocks that Prometheus
2.42 wrote.
"""

from __future__ import annotations

from narthex_plugins.prometheus_blocks.block import BlockSamples, PrometheusBlock, block_directories
from narthex_plugins.prometheus_blocks.head import HeadHistograms, HeadReader

__all__ = ["BlockSamples", "HeadHistograms", "HeadReader", "PrometheusBlock", "block_directories"]
