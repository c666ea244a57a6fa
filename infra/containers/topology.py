"""Make queues and topics where localstack-client says that the emulator is; runs once, before the services start."""

import asyncio

from localstack_client.config import get_service_endpoint

from infra.containers.settings import TopologySettings
from infra.local.topology import set_up


def main() -> None:
    """Find the emulator (LOCALSTACK_HOST or AWS_ENDPOINT_URL) and create what messaging.json lists."""
    settings = TopologySettings()
    endpoint = get_service_endpoint("sqs")
    assert endpoint is not None, "localstack-client knows SQS"
    asyncio.run(set_up(endpoint, settings.aws_region, settings.messaging_file))


if __name__ == "__main__":
    main()
