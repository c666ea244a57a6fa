"""Turns exceptions into problem bodies: the HMPPS members existing clients read, and those of RFC 9457 beside them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import orjson
from aiohttp import web

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """What a kind of exception looks like on the wire."""

    status: int
    title: str
    error_code: int | None = None
    user_prefix: str = ""
    # What a client that would come back by itself should wait.
    retry_after_seconds: int | None = None

    @cached_property
    def type(self) -> str:
        """Name the kind of problem for programs."""
        return "urn:problem-type:" + re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class Trouble:
    """One occurrence, as a style gets to see it."""

    problem: Problem
    error: Exception
    detail: str
    instance: str


ProblemStyle = Callable[[Trouble], dict[str, Any]]


class Refusal(Exception):
    """What the kit itself refuses before, or instead of, asking a handler."""

    def __init__(self, detail: str = "", headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(detail)
        self.headers = headers


class BodyUnreadable(Refusal):
    """The body is not the JSON we expect: malformed, of a wrong type, a required member missing, an unknown enum."""


class BodyInvalid(Refusal):
    """The body can be read but breaks a constraint: length, pattern, range."""


class ParameterInvalid(Refusal):
    """A value in the path, the query or a header cannot be read or breaks a constraint."""


class MediaTypeUnsupported(Refusal):
    """The body is not announced as JSON."""


class TooLarge(Refusal):
    """The body exceeds what this service takes."""


class TooSlow(Refusal):
    """The body did not arrive in time."""


class RouteUnknown(Refusal):
    """There is no such path."""


class MethodUnknown(Refusal):
    """The path has no such method."""


class PreconditionFailed(Refusal):
    """`If-Match` names another version than the present one."""


class TooManyStreams(Refusal):
    """As many event streams are open as this process keeps; come again later, or ask without a stream."""


class TooManyRequests(Refusal):
    """The caller asks faster than one caller may."""


class TookTooLong(Refusal):
    """The handler did not end in time and was stopped; what it had begun was rolled back."""


class DatabaseUnavailable(Refusal):
    """The database is away; whether the act took effect is not known, as after any answer that does not come."""


class AccessDenied(Refusal):
    """The token is good but lacks the role or the scope."""


class SignInUnreachable(Refusal):
    """No key to check tokens by could be had yet, so nobody can be told in or out."""


KIT_PROBLEMS: Mapping[type[Exception], Problem] = MappingProxyType(
    {
        BodyUnreadable: Problem(400, "Bad request", user_prefix="Validation failure: "),
        BodyInvalid: Problem(400, "Bad request", user_prefix="Validation failure: "),
        ParameterInvalid: Problem(400, "Bad request", user_prefix="Validation failure: "),
        MediaTypeUnsupported: Problem(415, "Unsupported media type"),
        TooLarge: Problem(413, "Content too large"),
        TooSlow: Problem(408, "Request timeout"),
        RouteUnknown: Problem(404, "No resource found", user_prefix="No resource found failure: "),
        MethodUnknown: Problem(405, "Method not allowed"),
        PreconditionFailed: Problem(412, "Precondition failed"),
        AccessDenied: Problem(403, "Forbidden"),
        TooManyStreams: Problem(503, "Too many streams"),
        TooManyRequests: Problem(429, "Too many requests"),
        TookTooLong: Problem(503, "Took too long"),
        SignInUnreachable: Problem(503, "Sign-in unavailable"),
        DatabaseUnavailable: Problem(503, "Database unavailable", retry_after_seconds=5),
    },
)
UNEXPECTED = Problem(500, "Internal server error", user_prefix="Unexpected error: ")


def hmpps(trouble: Trouble) -> dict[str, Any]:
    """Write the body as HMPPS services do; absent members are omitted."""
    problem = trouble.problem
    body: dict[str, Any] = {"status": problem.status}
    if problem.error_code is not None:
        body["errorCode"] = problem.error_code
    body["userMessage"] = f"{problem.user_prefix}{trouble.detail or problem.title}"
    body["developerMessage"] = trouble.detail or problem.title
    return body | rfc9457(trouble)


def rfc9457(trouble: Trouble) -> dict[str, Any]:
    """Write the members of problem+json."""
    return {
        "type": trouble.problem.type,
        "title": trouble.problem.title,
        "detail": trouble.detail or trouble.problem.title,
        "instance": trouble.instance,
    }


class ProblemWriter:
    """A service's table over the kit's; whoever is in neither is unexpected and shows nothing of itself."""

    def __init__(self, problems: Mapping[type[Exception], Problem], style: ProblemStyle) -> None:
        self._table = {**KIT_PROBLEMS, **problems}
        self.style = style

    def problem(self, kind: type[Exception]) -> Problem | None:
        """Look up the nearest entry among a kind's ancestors."""
        return next((self._table[ancestor] for ancestor in kind.__mro__ if ancestor in self._table), None)

    def response(self, error: Exception, instance: str) -> web.Response:
        """Write the answer to an exception."""
        problem = self.problem(type(error))
        if problem is None:
            problem, detail = UNEXPECTED, "the request could not be completed; the log has the reason"
        else:
            detail = str(error)
        body = self.style(Trouble(problem, error, detail, instance))
        headers = {"Content-Type": CONTENT_TYPE, **(error.headers if isinstance(error, Refusal) else {})}
        if problem.retry_after_seconds is not None:
            headers.setdefault("Retry-After", str(problem.retry_after_seconds))
        return web.Response(body=orjson.dumps(body, default=str), status=problem.status, headers=headers)
