"""Which types of messages are handled, dropped or held, for all or for one part of them (a prison), while we run.

What an operator sets is kept as tags of the queue itself: workers have no database, tags outlive every process, and
each replica reads the same ones. What is set at start (`FEATURE_EVENT_…`) holds where no tag says otherwise.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, Protocol, get_args

import structlog

from libs.messaging.message import Message
from libs.messaging.queue import Tagged

Mode = Literal["on", "drop", "hold"]
MODES: tuple[Mode, ...] = get_args(Mode)
# Tag names: `switch:<type>` and `switch:<type>:<scope>`.
PREFIX = "switch:"
EVERYWHERE = ""
Scope = Callable[[Message], str | None]
NO_DEFAULTS: Mapping[str, Mode] = MappingProxyType({})
log = structlog.get_logger()


class Switches(Protocol):
    """Turns types of messages off and on while we run."""

    def mode(self, message: Message) -> Mode:
        """`drop` deletes unhandled, as the original's switches do; `hold` puts aside until it is on again."""


class AllOn:
    """Nothing is switched off."""

    def mode(self, message: Message) -> Mode:  # noqa: ARG002 - the port's signature
        """See `Switches`."""
        return "on"


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """What was set for a type, everywhere or in one scope."""

    event_type: str
    scope: str
    mode: Mode


def settings_of(tags: Mapping[str, str]) -> frozenset[Setting]:
    """Read a queue's tags; those that are not ours, or that somebody wrote wrongly, say nothing."""
    found = set()
    for name, value in tags.items():
        kind, _, scope = name.removeprefix(PREFIX).partition(":")
        if name.startswith(PREFIX) and value in MODES:
            found.add(Setting(kind, scope, value))
    return frozenset(found)


def tag_of(event_type: str, scope: str) -> str:
    """Name the tag of a setting."""
    return f"{PREFIX}{event_type}:{scope}" if scope else PREFIX + event_type


class SwitchBoard:
    """The switches of one queue: what its tags said when last read."""

    def __init__(self, queue: Tagged, defaults: Mapping[str, Mode] = NO_DEFAULTS, scope: Scope | None = None) -> None:
        self._queue = queue
        self._defaults = defaults
        self._scope = scope
        self._settings: Mapping[tuple[str, str], Mode] = {}

    def mode(self, message: Message) -> Mode:
        """See `Switches`. The narrower setting wins; a message whose scope cannot be told has none."""
        scope = self._scope(message) if self._scope and self._settings else None
        narrow = self._settings.get((message.type, scope)) if scope else None
        return narrow or self.general(message.type)

    def general(self, event_type: str) -> Mode:
        """Tell the mode of a type where no narrower setting says otherwise."""
        return self._settings.get((event_type, EVERYWHERE)) or self._defaults.get(event_type, "on")

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Everything that was set while we run."""
        return tuple(sorted(Setting(kind, scope, mode) for (kind, scope), mode in self._settings.items()))

    @property
    def holds(self) -> bool:
        """Whether anything may be held now."""
        return "hold" in self._settings.values() or "hold" in self._defaults.values()

    async def refresh(self) -> bool:
        """Read the tags again; tell whether they changed. Raises as a queue's calls do."""
        found = {(each.event_type, each.scope): each.mode for each in settings_of(await self._queue.tags())}
        changed = found != self._settings
        if changed:
            log.info("switches-changed", settings={tag_of(*key): mode for key, mode in found.items()})
        self._settings = found
        return changed

    async def set(self, event_type: str, scope: str, mode: Mode) -> None:
        """Set a mode, here at once and in other replicas when they next look. Raises as a queue's calls do.

        `on` everywhere is what there is without a setting, unless the defaults say otherwise.
        """
        if mode == "on" and not scope and self._defaults.get(event_type, "on") == "on":
            await self._queue.untag(tag_of(event_type, scope))
        else:
            await self._queue.tag(tag_of(event_type, scope), mode)
        await self.refresh()
