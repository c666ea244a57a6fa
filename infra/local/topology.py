"""Queues and topics for a broker that was just started."""

from pathlib import Path

from infra.local.broker import ACCESS_KEY, SECRET_KEY
from libs.messaging.aws import AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.topology import Topology


async def set_up(endpoint: str, region: str, messaging_file: Path) -> None:
    """Create every topic, queue and subscription; nothing happens to those that are there."""
    topology = Topology.load(messaging_file)
    settings = AwsSettings(endpoint_url=endpoint, region=region, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    async with connect(settings) as aws:
        await create(topology, aws)
