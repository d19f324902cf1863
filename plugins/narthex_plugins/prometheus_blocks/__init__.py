"""Reads the block directories that Prometheus writes: no plugin of its own, but what importing is built on.

``PrometheusBlock(path).samples()`` yields every sample with its labels. The formats are described in Prometheus's
documentation (``tsdb/docs/format``); what is read here was compared, sample by sample, with blocks that Prometheus
2.42 wrote.
"""

from __future__ import annotations

from narthex_plugins.prometheus_blocks.block import BlockSamples, PrometheusBlock, block_directories

__all__ = ["BlockSamples", "PrometheusBlock", "block_directories"]
