"""The Prometheus protobuf format: ``io.prometheus.client.MetricFamily`` messages, each behind its length."""

from __future__ import annotations

from narthex_plugins.exposition.protobuf.families import parse_protobuf

__all__ = ["parse_protobuf"]
