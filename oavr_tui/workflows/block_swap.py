"""How many of the model's 40 blocks wait in the computer's memory instead of the graphics card's."""

from __future__ import annotations

BLOCKS = 40
"""Transformer blocks of the 14B model (the node's own tooltip)."""

_GIB = 1 << 30
# Cards report a little less than their nominal size. 24 GB cards need 10-20; larger ones swap less and run faster.
_BY_VRAM = ((60 * _GIB, 0), (40 * _GIB, 5), (30 * _GIB, 10), (22 * _GIB, 15), (15 * _GIB, 30))
_UNKNOWN = 20
_SMALLEST = BLOCKS


def blocks_to_swap(vram: int, extra: int = 0) -> int:
    """Blocks to swap for a card of `vram` bytes (0: unknown), plus `extra` after running out of memory; 0 .. 40."""
    base = _UNKNOWN if vram <= 0 else next((blocks for least, blocks in _BY_VRAM if vram >= least), _SMALLEST)
    return max(0, min(BLOCKS, base + extra))
