"""A change of staff is one trace, from the request to the row in NOMIS, whoever carried it."""

from libs.domain.sync import LocationMirror
from libs.telemetry.spans import Span
from tests.services.migration.town import Town, seen

UPDATE = "UPDATE agency_internal_locations"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


async def test_a_change_is_followed_from_the_api_to_the_nomis_row(town: Town) -> None:
    cell = (await town.prison("TRI", landings=1, cells=1))[-1]
    await town.run(prisonIds=["TRI"])
    mirror: LocationMirror = await seen(lambda: town.mirror(cell), "the cell in DPS")
    await town.to_nomis.start()
    try:
        async with town.staff.put(
            f"/locations/{mirror.location.id}/capacity",
            json={"maxCapacity": 4, "workingCapacity": 2},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        ) as answer:
            assert answer.status == 200, await answer.text()

        async def arrived() -> bool:
            row = await town.nomis.read(cell)
            handled = any(each.name == "process to-nomis-locations" for each in trace(town))
            return row is not None and row.location.capacity == 4 and handled

        await seen(arrived, "the change in NOMIS")
    finally:
        await town.to_nomis.stop()
    told = trace(town)
    names = {(each.kind, each.name) for each in told}
    assert names >= {
        ("SERVER", "PUT /locations/{locationId}/capacity"),
        ("CLIENT", "INSERT"),
        ("PRODUCER", "publish domain-events"),
        ("CONSUMER", "process to-nomis-locations"),
        ("CLIENT", "PUT nomis"),
        ("SERVER", "PUT /locations/{locationId}/capacity"),
    }
    # Every span hangs on another of the trace, but for the one that the caller began.
    ids = {each.context.span_id for each in told}
    assert {each.context.parent_id for each in told} - ids == {CALLER}
    # The write to the row itself: in NOMIS's own database, below the request of the worker.
    statements = {each.context.span_id: str(each.attributes.get("db.query.text", "")) for each in told}
    written = next(each for each in told if statements[each.context.span_id].startswith(UPDATE))
    kinds = [each.kind for each in way(written, told)]
    assert kinds == ["CLIENT", "SERVER", "CLIENT", "CONSUMER", "PRODUCER", "SERVER"]


def trace(town: Town) -> list[Span]:
    return [each for each in town.spans if each.context.trace_id == TRACE]


def way(span: Span, told: list[Span]) -> list[Span]:
    """Return a span and all it hangs on, up to the caller."""
    by_id = {each.context.span_id: each for each in told}
    found = [span]
    while (above := by_id.get(found[-1].context.parent_id or "")) is not None:
        found.append(above)
    return found
