"""Queues and topics for a broker that was just started, and what follows when it was started again."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from infra.local.broker import ACCESS_KEY, SECRET_KEY
from libs.messaging.aws import AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.topology import Topology

HAS_OUTBOX = "SELECT to_regclass('outbox') IS NOT NULL"
PUBLISH_AGAIN = "UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL"


async def set_up(endpoint: str, region: str, messaging_file: Path) -> None:
    """Create every topic, queue and subscription; nothing happens to those that are there."""
    topology = Topology.load(messaging_file)
    settings = AwsSettings(endpoint_url=endpoint, region=region, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    async with connect(settings) as aws:
        await create(topology, aws)


async def republish(dsns: Mapping[str, str]) -> None:
    """Have every outbox publish its last hour again: the messages in flight died with the broker."""
    for dsn in dsns.values():
        connection = await asyncpg.connect(dsn)
        try:
            if await connection.fetchval(HAS_OUTBOX):
                await connection.execute(PUBLISH_AGAIN)
        finally:
            await connection.close()
