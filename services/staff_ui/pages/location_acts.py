"""What can be done to one location; each says for which locations it is meant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from libs.domain.counting import counted
from services.staff_ui.forms import locations as forms
from services.staff_ui.forms import questions as ask
from services.staff_ui.forms.fields import Choice
from services.staff_ui.pages.acts import Act, Both, Changed, Request
from services.staff_ui.views.location import Place
from services.staff_ui.views.words import when

Json = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """What depends on the prison or on what stands below; cells are right below, with their versions."""

    uses: Sequence[Choice] = ()
    cells: Sequence[tuple[Place, int]] = ()


@dataclass(frozen=True)
class Doable:
    """One act: the end of its address, what its link says, for which locations, and how it is made."""

    slug: str
    text: str
    fits: Callable[[Place], bool]
    make: Callable[[Place, Choices], Act[Any]]
    # Which choices have to be read first.
    needs: frozenset[str] = frozenset()


def _put(place: Place, door: str, json: Any) -> Request:
    return Request("PUT", f"/locations/{place.id}/{door}", json)


def _here(place: Place) -> Callable[[Any], str]:
    return lambda _: place.url


def rename(place: Place, _: Choices) -> Act[forms.LocalName]:
    """Change the local name."""
    return Act(
        title="What is it called?",
        button="Save local name",
        form=forms.LocalName,
        steps=((ask.LOCAL_NAME,),),
        request=lambda form: _put(place, "change-local-name", {"localName": form.local_name}),
        done=lambda _: "Local name changed",
        after=_here(place),
        initial={"local_name": place.json.get("localName", "")},
    )


def resize(place: Place, _: Choices) -> Act[forms.Size]:
    """Change a cell's capacity."""
    return Act(
        title="Change capacity",
        button="Save capacity",
        form=forms.Size,
        steps=(ask.SIZE,),
        request=lambda form: _put(place, "capacity", _capacity(form)),
        done=lambda _: "Capacity changed",
        after=_here(place),
        initial=_size(place),
    )


def retype(place: Place, _: Choices) -> Act[forms.CellTypes]:
    """Change what types of cell it is."""
    return Act(
        title="Change cell type",
        button="Save cell type",
        form=forms.CellTypes,
        steps=((ask.CELL_TYPES,),),
        request=lambda form: _put(place, "specialist-cell-types", _codes(form.cell_types)),
        done=lambda _: "Cell type changed",
        after=_here(place),
        initial={"cell_types": place.json.get("specialistCellTypes", [])},
    )


def use(place: Place, choices: Choices) -> Act[forms.Uses]:
    """Change what it is used for; of a wing or landing, what all its cells are used for."""
    return Act(
        title="Change what it is used for",
        button="Save uses",
        form=forms.Uses,
        steps=((ask.used_for(choices.uses),),),
        request=lambda form: _put(place, "used-for-type", _codes(form.used_for)),
        done=lambda _: "Uses changed" if place.is_cell else "Uses of all cells below changed",
        after=_here(place),
        initial={"used_for": place.json.get("usedFor", [])},
        checked=not place.is_cell,
        warning="" if place.is_cell else "This replaces the uses of every cell in it.",
    )


def deactivate(place: Place, _: Choices) -> Act[forms.Closure]:
    """Take it out of use for a while, with all below it."""
    below = "" if place.is_cell or not place.is_residential else " and everything below it"
    return Act(
        title=f"Deactivate {place.name}",
        button="Deactivate",
        form=forms.Closure,
        steps=ask.CLOSURE,
        request=lambda form: _put(place, "deactivate/temporary", closure(form)),
        done=lambda _: f"{place.name} deactivated",
        after=_here(place),
        initial={},
        checked=True,
        warning=f"Nobody can be placed in {place.name}{below} until it is reactivated.",
    )


def deactivate_cells(place: Place, choices: Choices) -> Act[forms.CloseMany]:
    """Take several cells out of use for the same reason."""
    open_cells = {f"{cell.id}@{version}": cell for cell, version in choices.cells if cell.active}
    return Act(
        title="Deactivate cells",
        button="Deactivate cells",
        form=forms.CloseMany,
        steps=(
            (ask.which_cells([Choice(each, cell.path) for each, cell in open_cells.items()]),),
            *ask.CLOSURE_OF_MANY,
        ),
        request=lambda form: Request(
            "PUT",
            "/locations/bulk/deactivate/temporary",
            {"locations": {str(cell.id): {**closure(form), "version": cell.version} for cell in form.cells}},
        ),
        done=lambda form: f"{counted(len(form.cells), 'cell')} deactivated",
        after=_here(place),
        initial={},
        checked=True,
        warning="Nobody can be placed in these cells until they are reactivated. All are deactivated, or none.",
        changed=lambda form: _changed(form, choices.cells),
    )


def _changed(form: forms.CloseMany, cells: Sequence[tuple[Place, int]]) -> Changed | None:
    """Say what became of chosen cells that somebody else changed; those that are still in use can be taken on."""
    now = {cell.id: (cell, version) for cell, version in cells}
    known = {f"{cell.id}@{version}" for cell, version in cells if cell.active}
    if all(str(each) in known for each in form.cells):
        return None
    chosen = [now[str(each.id)] for each in form.cells if str(each.id) in now]
    both = [
        Both(cell.path, _stands(cell), "Deactivate" if cell.active else "Nothing is left to do") for cell, _ in chosen
    ]
    values = form.model_dump(mode="json") | {
        "cells": [f"{cell.id}@{version}" for cell, version in chosen if cell.active]
    }
    return Changed("cells that you chose", both, {name: "" if each is None else each for name, each in values.items()})


def _stands(cell: Place) -> str:
    held = f"working capacity {cell.working}, maximum capacity {cell.maximum}" if cell.active else cell.reason
    by, at = cell.json.get("lastModifiedBy", ""), when(cell.json["lastModifiedDate"])
    return f"{cell.tag['text']}, {held}. Last changed by {by} on {at}"


def reactivate_cell(place: Place, _: Choices) -> Act[forms.Size]:
    """Bring a cell back with the capacity it is to have."""
    before = place.json.get("oldWorkingCapacity", place.working)
    return Act(
        title=f"Reactivate {place.name}",
        button="Reactivate",
        form=forms.Size,
        steps=(ask.SIZE,),
        request=lambda form: Request(
            "PUT", "/locations/bulk/reactivate", {"locations": {place.id: {"capacity": _capacity(form)}}}, of_many=True
        ),
        done=lambda _: f"{place.name} reactivated",
        after=_here(place),
        initial={**_size(place), "working_capacity": str(before)},
        checked=True,
    )


def reactivate(place: Place, _: Choices) -> Act[forms.Reopen]:
    """Bring it back, with what is below it or without."""
    return Act(
        title=f"Reactivate {place.name}",
        button="Reactivate",
        form=forms.Reopen,
        steps=((ask.BELOW,),),
        request=lambda form: _put(place, f"reactivate?cascade-reactivation={'true' if form.below else 'false'}", None),
        done=lambda _: f"{place.name} reactivated",
        after=_here(place),
        initial={},
        checked=True,
    )


def archive(place: Place, _: Choices) -> Act[forms.Archive]:
    """Close it for good."""
    return Act(
        title=f"Archive {place.name}",
        button="Archive for good",
        form=forms.Archive,
        steps=((ask.ARCHIVE_REASON,),),
        request=lambda form: _put(place, "deactivate/permanent", {"reason": form.archive_reason}),
        done=lambda _: f"{place.name} archived",
        after=_here(place),
        initial={},
        checked=True,
        hard=True,
        warning="You cannot undo this. The location can never be used again, nor can its key.",
    )


def to_room(place: Place, _: Choices) -> Act[forms.ToRoom]:
    """Make a cell a room."""
    return Act(
        title="Convert to a non-residential room",
        button="Convert",
        form=forms.ToRoom,
        steps=((ask.ROOM, ask.OTHER_ROOM),),
        request=lambda form: _put(place, "convert-cell-to-non-res-cell", room(form)),
        done=lambda _: f"{place.name} is now a room",
        after=_here(place),
        initial={},
        checked=True,
        warning="The cell loses its capacity, cell types and uses.",
    )


def other_room(place: Place, _: Choices) -> Act[forms.ToRoom]:
    """Make a converted cell another kind of room."""
    return Act(
        title="Change the kind of room",
        button="Save",
        form=forms.ToRoom,
        steps=((ask.ROOM, ask.OTHER_ROOM),),
        request=lambda form: _put(place, "update-non-res-cell", room(form)),
        done=lambda _: "Kind of room changed",
        after=_here(place),
        initial={
            "room": place.json.get("convertedCellType", ""),
            "other": place.json.get("otherConvertedCellType", ""),
        },
    )


def to_cell(place: Place, choices: Choices) -> Act[forms.ToCell]:
    """Make a room a cell again."""
    return Act(
        title="Convert back to a cell",
        button="Convert",
        form=forms.ToCell,
        steps=((ask.ACCOMMODATION,), (ask.CELL_TYPES,), ask.SIZE, (ask.used_for(choices.uses),)),
        request=lambda form: _put(
            place,
            "convert-to-cell",
            {
                "accommodationType": form.accommodation.value,
                "specialistCellTypes": _codes(form.cell_types),
                "usedForTypes": _codes(form.used_for),
                **_capacity(form),
            },
        ),
        done=lambda _: f"{place.name} is a cell again",
        after=_here(place),
        initial={},
        checked=True,
    )


def closure(form: forms.Closure) -> Json:
    """Return why and until when, as the API takes it."""
    return {
        "deactivationReason": form.reason.value,
        "deactivationReasonDescription": form.description,
        "proposedReactivationDate": form.expected.isoformat() if form.expected else None,
        "planetFmReference": form.planet_fm,
    }


def room(form: forms.ToRoom) -> Json:
    """Return what a cell becomes, as the API takes it."""
    return {"convertedCellType": form.room.value, "otherConvertedCellType": form.other}


def _capacity(form: forms.Size) -> Json:
    return {"maxCapacity": form.max_capacity, "workingCapacity": form.working_capacity}


def _size(place: Place) -> Mapping[str, str]:
    return {"max_capacity": str(place.maximum), "working_capacity": str(place.working)}


def _codes(codes: Sequence[Any]) -> list[str]:
    return [code.value for code in codes]


def _open(place: Place) -> bool:
    return not place.archived


def _structure(place: Place) -> bool:
    return _open(place) and place.is_residential and not place.is_cell and not place.converted


DOABLE = (
    Doable(
        "local-name",
        "Change local name",
        lambda place: _open(place) and not place.is_cell and not place.converted,
        rename,
    ),
    Doable("capacity", "Change capacity", lambda place: place.is_cell and place.active, resize),
    Doable("cell-type", "Change cell type", lambda place: place.is_cell and place.active, retype),
    Doable(
        "used-for",
        "Change what it is used for",
        lambda place: _open(place) and place.is_residential and not place.converted,
        use,
        frozenset({"uses"}),
    ),
    Doable(
        "convert-to-room", "Convert to a non-residential room", lambda place: _open(place) and place.is_cell, to_room
    ),
    Doable("room", "Change the kind of room", lambda place: _open(place) and place.converted, other_room),
    Doable(
        "convert-to-cell",
        "Convert back to a cell",
        lambda place: _open(place) and place.converted,
        to_cell,
        frozenset({"uses"}),
    ),
    Doable("deactivate", "Deactivate", lambda place: place.active, deactivate),
    Doable(
        "deactivate-cells",
        "Deactivate several cells",
        lambda place: _structure(place) and place.active,
        deactivate_cells,
        frozenset({"cells"}),
    ),
    Doable("reactivate-cell", "Reactivate", lambda place: place.closed_itself and place.is_cell, reactivate_cell),
    Doable("reactivate", "Reactivate", lambda place: place.closed_itself and not place.is_cell, reactivate),
    Doable("archive", "Archive", _open, archive),
)
BY_SLUG: Mapping[str, Doable] = MappingProxyType({doable.slug: doable for doable in DOABLE})
