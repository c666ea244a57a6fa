"""The document of events and queues says what the code does."""

import json
import re
from typing import Any

from infra.asyncapi import PAGE, written
from libs.domain.events import LocationEventType
from libs.messaging.sqs import dead_letter_of, parked_of
from libs.messaging.topology import Topology
from libs.worker.catalogue import CATALOGUE
from services.from_nomis import app as from_nomis
from services.from_nomis.sync import RETRY_SYNCHRONISATION_MAPPING
from services.migration import app as migration
from services.to_nomis import app as to_nomis
from services.to_nomis.publish import RETRY_CREATE_MAPPING
from tests.conftest import ROOT

# Upstream's own retries: we never send one, and still take it.
UPSTREAM = {RETRY_CREATE_MAPPING, RETRY_SYNCHRONISATION_MAPPING}


def test_the_page_is_what_the_code_gives() -> None:
    assert PAGE.read_text() == written(), "python -m infra.asyncapi writes it anew"


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(each) for each in value.values()))
    if isinstance(value, list):
        return set[str]().union(*(references(each) for each in value))
    return set()


def test_every_reference_leads_somewhere_and_every_part_is_used() -> None:
    told = json.loads(PAGE.read_text())
    assert told["asyncapi"] == "3.0.0"
    used = references(told)
    for reference in used:
        part = told
        for name in reference.removeprefix("#/").split("/"):
            part = part[name]
    messages = {f"#/components/messages/{name}" for name in told["components"]["messages"]}
    assert messages <= used
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in told["components"]["schemas"])


def test_every_channel_of_the_topology_is_there_with_the_types_that_its_filter_lets_through() -> None:
    topology = Topology.load(ROOT / "infra" / "messaging.json")
    channels = json.loads(PAGE.read_text())["channels"]
    beside = {beside for name in topology.queues for beside in (dead_letter_of(name), parked_of(name))}
    assert set(channels) == {*topology.topics, *topology.queues, *beside}
    for name in topology.queues:
        for aside in (dead_letter_of(name), parked_of(name)):
            assert channels[aside]["messages"] == channels[name]["messages"]
    assert {kind.replace(".", "-") for kind in LocationEventType} <= set(channels["to-nomis-locations"]["messages"])
    assert "AGENCY_INTERNAL_LOCATIONS-UPDATED" not in channels["to-nomis-locations"]["messages"]
    assert len(channels["reconciliation-locations"]["messages"]) == 10


class Anything:
    """Stands where a handler's home is asked for its methods only."""

    def __getattr__(self, name: str) -> Any:
        async def handle(message: Any) -> Any:
            return message

        return handle


def test_workers_handle_what_is_registered() -> None:
    anything: Any = Anything()
    types = {str(kind) for each in (to_nomis, from_nomis) for kind in each.handlers(anything)}
    assert types - UPSTREAM == {schema.event_type for schema in CATALOGUE.schemas}


def test_what_migration_sends_itself_is_there_and_is_what_it_handles() -> None:
    anything: Any = Anything()
    handled = set(migration.handlers(anything))
    assert set(json.loads(PAGE.read_text())["channels"]["migration-locations"]["messages"]) == handled
