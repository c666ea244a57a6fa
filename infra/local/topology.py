"""Queues and topics for a broker that was just started, and what follows when it was started again."""

from collections.abc import Mapping
from pathlib import Path


async def set_up(endpoint: str, region: str, messaging_file: Path) -> None:
    """Create every topic, queue and subscription; nothing happens to those that are there."""


async def republish(dsns: Mapping[str, str]) -> None:
    """Have every outbox publish its last hour again: the messages in flight died with the broker."""
