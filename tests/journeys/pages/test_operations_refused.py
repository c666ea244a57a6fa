"""Who is no operator is kept out; what is forged, hostile or not there is said to be so."""

import re
from urllib.parse import quote

import pytest

from services.staff_ui.operators.doors import operator_doors
from tests.journeys.pages.browsing import Person
from tests.journeys.pages.operating import HOSTILE, QUEUE
from tests.journeys.pages.test_refusals import TEXTS, answered, token_of


async def test_a_forged_form_of_an_operator_changes_nothing(operator: Person) -> None:
    kind = "location.inside.prison.amended"
    path = f"{operator.url}/operations/sync/{QUEUE}/switch"
    await operator.goes(f"/operations/sync/{QUEUE}/switch")
    hidden = operator.page.locator("main input[name=_csrf]")
    token = str(await hidden.get_attribute("value"))
    filled: dict[str, str | float | bool] = {"_step": "confirm", "type": kind, "mode": "hold", "prison": "MDI"}

    async def modes() -> set[str]:
        await operator.goes(f"/operations/sync/{QUEUE}")
        rows = operator.page.get_by_role("row", name=re.compile(f"^{re.escape(kind)} MDI"))
        return {each.strip() for each in await rows.locator("td").last.all_inner_texts()}

    before = await modes()
    assert "Held" not in before
    for csrf, origin in (("x", operator.url), (token, "https://evil.example")):
        sent = {**filled, "_csrf": csrf}
        answer = await operator.page.request.post(path, form=sent, headers={"Origin": origin})
        assert answer.status == 403
        assert await modes() == before
    # The same form, ours, does what it says.
    for mode, told in (("hold", {"Held"}), ("on", {"On"})):
        sent = {**filled, "_csrf": token, "mode": mode}
        answer = await operator.page.request.post(path, form=sent, headers={"Origin": operator.url})
        assert answer.status == 200
        assert {each.capitalize() for each in await modes()} == told


async def test_nobody_but_operators_gets_to_any_of_it(staff: Person, operator: Person) -> None:
    assert await staff.goes("/") == 200
    hidden = staff.page.locator("form[action='/sign-out'] input[type=hidden]").first
    field, token = str(await hidden.get_attribute("name")), str(await hidden.get_attribute("value"))
    filled = {"runId": "1", "wish": "pause", "queue": QUEUE, "side": "dps", "locationId": "1", "conflictId": "1"}
    filled |= {"prisonId": "LEI", "stage": "ONE_WAY"}
    let_in, unguarded = [], []
    for door in operator_doors():
        path = re.sub(r"\{(\w+)(:[^}]*)?\}", lambda found: filled[found[1]], door.path)
        origin = {"Origin": staff.url}
        if door.method == "POST":
            mine = await staff.page.request.post(f"{staff.url}{path}", form={field: token}, headers=origin)
            forged = await operator.page.request.post(f"{operator.url}{path}", form={field: "x"}, headers=origin)
            unguarded += [] if forged.status == 403 else [path]
        else:
            mine = await staff.page.request.get(f"{staff.url}{path}")
        let_in += [] if mine.status == 403 else [(door.method, path, mine.status)]
    assert (let_in, unguarded) == ([], [])


@pytest.mark.parametrize(
    "path",
    [
        "/operations/migrations/2000-01-01T00:00:00",
        "/operations/migrations/no%20such%20run",
        "/operations/sync/no-such-queue",
        "/operations/reconciliation/99999999",
        "/operations/reconciliation/location/dps/00000000-0000-0000-0000-00000000dead",
        "/operations/conflicts/99999999",
        "/operations/conflicts/nonsense",
        "/operations/switch-over/nonsense",
        "/operations/switch-over/LEI/NOWHERE",
    ],
)
async def test_what_is_not_there_is_said_to_be_not_there(operator: Person, path: str) -> None:
    assert await operator.goes(path) == 404
    assert await operator.heading() == "Page not found"


async def test_hostile_words_come_back_as_words_in_every_field(operator: Person) -> None:
    csrf = await token_of(operator)
    here = "/operations"
    tried = set()
    for path in (
        "migrations/start",
        "reconciliation/start",
        f"sync/{QUEUE}/redrive",
        f"sync/{QUEUE}/switch",
        "switch-over/LEI/SCREENS_OFF",
    ):
        _, page = await answered(operator, "GET", f"{here}/{path}")
        names = set(TEXTS.findall(page))
        assert names, path
        form = {"_csrf": csrf, "_step": "asked", **dict.fromkeys(names, HOSTILE)}
        status, page = await answered(operator, "POST", f"{here}/{path}", form)
        assert status in {200, 400}, path
        assert "<script>alert" not in page, path
        tried |= names
    assert {"prisons", "prison", "rate", "reason"} <= tried
    asked = quote(HOSTILE)
    for path in (f"conflicts?prisonId={asked}", f"conflicts?won={asked}", f"switch-over?stage={asked}"):
        _, page = await answered(operator, "GET", f"{here}/{path}")
        assert "<script>alert" not in page, path
