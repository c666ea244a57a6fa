"""Reads a message body into a model; what does not fit is named by field and rule, never by value."""

from typing import TypeVar

from pydantic import ValidationError

from libs.domain.wire import Wire

Model = TypeVar("Model", bound=Wire)


class Unreadable(Exception):
    """A body that is not what its type promises; the text names each field and the rule it breaks."""


def read(model: type[Model], body: str | bytes) -> Model:
    """Parse JSON into the model. Raises Unreadable."""
    try:
        return model.model_validate_json(body)
    except ValidationError as wrong:
        told = (f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in wrong.errors(include_url=False))
        raise Unreadable("; ".join(told)) from wrong
