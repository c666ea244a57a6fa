"""What staff and operators do to locations is noted for the audit, in the transaction that does it."""

from services.locations.settings import Settings
from tests.services.locations.conftest import Client
from tests.services.locations.test_conflicts import NAMES, record
from tests.services.locations.test_staff_doors import ID, Kti, kti

__all__ = ["kti"]

TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_an_edit_is_noted_with_who_what_when_and_the_location(kti: Kti) -> None:
    await kti.acts()
    kti.headers["traceparent"] = f"00-{TRACE}-b7ad6b7169203331-01"
    await kti.ask("PATCH", "/locations/residential/{C-4-010}", {"code": "099"})
    [act] = await kti.acts()
    assert act.keys() == {
        "what", "when", "who", "service", "subjectId", "subjectType", "correlationId", "details",
    }  # fmt: skip
    assert (act["what"], act["who"], act["subjectId"]) == ("LOCATION_AMENDED", "BOSS", str(ID["C-4-010"]))
    assert (act["subjectType"], act["service"]) == ("LOCATION_ID", "hmpps-locations-inside-prison-api")
    assert act["correlationId"] == TRACE
    assert act["when"].endswith("Z")
    assert (act["details"]["key"], act["details"]["source"]) == ("KTI-C-4-099", "DPS")


async def test_a_finer_type_of_ours_is_an_amendment_and_ancestors_did_nothing(kti: Kti) -> None:
    await kti.acts()
    await kti.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 3, "workingCapacity": 1})
    assert [(act["what"], act["subjectId"]) for act in await kti.acts()] == [("LOCATION_AMENDED", str(ID["C-4-010"]))]
    assert len(await kti.events()) > 1, "those above were announced"


async def test_what_is_refused_or_changes_nothing_or_is_a_trial_was_not_done(kti: Kti) -> None:
    await kti.acts()
    await kti.ask("PUT", "/locations/{C-4-010}/capacity", {"maxCapacity": 1, "workingCapacity": 2}, status=400)
    [row] = await kti.connection.fetch("SELECT code FROM location WHERE id = $1", ID["C-4-010"])
    await kti.ask("PATCH", "/locations/residential/{C-4-010}", {"code": row["code"]})
    assert await kti.acts() == []


async def test_what_was_decided_about_a_conflict_is_noted_once(kti: Kti) -> None:
    [first] = await record(kti, "C", NAMES)
    await kti.acts()
    await kti.ask("PUT", f"/conflicts/{first}/acknowledge")
    await kti.ask("PUT", f"/conflicts/{first}/acknowledge")
    await kti.ask("PUT", f"/conflicts/{first}/choose/NOMIS")
    acts = [(act["what"], act["details"].get("chosen")) for act in await kti.acts() if "CONFLICT" in act["what"]]
    assert acts == [("LOCATION_CONFLICT_ACKNOWLEDGED", None), ("LOCATION_CONFLICT_DECIDED", "NOMIS")]


async def test_a_step_of_a_switch_over_is_noted(kti: Kti, client: Client) -> None:
    await kti.acts()
    step = {"fromStage": "BOTH_WAYS", "toStage": "SCREENS_OFF", "takenBy": "BOSS", "reason": "ready"}
    async with client.put("/sync/prisons/KTI/stage", json=step) as answer:
        assert answer.status == 200, await answer.text()
    [act] = await kti.acts()
    assert (act["what"], act["who"], act["subjectId"]) == ("LOCATION_SWITCH_OVER_STEP", "BOSS", "KTI")
    assert (act["details"]["toStage"], act["details"]["reason"]) == ("SCREENS_OFF", "ready")


async def test_a_signed_capacity_is_noted(kti: Kti) -> None:
    await kti.acts()
    body = {"prisonId": "KTI", "signedOperationCapacity": 1, "updatedBy": "SOMEBODY"}
    await kti.ask("POST", "/signed-op-cap", body, status=201)
    [act] = await kti.acts()
    assert (act["what"], act["who"], act["subjectId"]) == ("SIGNED_OP_CAP_AMENDED", "BOSS", "KTI")
    assert act["details"] == {"prisonId": "KTI", "signedOperationCapacity": 1}


def test_what_comes_from_nomis_is_audited_only_where_that_is_wanted() -> None:
    assert Settings.model_fields["audit_sync"].default is False
