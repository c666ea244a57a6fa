"""What the relay writes for a trigger's message: bodies, times, and what cannot be read."""

import json
from datetime import UTC, datetime

import pytest

from services.nomis.views.event import EventUnreadable, event_body, event_datetime, published_at

AT = datetime(2024, 7, 3, 8, 41, 17, 52_000, tzinfo=UTC)
LOCATION = "AGENCY_INTERNAL_LOCATIONS-UPDATED"
ENTRIES = {
    "p_internal_location_id": "812345",
    "p_agy_loc_id": "KMI",
    "p_description": "KMI-D-2-014",
    "p_old_description": "KMI-D-2-014",
    "p_audit_module_name": "OIMMHOLO",
    "p_capacity": "2",
}


def body(kind: str, entries: dict[str, str]) -> dict[str, object]:
    read: dict[str, object] = json.loads(event_body(kind, entries, AT))
    return read


def test_a_change_of_a_location_is_told_as_the_original_does() -> None:
    assert event_body(LOCATION, ENTRIES, AT) == (
        '{"eventType":"AGENCY_INTERNAL_LOCATIONS-UPDATED","nomisEventType":"AGENCY_INTERNAL_LOCATIONS-UPDATED",'
        '"eventDatetime":"2024-07-03T09:41:17.052","internalLocationId":812345,"prisonId":"KMI",'
        '"description":"KMI-D-2-014","oldDescription":"KMI-D-2-014","auditModuleName":"OIMMHOLO",'
        '"recordDeleted":false}'
    )


def test_profile_events_tell_neither_prison_nor_code() -> None:
    entries = {"p_internal_location_id": "5", "p_int_loc_profile_code": "DO", "p_delete_flag": "Y"}
    told = body("AGY_INT_LOC_PROFILES-UPDATED", entries)
    assert told.keys() == {"eventType", "nomisEventType", "eventDatetime", "internalLocationId", "recordDeleted"}
    assert told["recordDeleted"] is True


def test_usage_events_tell_the_usage_row() -> None:
    told = body("INT_LOC_USAGE_LOCATIONS-UPDATED", {"p_internal_location_id": "5", "p_usage_location_id": "7"})
    assert (told["internalLocationId"], told["usageLocationId"], told["recordDeleted"]) == (5, 7, False)


def test_an_unknown_kind_is_published_bare() -> None:
    assert body("OFFENDER-UPDATED", ENTRIES).keys() == {"eventType", "eventDatetime"}


def test_n50_an_id_that_is_no_number_cannot_be_published() -> None:
    with pytest.raises(EventUnreadable, match="p_internal_location_id"):
        body(LOCATION, {"p_internal_location_id": "x1"})


TIMES = (
    pytest.param(datetime(2024, 1, 15, 9, 30, tzinfo=UTC), "2024-01-15T09:30:00", id="n47-winter"),
    pytest.param(datetime(2024, 7, 15, 9, 30, tzinfo=UTC), "2024-07-15T10:30:00", id="n47-summer"),
    pytest.param(datetime(2024, 7, 15, 9, 30, 0, 120_000, tzinfo=UTC), "2024-07-15T10:30:00.12", id="zeros-trimmed"),
    pytest.param(datetime(2024, 7, 15, 9, 30, 10, 999, tzinfo=UTC), "2024-07-15T10:30:10", id="milliseconds"),
)


@pytest.mark.parametrize(("at", "shown"), TIMES)
def test_the_time_of_an_event_is_london_s_wall_clock(at: datetime, shown: str) -> None:
    assert event_datetime(at) == shown


def test_the_time_of_publishing_carries_london_s_offset() -> None:
    assert published_at(AT) == "2024-07-03T09:41:17.052000+01:00"
