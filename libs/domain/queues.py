"""The work queues there are, and which worker reads each: pages and `lip` ask that worker about its queue."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class QueueName(StrEnum):
    """A work queue; its dead-letter queue has `-dlq` behind (`infra/messaging.json`)."""

    TO_NOMIS = "to-nomis-locations"
    FROM_NOMIS = "from-nomis-locations"
    MIGRATION = "migration-locations"
    RECONCILIATION = "reconciliation-locations"


READERS: Mapping[str, str] = MappingProxyType(
    {
        QueueName.TO_NOMIS: "to_nomis",
        QueueName.FROM_NOMIS: "from_nomis",
        QueueName.MIGRATION: "migration",
        QueueName.RECONCILIATION: "reconciliation",
    }
)
"""The service that reads a queue."""
