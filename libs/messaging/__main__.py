"""`python -m libs.messaging verify FILE` shows where a broker differs from it; `create` makes what is missing.

Credentials come from the environment as AWS's own tools read them. Exit 0 without a difference, 1 with some, 2 when the
file cannot be read.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from libs.messaging.aws import AwsSettings, connect
from libs.messaging.building import create
from libs.messaging.drift import as_diff, verify
from libs.messaging.topology import Topology, TopologyUnreadable


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m libs.messaging", description=__doc__)
    parser.add_argument("command", choices=["verify", "create"])
    parser.add_argument("file", type=Path, help="the topology, as infra/messaging.json")
    parser.add_argument("--endpoint-url", help="of a broker that is not AWS")
    parser.add_argument("--region", default="eu-west-2")
    parser.add_argument("--account", default="000000000000", help="for the ARNs of topics")
    parser.add_argument("--prefix", default="", help="before each name")
    return parser.parse_args(given)


async def run(given: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    try:
        topology = Topology.load(given.file)
    except TopologyUnreadable as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 2
    settings = AwsSettings(
        endpoint_url=given.endpoint_url, region=given.region, account=given.account, prefix=given.prefix
    )
    async with connect(settings) as aws:
        if given.command == "create":
            await create(topology, aws)
        drifts = await verify(topology, aws)
    sys.stdout.write(as_diff(drifts, str(given.file), given.endpoint_url or f"AWS {given.region}"))
    return 1 if drifts else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(arguments(sys.argv[1:]))))
