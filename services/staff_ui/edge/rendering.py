"""Templates in, pages out: everything that is not markup of a template is escaped."""

from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader, PrefixLoader

Functions = Mapping[str, Callable[..., object]]


def environment(asset: Callable[[str], str], functions: Functions, filters: Functions) -> Environment:
    """Make the environment: our templates, and the macros of GOV.UK Frontend under the name they call themselves."""
    made = Environment(
        loader=PrefixLoader(
            {
                "govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja"),
                "staff_ui": PackageLoader("services.staff_ui", "templates"),
            }
        ),
        autoescape=True,
        # The macros ask for members of parameters that were not given.
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update({**functions, "asset": asset})
    made.filters.update(filters)
    return made


class Pages:
    """Writes pages."""

    def __init__(self, templates: Environment) -> None:
        self._templates = templates

    def write(self, name: str, context: Mapping[str, Any]) -> str:
        """Write one page, or a part of one; `name` is the template's path under `templates/`, and the page says it."""
        return self._templates.get_template(f"staff_ui/{name}").render({**context, "template": name})
