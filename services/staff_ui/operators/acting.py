"""What operators' acts have in common: a form, a look at the answers, the act, a refusal said where it was asked."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from libs.web.outgoing import RemoteRefused
from services.staff_ui.edge.visits import Crumb, Visit
from services.staff_ui.errors import NotThere
from services.staff_ui.forms.fields import Fault, Field
from services.staff_ui.forms.reading import Answers, read
from services.staff_ui.views.layout import OPERATIONS

CONFIRM = "confirm"
# What a door says about the wish itself; the rest is for the page that knows no better.
TOLD = frozenset({400, 404, 409, 422, 429})
ROW_ID_DIGITS = 18

Model = TypeVar("Model", bound=BaseModel)


class NoAnswers(BaseModel):
    """Of a form without a question."""

    model_config = ConfigDict(frozen=True)


@dataclass(frozen=True)
class Row:
    """One answer on the page where all are checked; `step` says that it can be changed."""

    label: str
    text: str
    step: str | None = None


@dataclass(frozen=True)
class Act(Generic[Model]):
    """A form, what is said before it is sent off, what its buttons are called, and the page it leads back to."""

    title: str
    model: type[Model]
    button: str
    back: str
    fields: Sequence[Field] = ()
    caption: str = ""
    start: dict[str, Any] = field(default_factory=dict)
    # What is said before the act, and whether it is hard to undo.
    warning: Callable[[Model], str] = lambda _: ""
    facts: Sequence[Row] = ()
    # What the form that came before said, carried to the act.
    keep: Mapping[str, Sequence[str]] = field(default_factory=dict)
    hard: bool = False


def crumbs(*steps: tuple[str, str]) -> list[Crumb]:
    """Lead back through Operations."""
    return [Crumb("Operations", OPERATIONS), *(Crumb(text, href) for text, href in steps)]


def refusal(refused: RemoteRefused) -> str:
    """Return a door's own words, if it spoke of the wish; raise what it said otherwise."""
    if refused.status not in TOLD:
        raise refused
    return str(refused.body.get("developerMessage") or refused.body.get("userMessage") or refused)


async def acted(
    visit: Visit, act: Act[Model], carry_out: Callable[[Model], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Lead a person through an act: the form, the check, the act itself."""
    answers = read(act.model, act.fields, visit.form)
    step = visit.form.get("_step", "")
    if act.fields and not step and "_back" not in visit.form:
        return _asked(visit, act, {**answers.values, **act.start}, ())
    if "_back" in visit.form:
        return _asked(visit, act, answers.values, ())
    if answers.model is None:
        return _asked(visit, act, answers.values, answers.faults)
    if step != CONFIRM:
        return _checked(visit, act, answers, answers.model)
    try:
        return await carry_out(answers.model)
    except RemoteRefused as refused:
        return _asked(visit, act, answers.values, [Fault("", refusal(refused))])


async def pressed(
    visit: Visit, back: str, carry_out: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Carry out what a button alone asks for; a refusal is a page that leads back."""
    try:
        return await carry_out()
    except RemoteRefused as refused:
        told = refusal(refused)
        return visit.render("operators/refused.html", title="Nothing was done", told=told, back=back, status=409)


def none_chosen(what: str, name: str, values: Sequence[object]) -> Fault:
    """Say that nothing was ticked; `values` are those of the page's boxes, the first of which the sentence links to."""
    return Fault(f"{name}-{values[0]}" if values else "", f"Select at least one {what}", name)


def row_id(visit: Visit, name: str) -> int:
    """Return a number of the address. Raises NotThere."""
    text = visit.request.match_info[name]
    if not (text.isascii() and text.isdecimal() and len(text) <= ROW_ID_DIGITS):
        raise NotThere(text)
    return int(text)


def _asked(visit: Visit, act: Act[Model], values: Mapping[str, Any], faults: Sequence[Fault]) -> web.StreamResponse:
    return visit.render(
        "act.html" if act.fields else "operators/confirm.html",
        title=act.fields[0].label if len(act.fields) == 1 else act.title,
        caption=act.caption,
        etag="",
        step="asked",
        carry=(),
        before=None,
        shown=act.fields,
        values=values,
        errors=faults,
        rows=act.facts,
        keep=act.keep,
        button="Continue" if act.fields else act.button,
        back=act.back,
        status=400 if faults else 200,
    )


def _checked(visit: Visit, act: Act[Model], answers: Answers[Model], model: Model) -> web.StreamResponse:
    rows = [Row(each.subject, answers.told(each), "asked") for each in act.fields]
    return visit.render(
        "check.html" if act.fields else "operators/confirm.html",
        title="Check your answers" if act.fields else act.title,
        caption=act.title if act.fields else act.caption,
        before="asked",
        warning=act.warning(model),
        etag="",
        carry=act.fields,
        values=answers.values,
        rows=[*act.facts, *rows],
        keep=act.keep,
        button=act.button,
        hard=act.hard,
        back=act.back,
    )
