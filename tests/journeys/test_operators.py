"""Operators at the command line: the real command against the running estate, after the main job's life of it."""

import orjson
import pytest

from infra.local.demo.desk import seen
from libs.messaging.queue import Parcel
from tests.conftest import NOBODY, Databases
from tests.journeys.conftest import House
from tests.runbook import Said, lip

FINE, NOT_AS_WISHED, USAGE, REFUSED, UNAVAILABLE = range(5)
QUEUE, PRISON = "to-nomis-locations", "LEI"


@pytest.fixture(scope="module")
async def migrated(house: House) -> House:
    """An estate in which the prison was migrated, by whoever came first."""
    said = await lip(house, "migrate", "start", "--prison", PRISON, "--watch", "--json")
    assert said.code == FINE, said.err
    return house


async def test_a_run_is_started_watched_and_found_in_the_history(house: House) -> None:
    said = await lip(house, "migrate", "start", "--prison", PRISON, "--watch", "--json")
    assert said.code == FINE, said.err
    seen = said.json()
    assert seen["status"] == "COMPLETED"
    assert seen["listed"] == seen["migrated"] + seen["skipped"] + seen["failed"] > 0
    history = await lip(house, "migrate", "history")
    assert seen["migrationId"] in history.out
    failures = await lip(house, "migrate", "failures", seen["migrationId"], "--json")
    assert sum(each["count"] for each in failures.json()) == seen["skipped"]
    over = await lip(house, "migrate", "pause", seen["migrationId"])
    assert (over.code, "409" in over.err) == (REFUSED, True)


async def test_both_sides_are_compared_and_a_run_without_a_finding_is_fine(migrated: House) -> None:
    house = migrated
    said = await lip(house, "reconcile", "run", "--prison", PRISON, "--no-settle", "--watch", "--json")
    assert said.code == FINE, said.out + said.err
    run = said.json()
    assert (run["status"], run["mismatches"]) == ("COMPLETED", 0)
    assert run["compared"] > 0
    again = await lip(house, "reconcile", "run", "--prison", PRISON, "--no-settle", "--watch")
    assert f"{run['compared']:,} compared" in again.out
    shown = await lip(house, "reconcile", "show", str(run["runId"]))
    assert "COMPLETED" in shown.out


async def test_a_dead_letter_is_seen_with_its_reason_and_can_be_sent_back_and_removed(house: House) -> None:
    clean = await lip(house, "queues", "show", "--json")
    assert (clean.code, QUEUE in {each["queue"] for each in clean.json()}) == (FINE, True)
    body = '{"eventType": "x", "additionalInformation": {"id": "no uuid"}}'
    dead = house.desk.broker.queue(f"{QUEUE}-dlq")
    assert await dead.send([Parcel(body, {"failureReason": "[red]because[/]"})]) == [None]

    shown = await lip(house, "queues", "show")
    assert (shown.code, "1 dead letter:" in shown.err) == (NOT_AS_WISHED, True)
    # Where the table is too wide, nothing of a name is cut off.
    narrow = await lip(house, "queues", "show", COLUMNS="80")
    assert (f"queue {QUEUE}\n" in narrow.out, "…" in narrow.out) == (True, False)
    peeked = await lip(house, "queues", "peek", QUEUE)
    assert (peeked.code, "[red]because[/]" in peeked.out, "no uuid" in peeked.out) == (FINE, True, False)
    [letter] = (await lip(house, "queues", "peek", QUEUE, "--json")).json()["messages"]
    exhausted = {"failureReason": "in vain", "redriveCount": "3", "eventType": "location.inside.prison.amended"}
    assert await dead.send([Parcel(body, exhausted)]) == [None]
    assert (await lip(house, "queues", "redrive", QUEUE)).code == FINE

    async def left() -> Said | None:
        said = await lip(house, "queues", "status", QUEUE, "--json")
        return said if said.json()["status"] == "COMPLETED" else None

    ended = await seen(left, "the end of the redrive")
    assert (ended.code, ended.json()["messagesLeftCount"]) == (NOT_AS_WISHED, 1)
    watched = await lip(house, "queues", "redrive", QUEUE, "--watch")
    assert (watched.code, "1 left" in watched.out, "1 left, as" in watched.err) == (NOT_AS_WISHED, True, True)
    deleted = await lip(house, "queues", "delete", QUEUE, letter["messageId"], "--yes")
    assert (deleted.code, "not found" in deleted.err) == (NOT_AS_WISHED, True)
    purged = await lip(house, "queues", "purge", QUEUE, "--yes")
    assert (purged.code, f"of {QUEUE}-dlq deleted" in purged.out) == (FINE, True)


async def test_events_that_their_topic_refused_are_seen_published_again_or_dropped(house: House) -> None:
    rows = """
        INSERT INTO outbox_dead (id, event_id, topic, key, event_type, body, attributes, created_at, reason)
        SELECT id, gen_random_uuid(), 'domain-events', 'K-' || id, 'location.inside.prison.amended', '{}', '{}', now(),
               '[red]MessageTooLong[/]'
          FROM unnest(ARRAY[900000001, 900000002]::bigint[]) id
    """
    assert (await lip(house, "outbox", "show")).code == FINE
    await house.desk.locations_database.execute(rows)
    shown = await lip(house, "outbox", "show")
    assert (shown.code, "[red]Mess" in shown.out, "2 dead" in shown.err) == (NOT_AS_WISHED, True, True)
    dropped = await lip(house, "outbox", "drop", "900000001", "--yes")
    assert (dropped.code, "1 event given up" in dropped.out) == (FINE, True)
    again = await lip(house, "outbox", "publish", "900000002", "900000001", "--json")
    assert (again.code, again.json()) == (NOT_AS_WISHED, {"revivedCount": 1})
    assert (await lip(house, "outbox", "show")).code == FINE


async def test_a_location_is_shown_from_both_sides(migrated: House) -> None:
    house = migrated
    key = await house.desk.locations_database.fetchval(
        "SELECT prison_id || '-' || path_hierarchy FROM location"
        " WHERE location_type = 'CELL' AND prison_id = $1 ORDER BY 1 LIMIT 1",
        PRISON,
    )
    said = await lip(house, "location", "show", key, "--json")
    assert said.code == FINE, said.err
    fields = {each["field"]: each for each in said.json()["fields"]}
    assert fields["code"]["dps"] == fields["code"]["nomis"]
    missing = await lip(house, "location", "show", "LEI-NOT-THERE")
    assert (missing.code, "404" in missing.err) == (REFUSED, True)


async def test_what_was_migrated_is_verified_and_reported_to_be_signed(migrated: House) -> None:
    said = await lip(migrated, "migrate", "verify", "--prison", PRISON, "--json")
    assert said.code == FINE, said.err
    report = said.json()
    assert (report["clean"], PRISON in {prison["prisonId"] for prison in report["prisons"]}) == (True, True)
    again = await lip(migrated, "migrate", "report", report["verificationId"])
    assert (again.code, PRISON in again.out) == (FINE, True)


async def test_a_type_is_set_aside_and_handled_again(house: House) -> None:
    kind = "location.inside.prison.amended"
    parked = await lip(house, "queues", "park", QUEUE, kind, "--prison", PRISON, "--json")
    assert {"eventType": kind, "prisonId": PRISON, "mode": "hold"} in parked.json()["prisons"]
    back = await lip(house, "queues", "on", QUEUE, kind, "--prison", PRISON, "--json")
    assert {"eventType": kind, "prisonId": PRISON, "mode": "hold"} not in back.json()["prisons"]
    replayed = await lip(house, "queues", "replay", QUEUE)
    assert (replayed.code, "0 still held" in replayed.out) == (FINE, True)


async def test_conflicts_are_listed_and_one_that_is_not_there_is_refused(house: House) -> None:
    listed = await lip(house, "conflicts", "show", "--unseen", "--json")
    assert (listed.code, isinstance(listed.json(), list)) == (FINE, True)
    missing = await lip(house, "conflicts", "choose", "999999", "NOMIS")
    assert (missing.code, "404" in missing.err) == (REFUSED, True)


async def test_prisons_are_listed_with_their_next_step_and_what_blocks_it(migrated: House) -> None:
    said = await lip(migrated, "prisons", "show", "--json")
    assert (said.code, PRISON in {each["prisonId"] for each in said.json()}) == (FINE, True)
    shown = await lip(migrated, "prisons", "show")
    assert "SCREENS_OFF" in shown.out
    refused = await lip(migrated, "prisons", "switch", PRISON, "ONE_WAY", "--reason", "too early")
    assert (refused.code, "does not lead to ONE_WAY" in refused.err) == (REFUSED, True)


async def test_an_estate_that_is_there_already_is_not_loaded_twice(house: House) -> None:
    said = await lip(house, "estate", "generate", "--seed", "11", "--prison", PRISON)
    assert (said.code, "loaded already" in said.err, "Traceback" in said.err) == (USAGE, True, False)


async def test_an_estate_is_loaded_with_a_bar_that_says_how_far_it_is(house: House, databases: Databases) -> None:
    dsn = await databases.create("services/nomis/schema", "libs/messaging/schema")
    place = house.estate.endpoints_file.with_name("empty-nomis.json")
    place.write_bytes(orjson.dumps({"databases": {"nomis": {"dsn": dsn}}}))
    said = await lip(house, "estate", "generate", "--prison", "ZZGHI", "--prison", "TRN", LIP_ENDPOINTS=str(place))
    assert (said.code, "2 of 2 prisons" in said.out) == (FINE, True), said.err


async def test_commands_are_completed_under_the_name_that_people_type(house: House) -> None:
    asked = {"_LIP_COMPLETE": "complete_bash", "COMP_WORDS": "lip queues peek to", "COMP_CWORD": "3"}
    said = await lip(house, **asked)
    assert said.out.split() == [QUEUE]


@pytest.mark.parametrize("words", [(), ("migrate", "start"), ("reconcile", "repair")])
async def test_help_has_examples_a_line_each(house: House, words: tuple[str, ...]) -> None:
    said = await lip(house, *words, "--help")
    examples = [line for line in said.out.splitlines() if "Example: lip " in line]
    assert (said.code, len(examples) > 1, max(line.count(" lip ") for line in examples)) == (FINE, True, 1)


async def test_queues_and_topics_are_as_described(house: House) -> None:
    said = await lip(house, "topology", "verify", "--json")
    assert (said.code, said.json()) == (FINE, [])


@pytest.mark.parametrize(
    ("words", "environment", "code", "told"),
    [
        (("migrate", "history"), {"LIP_ENDPOINTS": "no-such-file.json"}, USAGE, "API_BASE_URL_MIGRATION"),
        (("queues", "peek", "no-such-queue"), {}, USAGE, "no-such-queue"),
        (("reconcile", "repair"), {}, USAGE, "--dps"),
        (("reconcile", "repair", "--prison", "LEI", "--mismatch", "1"), {}, USAGE, "--run"),
        (("prisons", "switch", "LEI", "NOWHERE"), {}, USAGE, "NOWHERE"),
        (("migrate", "history"), {"CLIENT_ID": "prometheus"}, REFUSED, "403"),
        (("migrate", "history"), {"LIP_TIMEOUT_SECONDS": "soon"}, USAGE, "LIP_TIMEOUT_SECONDS"),
    ],
)
async def test_what_keeps_a_command_from_being_carried_out_is_said_and_has_its_exit_code(
    house: House, words: tuple[str, ...], environment: dict[str, str], code: int, told: str
) -> None:
    said = await lip(house, *words, **environment)
    assert (said.code, told in said.out + said.err) == (code, True), said
    assert "Traceback" not in said.err


async def test_a_service_that_is_away_is_told_from_one_that_refuses(house: House) -> None:
    said = await lip(house, "migrate", "history", API_BASE_URL_MIGRATION=NOBODY)
    assert (said.code, "Traceback" in said.err) == (UNAVAILABLE, False)
