"""The questions about locations, each in one place, however many forms ask it."""

from collections.abc import Sequence
from dataclasses import replace

from libs.domain.codes import (
    NON_RESIDENTIAL_TYPES,
    AccommodationType,
    ConvertedCellType,
    DeactivatedReason,
    SpecialistCellType,
    UsageType,
)
from services.staff_ui.forms.fields import Choice, Field, choices_of

CODE = Field(
    "code",
    "Code",
    missing="Enter a code",
    hint="Up to 12 letters, numbers and hyphens. It becomes part of the location's key",
    classes="govuk-input--width-10",
    form="Code must only include letters, numbers, hyphens and underscores",
)
LOCAL_NAME = Field(
    "local_name",
    "Local name",
    missing="Enter a local name",
    hint="What people in the prison call it. Up to 30 characters",
)
NEW_NAME = Field("local_name", "Local name (optional)", called="Local name", hint=LOCAL_NAME.hint)
MAX_CAPACITY = Field(
    "max_capacity",
    "Maximum capacity",
    "number",
    missing="Enter the maximum capacity",
    hint="The most people who could share the cell",
)
WORKING_CAPACITY = Field(
    "working_capacity",
    "Working capacity",
    "number",
    missing="Enter the working capacity",
    hint="How many people the cell is to hold in normal use",
)
SIZE = (WORKING_CAPACITY, MAX_CAPACITY)
CELL_TYPES = Field(
    "cell_types",
    "What type of cell is it?",
    "checkboxes",
    called="Cell type",
    missing="Select a cell type from the list",
    hint="Select all that apply, or none",
    choices=choices_of(tuple(SpecialistCellType)),
)
REASON = Field(
    "reason",
    "Why is it being deactivated?",
    "radios",
    called="Reason",
    missing="Select why it is being deactivated",
    choices=choices_of(tuple(DeactivatedReason)),
)
DESCRIPTION = Field(
    "description",
    "Description",
    under=REASON.name,
    labels={
        code.value: "Describe the reason"
        if code is DeactivatedReason.OTHER
        else f"{code.description}: more detail (optional)"
        for code in DeactivatedReason
    },
)
EXPECTED = Field(
    "expected",
    "When is it expected back in use? (optional)",
    "date",
    called="Date expected back",
    hint="For example, 27 3 2027",
)
PLANET_FM = Field(
    "planet_fm", "Planet FM reference (optional)", called="Planet FM reference", classes="govuk-input--width-20"
)
CLOSURE = ((REASON, DESCRIPTION), (EXPECTED, PLANET_FM))
CLOSURE_OF_MANY = (
    (
        replace(REASON, label="Why are they being deactivated?", missing="Select why they are being deactivated"),
        DESCRIPTION,
    ),
    (replace(EXPECTED, label="When are they expected back in use? (optional)"), PLANET_FM),
)
BELOW = Field(
    "below",
    "Reactivate everything below it too?",
    "radios",
    called="With everything below it",
    missing="Select yes if everything below it comes back too",
    choices=(Choice("true", "Yes"), Choice("false", "No, only this location")),
    classes="govuk-radios--inline",
)
ARCHIVE_REASON = Field(
    "archive_reason", "Why is it being archived?", called="Reason", missing="Enter why it is being archived"
)
ROOM = Field(
    "room",
    "What kind of room is it to be?",
    "radios",
    called="Kind of room",
    missing="Select what kind of room it is to be",
    choices=choices_of(tuple(ConvertedCellType)),
)
OTHER_ROOM = Field(
    "other",
    "Use of the room",
    under=ROOM.name,
    labels={ConvertedCellType.OTHER.value: "What is the room used for?"},
)
ACCOMMODATION = Field(
    "accommodation",
    "What kind of accommodation is it?",
    "radios",
    called="Accommodation",
    missing="Select what kind of accommodation it is",
    choices=choices_of(
        (
            AccommodationType.NORMAL_ACCOMMODATION,
            AccommodationType.HEALTHCARE_INPATIENTS,
            AccommodationType.CARE_AND_SEPARATION,
        )
    ),
)
SIGNED = Field(
    "signed_capacity",
    "Signed operational capacity",
    "number",
    missing="Enter the signed operational capacity",
    hint="At most the prison's maximum capacity",
)
LANDINGS = Field(
    "landings", "How many landings?", "number", called="Number of landings", missing="Enter how many landings"
)
SPURS = Field(
    "spurs",
    "How many spurs on each landing? (optional)",
    "number",
    called="Number of spurs on each landing",
)
CELLS = Field(
    "cells",
    "How many cells in each section?",
    "number",
    called="Number of cells in each section",
    missing="Enter how many cells in each section",
    hint="A section is a spur, or a landing without spurs",
)
CELL_CAPACITY = Field(
    "cell_capacity",
    "How many people in each cell? (optional)",
    "number",
    called="Number of people in each cell",
    hint="1 unless you say otherwise",
)
ROOM_TYPE = Field(
    "room_type",
    "What kind of room is it?",
    "radios",
    called="Kind of room",
    missing="Select what kind of room it is",
    choices=choices_of(tuple(NON_RESIDENTIAL_TYPES)),
    classes="govuk-radios--small",
)
USAGES = Field(
    "usages",
    "What is it used for?",
    "checkboxes",
    called="Use",
    hint="Select all that apply, or none",
    choices=choices_of(tuple(UsageType)),
)


def used_for(choices: Sequence[Choice]) -> Field:
    """Ask what it is used for, out of what its prison may use cells for."""
    return Field(
        "used_for",
        "What is it used for?",
        "checkboxes",
        called="Use",
        missing="Select a use from the list",
        hint="Select all that apply, or none",
        choices=choices,
    )


def which_cells(choices: Sequence[Choice]) -> Field:
    """Ask which cells, out of those in use."""
    return Field(
        "cells",
        "Which cells are being deactivated?",
        "checkboxes",
        called="Cells",
        missing="Select at least one cell",
        choices=choices,
        classes="govuk-checkboxes--small",
    )
