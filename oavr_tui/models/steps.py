"""What the state tables have in common."""

from __future__ import annotations


class IllegalStep(Exception):
    """A state was asked to follow one that it may not follow: a bug, never a person's fault."""
