"""What can be done in a prison: make locations, and set what is signed."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from libs.domain.codes import AccommodationType, LocationType
from services.staff_ui.forms import locations as forms
from services.staff_ui.forms import questions as ask
from services.staff_ui.forms.fields import Choice
from services.staff_ui.pages.acts import Act, Request
from services.staff_ui.views.location import Place

RESIDENTIAL = "/locations/residential"
Maker = Callable[[str, Place | None, Sequence[Choice]], Act[Any]]


def _its_page(answer: Any) -> str:
    return f"/locations/{answer['id']}"


def wing(prison_id: str, _: Place | None, __: Sequence[Choice]) -> Act[forms.NewWing]:
    """Make a wing with landings and cells."""
    return Act(
        title="Create a wing",
        button="Create wing",
        form=forms.NewWing,
        steps=((ask.CODE, ask.NEW_NAME), (ask.LANDINGS, ask.SPURS), (ask.CELLS, ask.CELL_CAPACITY)),
        request=lambda form: Request(
            "POST",
            "/locations/create-wing",
            {
                "prisonId": prison_id,
                "wingCode": form.code,
                "wingDescription": form.local_name,
                "numberOfLandings": form.landings,
                "numberOfSpursPerLanding": form.spurs,
                "numberOfCellsPerSection": form.cells,
                "defaultCellCapacity": form.cell_capacity,
            },
        ),
        done=lambda form: f"Wing {form.code} created",
        after=_its_page,
        initial={},
        checked=True,
        warning="This creates every landing, spur and cell at once.",
    )


def landing(prison_id: str, parent: Place | None, _: Sequence[Choice]) -> Act[forms.NewLanding]:
    """Make a landing in a wing."""
    assert parent is not None
    return Act(
        title=f"Create a landing in {parent.name}",
        button="Create landing",
        form=forms.NewLanding,
        steps=((ask.CODE, ask.NEW_NAME),),
        request=lambda form: Request(
            "POST",
            RESIDENTIAL,
            {
                "prisonId": prison_id,
                "code": form.code,
                "localName": form.local_name,
                "parentId": parent.id,
                "locationType": LocationType.LANDING.value,
                "accommodationType": AccommodationType.NORMAL_ACCOMMODATION.value,
            },
        ),
        done=lambda form: f"Landing {form.code} created",
        after=_its_page,
        initial={},
        checked=True,
    )


def cell(prison_id: str, parent: Place | None, uses: Sequence[Choice]) -> Act[forms.NewCell]:
    """Make a cell on a landing."""
    assert parent is not None
    return Act(
        title=f"Create a cell in {parent.name}",
        button="Create cell",
        form=forms.NewCell,
        steps=((ask.CODE,), (ask.ACCOMMODATION,), (ask.CELL_TYPES,), ask.SIZE, (ask.used_for(uses),)),
        request=lambda form: Request(
            "POST",
            RESIDENTIAL,
            {
                "prisonId": prison_id,
                "code": form.code,
                "parentId": parent.id,
                "locationType": LocationType.CELL.value,
                "accommodationType": form.accommodation.value,
                "capacity": {"maxCapacity": form.max_capacity, "workingCapacity": form.working_capacity},
                "specialistCellTypes": [code.value for code in form.cell_types],
                "usedFor": [code.value for code in form.used_for],
            },
        ),
        done=lambda form: f"Cell {form.code} created",
        after=_its_page,
        initial={},
        checked=True,
    )


def room(prison_id: str, parent: Place | None, _: Sequence[Choice]) -> Act[forms.NewRoom]:
    """Make a place where nobody lives."""
    return Act(
        title="Create a non-residential room",
        button="Create room",
        form=forms.NewRoom,
        steps=((ask.CODE, ask.NEW_NAME), (ask.ROOM_TYPE,), (ask.USAGES,)),
        request=lambda form: Request(
            "POST",
            "/locations/non-residential",
            {
                "prisonId": prison_id,
                "code": form.code,
                "localName": form.local_name,
                "parentId": parent.id if parent else None,
                "locationType": form.room_type.value,
                "usage": [{"usageType": code.value, "capacity": 0, "sequence": code.sequence} for code in form.usages],
            },
        ),
        done=lambda form: f"Room {form.code} created",
        after=_its_page,
        initial={},
        checked=True,
    )


def signed(prison_id: str, by: str, now: int) -> Act[forms.Signed]:
    """Set what is signed for a prison."""
    return Act(
        title="Change the signed operational capacity",
        button="Save signed operational capacity",
        form=forms.Signed,
        steps=((ask.SIGNED,),),
        request=lambda form: Request(
            "POST",
            "/signed-op-cap",
            {"prisonId": prison_id, "signedOperationCapacity": form.signed_capacity, "updatedBy": by},
        ),
        done=lambda _: "Signed operational capacity changed",
        after=lambda _: f"/prisons/{prison_id}",
        initial={"signed_capacity": str(now)},
        checked=True,
    )


# What can be made below which kind of location.
MAKERS: Mapping[str, Maker] = MappingProxyType({"wing": wing, "landing": landing, "cell": cell, "room": room})
BELOW: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType(
    {
        LocationType.WING: (("landing", "Create a landing"), ("cell", "Create a cell"), ("room", "Create a room")),
        LocationType.SPUR: (("cell", "Create a cell"), ("room", "Create a room")),
        LocationType.LANDING: (("cell", "Create a cell"), ("room", "Create a room")),
    }
)
