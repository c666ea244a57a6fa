"""What operators are asked."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from libs.domain.prisons import PRISON_ID
from services.staff_ui.forms.fields import Choice
from services.staff_ui.forms.fields import Field as Question

REASON_MAX = 1000
PRISONS_MAX = 250
PRISON_FORM = "Enter a prison code, like LEI"


class Wish(BaseModel):
    """Answers of a form."""

    model_config = ConfigDict(frozen=True)


def _codes(text: object) -> object:
    return re.split(r"[\s,;]+", text.strip().upper()) if isinstance(text, str) else text


def _upper(text: object) -> object:
    return text.strip().upper() if isinstance(text, str) else text


def _once(codes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(codes))


Prison = Annotated[str, BeforeValidator(_upper), Field(pattern=f"^(?:{PRISON_ID.pattern})$")]
Prisons = Annotated[
    tuple[Annotated[str, Field(pattern=f"^(?:{PRISON_ID.pattern})$")], ...],
    BeforeValidator(_codes),
    AfterValidator(_once),
    Field(max_length=PRISONS_MAX),
]


class StartWish(Wish):
    """Which run to start, over which prisons."""

    kind: Literal["rehearsals", "migration"]
    prisons: Prisons = ()


START = (
    Question(
        "kind",
        "What do you want to start?",
        "radios",
        called="Start",
        missing="Select a rehearsal or a migration",
        choices=(
            Choice("rehearsals", "A rehearsal", "Does everything but write"),
            Choice("migration", "A migration", "Creates the locations in DPS"),
        ),
    ),
    Question(
        "prisons",
        "Prisons (optional)",
        called="Prisons",
        nothing="All prisons",
        hint="Codes with commas between, like LEI, MDI, to be taken in this order. Leave it empty for all.",
        form="Enter prison codes with commas between, like LEI, MDI",
    ),
)


class RunWish(Wish):
    """Which comparison to run."""

    prison: Prison | None = None
    settle: Literal["report", "settle"]


COMPARE = (
    Question(
        "prison",
        "Prison (optional)",
        called="Prison",
        nothing="All prisons",
        hint="A code, like LEI. Leave it empty for all prisons.",
        form=PRISON_FORM,
        classes="govuk-input--width-5",
    ),
    Question(
        "settle",
        "What should become of what differs?",
        "radios",
        called="What differs",
        missing="Select what should become of what differs",
        choices=(
            Choice("report", "Report it only"),
            Choice("settle", "Have it settled", "A worker merges both sides, field by field"),
        ),
    ),
)


class RateWish(Wish):
    """How fast dead letters go back, and whether those go too that have gone back in vain so often."""

    rate: Annotated[int, Field(ge=1, le=500)]
    exhausted: Annotated[tuple[Literal["yes"], ...], Field(max_length=1)] = ()


REDRIVE = (
    Question(
        "rate",
        "How many a second at most?",
        "number",
        called="Rate a second",
        form="Enter a whole number from 1 to 500",
    ),
    Question(
        "exhausted",
        "Those that were sent back in vain too often",
        "checkboxes",
        called="Those sent back in vain too often",
        nothing="Left where they are",
        choices=(Choice("yes", "Send these too"),),
    ),
)


class SwitchWish(Wish):
    """How messages of a type are treated, everywhere or in one prison."""

    type: Annotated[str, Field(pattern=r"^[\w.-]{1,80}$")]
    mode: Literal["on", "hold", "drop"]
    prison: Prison | None = None


def switching(types: tuple[str, ...]) -> tuple[Question, ...]:
    """Ask for a type of those that a worker handles, its mode, and a prison."""
    return (
        Question(
            "type",
            "Which messages?",
            "radios",
            called="Messages",
            missing="Select which messages",
            choices=tuple(Choice(each, each) for each in types),
        ),
        Question(
            "mode",
            "What should become of them?",
            "radios",
            called="What becomes of them",
            missing="Select what should become of them",
            choices=(
                Choice("on", "On", "They are handled, and those that were held come back"),
                Choice("hold", "Hold", "They are set aside until this is on again"),
                Choice("drop", "Drop", "They go by unhandled and are gone"),
            ),
        ),
        Question(
            "prison",
            "Prison (optional)",
            called="Prison",
            nothing="All prisons",
            hint="A code, like LEI. Leave it empty for all prisons.",
            form=PRISON_FORM,
            classes="govuk-input--width-5",
        ),
    )


class StepWish(Wish):
    """Why a step of a switch-over is taken."""

    reason: Annotated[str, Field(min_length=1, max_length=REASON_MAX)]


STEP = (
    Question(
        "reason",
        "Why is this step taken?",
        "textarea",
        called="Reason",
        missing="Enter why this step is taken",
        hint="It is kept with the step, for everyone to read.",
    ),
)
