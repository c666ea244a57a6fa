"""What people write into locations, and who they are, stands in no line of log: ids, keys and names of routes only."""

import json

from structlog.testing import capture_logs

from libs.domain.sync import LocationMirror
from tests.services.migration.town import Town, seen

COMMENT = "UPDATE agency_internal_locations SET comment_text = $1 WHERE internal_location_id = $2"
THEIRS, OURS = "Needle of NOMIS", "Needle of DPS"


async def test_no_body_no_name_and_no_token_is_logged_on_the_way(town: Town) -> None:
    _, landing, cell = await town.prison("QLI", landings=1, cells=1)
    await town.run(prisonIds=["QLI"])
    mirror: LocationMirror = await seen(lambda: town.mirror(landing), "the landing in DPS")
    with capture_logs() as told:
        await town.from_nomis.start()
        await town.to_nomis.start()
        try:
            async with town.screens.screen("OIMMHOLO"):
                await town.screens.connection.execute(COMMENT, THEIRS, cell)
            path = f"/locations/{mirror.location.id}/change-local-name"
            async with town.staff.put(path, json={"localName": OURS}) as answer:
                assert answer.status == 200, await answer.text()

            async def arrived() -> bool:
                row, there = await town.nomis.read(landing), await town.mirror(cell)
                return bool(
                    row and row.location.user_description == OURS and there and there.location.comments == THEIRS
                )

            await seen(arrived, "both texts on both sides")
        finally:
            await town.from_nomis.stop()
            await town.to_nomis.stop()
    lines = [json.dumps(line, default=repr) for line in told]
    assert {"request", "message"} <= {line["event"] for line in told}
    assert [line for line in lines if "needle" in line.lower()] == []
    # What a token begins with, and the password of any database.
    assert [line for line in lines if "eyJ" in line or "postgresql://" in line] == []
