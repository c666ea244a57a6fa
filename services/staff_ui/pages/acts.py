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
from services.staff_ui.edge.visits import Visit
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
    # Its door takes `locations` by id, with the version of each beside it: `If-Match` says nothing there.
    of_many: bool = False

    def seen(self, etag: str) -> Any:
        """Return the body with the version that the form was opened with, where it belongs there."""
        version = etag.strip('"').partition("-")[0]
        if not self.of_many or not version.isdecimal():
            return self.json
        return {"locations": {each: {**one, "version": int(version)} for each, one in self.json["locations"].items()}}


@dataclass(frozen=True)
class Both:
    """What one thing is now, and what was entered."""

    label: str
    now: str
    yours: str
    differs: bool = False


@dataclass(frozen=True)
class Changed:
    """What somebody else changed meanwhile, the answers that go on from what it is now, and who and when."""

    what: str
    both: Sequence[Both]
    values: Values
    latest: Mapping[str, str] | None = None


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
    # For an act on several: what became of them since they were chosen; None when nothing did.
    changed: Callable[[Form], Changed | None] = lambda _: None

    @property
    def fields(self) -> tuple[Field, ...]:
        """All questions."""
        return tuple(field for step in self.steps for field in step)


@dataclass(frozen=True)
class Target:
    """What it is done to: its name, its page, and its version and present values when they matter."""

    name: str
    url: str
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
        assert answers.model is not None
        return await self._done(answers, answers.model, etag, confirmed=step == CONFIRM)

    async def _done(self, answers: Answers[Form], model: Form, etag: str, *, confirmed: bool) -> web.StreamResponse:
        """Carry it out, unless somebody has to look before."""
        if changed := self._act.changed(model):
            return self._both(changed)
        if self._act.checked and not confirmed:
            return self._check(answers, etag)
        return await self._send(answers, model, etag)

    def _blank(self) -> Answers[Form]:
        empty = {field.name: [] if field.kind == "checkboxes" else "" for field in self._act.fields}
        return Answers({**empty, **self._act.initial}, None, ())

    async def _send(self, answers: Answers[Form], model: Form, etag: str) -> web.StreamResponse:
        wish = self._act.request(model)
        try:
            answer = await self._visit.api.ask("locations", wish.method, wish.path, json=wish.seen(etag), etag=etag)
        except RemoteRefused as refused:
            if refused.status == CHANGED:
                return self._both(self._changed(answers))
            if refused.status not in {BAD_REQUEST, CONFLICT}:
                raise
            return self._again(answers, [self._fault(refused)], etag)
        after = self._act.after(answer.json() if answer.body else None)
        return self._visit.see_other(after, done=self._act.done(model))

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
            before=step - 1 if step else None,
            fields=self._act.fields,
            shown=shown,
            carry=[field for field in self._act.fields if field not in shown],
            step=step,
            errors=faults,
            button=self._act.button if last else "Continue",
            status=BAD_REQUEST if faults else 200,
        )

    def _check(self, answers: Answers[Form], etag: str) -> web.Response:
        rows = [
            {"label": field.subject, "text": answers.told(field), "step": step}
            for step, page in enumerate(self._act.steps)
            for field in page
        ]
        return self._page(
            "check.html",
            answers,
            etag,
            before=len(self._act.steps) - 1,
            rows=rows,
            carry=self._act.fields,
            warning=self._act.warning,
            hard=self._act.hard,
            button=self._act.button,
        )

    def _changed(self, answers: Answers[Form]) -> Changed:
        """Put what the location is now beside what was entered."""
        now = self._act.initial
        told = [(each.subject, each.told(now.get(each.name)), answers.told(each)) for each in self._act.fields]
        both = [Both(subject, present, yours, present != yours) for subject, present, yours in told]
        return Changed("this location", both, answers.values, self._target.latest)

    def _both(self, changed: Changed) -> web.Response:
        """Show both; the form goes on from the present version."""
        return self._page(
            "changed_meanwhile.html",
            Answers(changed.values, None, ()),
            self._target.etag,
            changed=changed,
            carry=self._act.fields,
            latest=changed.latest,
            status=CHANGED,
        )

    def _page(self, template: str, answers: Answers[Form], etag: str, **context: Any) -> web.Response:
        return self._visit.render(
            template,
            title=self._title(template, context.get("shown", ())),
            caption=self._target.name,
            back=self._target.url,
            values=answers.values,
            etag=etag,
            **context,
        )

    def _title(self, template: str, shown: Sequence[Field]) -> str:
        """Name the page as its heading does: a question that is alone is the heading."""
        if template == "changed_meanwhile.html":
            return f"Someone else changed {self._target.name}"
        if template == "check.html" and not self._act.hard:
            return "Check your answers"
        asked = [field for field in shown if not field.under]
        return asked[0].label if len(asked) == 1 else self._act.title


def _number(step: str, steps: int) -> int:
    return min(int(step), steps - 1) if step.isascii() and step.isdecimal() and len(step) <= len("10") else 0
