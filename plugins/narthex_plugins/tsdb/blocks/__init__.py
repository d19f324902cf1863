"""Blocks: immutable files of compressed samples with an index of their labels (docs/reference/tsdb-format.md).

For tools: :func:`write_block` and :class:`BlockWriter` make one, :func:`open_block` reads one.
"""

from __future__ import annotations

from narthex_plugins.tsdb.blocks.block import Block, open_block
from narthex_plugins.tsdb.blocks.writer import BlockWriter, block_path, write_block

__all__ = ["Block", "BlockWriter", "block_path", "open_block", "write_block"]
