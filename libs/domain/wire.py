"""How our models look on the wire: camelCase JSON, unknown members ignored, frozen once read."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Wire(BaseModel):
    """A frozen model with camelCase JSON names; snake_case names are accepted from our own code."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")
