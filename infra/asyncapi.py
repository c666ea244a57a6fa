"""`python -m infra.asyncapi` writes docs/asyncapi.json from the code; a test keeps the two the same."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from libs.domain.events import SETTLE
from libs.messaging import audit
from libs.messaging.asyncapi import document
from libs.messaging.registry import Registry, Schema
from libs.messaging.topology import Topology
from libs.worker.catalogue import CATALOGUE, DOMAIN, OFFENDER
from services.migration.stages.work import MESSAGES

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "asyncapi.json"
TOPICS: Mapping[str, Sequence[str]] = MappingProxyType({"domain-events": DOMAIN, "offender-events": OFFENDER})
# What is sent to a queue without a topic.
QUEUES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "to-nomis-locations": (SETTLE,),
        "from-nomis-locations": (SETTLE,),
        "migration-locations": tuple(each.event_type for each in MESSAGES),
        audit.QUEUE: (audit.EVENT_TYPE,),
    }
)
AUDIT = Schema(audit.EVENT_TYPE, audit.AuditEvent, "Somebody did something; read by the audit service, by nobody here")
EVERYTHING = Registry(*CATALOGUE.schemas, *MESSAGES, AUDIT)


def written() -> str:
    """Return the document's text."""
    topology = Topology.load(ROOT / "infra" / "messaging.json")
    return json.dumps(document("Locations: events and queues", topology, EVERYTHING, TOPICS, QUEUES), indent=2) + "\n"


if __name__ == "__main__":
    PAGE.write_text(written())
