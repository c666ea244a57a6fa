"""What people do: asked one thing a page, checked where it is hard to undo, sent with the version it was opened with.

An `Act` says what; `conduct` does it the same way for all. Nothing is kept between pages: each carries the answers so
far in its form, so that it works in two tabs, after a restart, and without JavaScript.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel

from libs.web.outgoing import RemoteRefused
from services.staff_ui.edge.visits import Crumb, Visit
from services.staff_ui.forms.fields import Fault, Field
from services.staff_ui.forms.reading import Answers, read
from services.staff_ui.views.refusals import told

Form = TypeVar("Form", bound=BaseModel)
Values = Mapping[str, Any]
BAD_REQUEST, CONFLICT, CHANGED = 400, 409, 412
CONFIRM = "confirm"


@dataclass(frozen=True)
class Request:
    """What is sent to the locations API."""

    method: str
    path: str
    json: Any


@dataclass(frozen=True)
class Act(Generic[Form]):
    """One thing that can be done to something. `steps`: the questions of each page."""

    title: str
    button: str
    form: type[Form]
    steps: Sequence[Sequence[Field]]
    request: Callable[[Form], Request]
    done: Callable[[Form], str]
    # Where the browser goes afterwards, by what the API answered.
    after: Callable[[Any], str]
    initial: Values
    # Set where it is hard to undo, or many are changed: answers are shown before anything is sent.
    checked: bool = False
    hard: bool = False
    warning: str = ""

    @property
    def fields(self) -> tuple[Field, ...]:
        """All questions."""
        return tuple(field for step in self.steps for field in step)


@dataclass(frozen=True)
class Target:
    """What it is done to: its name, its page, the way to it, and its version and present values when they matter."""

    name: str
    url: str
    crumbs: Sequence[Crumb]
    etag: str = ""
    # Who changed it last, and when.
    latest: Mapping[str, str] | None = None


class Conduct(Generic[Form]):
    """One act of one visit."""

    def __init__(self, visit: Visit, act: Act[Form], target: Target) -> None:
        self._visit = visit
        self._act = act
        self._target = target

    async def run(self) -> web.StreamResponse:
        """Ask, check, or do."""
        posted = self._visit.form
        if self._visit.request.method in {"GET", "HEAD"}:
            return self._ask(0, self._blank(), self._target.etag)
        answers = read(self._act.form, self._act.fields, posted)
        etag = posted.get("_etag", "")
        step = posted.get("_step", "")
        if (back := posted.get("_back", "")).isdecimal():
            return self._ask(min(int(back), len(self._act.steps) - 1), answers, etag)
        number = len(self._act.steps) - 1 if step == CONFIRM else _number(step, len(self._act.steps))
        asked = {field.name for page in self._act.steps[: number + 1] for field in page}
        faults = [fault for fault in answers.faults if fault.name in asked or not fault.name]
        if faults:
            return self._again(answers, faults, etag)
        if number + 1 < len(self._act.steps):
            return self._ask(number + 1, answers, etag)
        if self._act.checked and step != CONFIRM:
            return self._check(answers, etag)
        return await self._send(answers, etag)

    def _blank(self) -> Answers[Form]:
        empty = {field.name: [] if field.kind == "checkboxes" else "" for field in self._act.fields}
        return Answers({**empty, **self._act.initial}, None, ())

    async def _send(self, answers: Answers[Form], etag: str) -> web.StreamResponse:
        assert answers.model is not None
        wish = self._act.request(answers.model)
        try:
            answer = await self._visit.api.ask("locations", wish.method, wish.path, json=wish.json, etag=etag)
        except RemoteRefused as refused:
            if refused.status == CHANGED:
                return self._both(answers)
            if refused.status not in {BAD_REQUEST, CONFLICT}:
                raise
            return self._again(answers, [self._fault(refused)], etag)
        after = self._act.after(answer.json() if answer.body else None)
        return self._visit.see_other(after, done=self._act.done(answers.model))

    def _fault(self, refused: RemoteRefused) -> Fault:
        name, text = told(refused.body)
        field = next((field for field in self._act.fields if field.name == name), None)
        return Fault(field.anchor, text, name) if field else Fault("", text)

    def _again(self, answers: Answers[Form], faults: Sequence[Fault], etag: str) -> web.Response:
        """Show the first page that has something wrong."""
        names = {fault.name for fault in faults}
        pages = enumerate(self._act.steps)
        step = next((at for at, page in pages if names & {field.name for field in page}), len(self._act.steps) - 1)
        here = {field.name for field in self._act.steps[step]}
        shown = [fault for fault in faults if fault.name in here or not fault.name]
        return self._ask(step, answers, etag, shown)

    def _ask(self, step: int, answers: Answers[Form], etag: str, faults: Sequence[Fault] = ()) -> web.Response:
        shown = self._act.steps[step]
        last = step + 1 == len(self._act.steps) and not self._act.checked
        return self._page(
            "act.html",
            answers,
            etag,
            shown=shown,
            carry=[field for field in self._act.fields if field not in shown],
            step=step,
            errors=faults,
            button=self._act.button if last else "Continue",
            status=BAD_REQUEST if faults else 200,
        )

    def _check(self, answers: Answers[Form], etag: str) -> web.Response:
        rows = [
            {"label": field.subject, "text": field.told(answers.values[field.name]), "step": step}
            for step, page in enumerate(self._act.steps)
            for field in page
        ]
        return self._page(
            "check.html",
            answers,
            etag,
            rows=rows,
            carry=self._act.fields,
            warning=self._act.warning,
            hard=self._act.hard,
            button=self._act.button,
        )

    def _both(self, answers: Answers[Form]) -> web.Response:
        """Show what it is now beside what was entered; the form now has the present version."""
        now = self._act.initial
        both = [
            {
                "label": field.subject,
                "now": field.told(now.get(field.name)),
                "yours": field.told(answers.values[field.name]),
                "differs": field.told(now.get(field.name)) != field.told(answers.values[field.name]),
            }
            for field in self._act.fields
        ]
        return self._page(
            "changed_meanwhile.html",
            answers,
            self._target.etag,
            both=both,
            carry=self._act.fields,
            latest=self._target.latest,
            status=CHANGED,
        )

    def _page(self, template: str, answers: Answers[Form], etag: str, **context: Any) -> web.Response:
        checking = template == "check.html" and not self._act.hard
        return self._visit.render(
            template,
            title="Check your answers" if checking else self._act.title,
            crumbs=[*self._target.crumbs, Crumb(self._target.name, self._target.url)],
            caption=self._target.name,
            back=self._target.url,
            values=answers.values,
            etag=etag,
            **context,
        )


def _number(step: str, steps: int) -> int:
    return min(int(step), steps - 1) if step.isascii() and step.isdecimal() and len(step) <= len("10") else 0
