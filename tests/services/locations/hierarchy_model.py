"""A model of a prison's hierarchy: what each edit does to it, told as the status the service must answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

OK, BAD, TAKEN = 200, 400, 409


@dataclass(frozen=True)
class Node:
    """A location; `parent` is the name of another. A cell has nothing below it."""

    code: str
    parent: str | None
    is_cell: bool = False
    active: bool = True
    archived: bool = False


@dataclass(frozen=True)
class Prison:
    """Nodes by name."""

    nodes: Mapping[str, Node] = field(default_factory=dict)

    def above(self, name: str) -> list[str]:
        """Name those above, nearest first."""
        found: list[str] = []
        at = self.nodes[name].parent
        while at is not None:
            found.append(at)
            at = self.nodes[at].parent
        return found

    def below(self, name: str) -> list[str]:
        """Name those below."""
        return [each for each in self.nodes if name in self.above(each)]

    def path(self, name: str) -> str:
        """Join the codes from the top."""
        return "-".join(self.nodes[each].code for each in (*reversed(self.above(name)), name))

    def is_archived(self, name: str) -> bool:
        """Whether it, or one above it, is closed for good."""
        return any(self.nodes[each].archived for each in (name, *self.above(name)))

    def is_active(self, name: str) -> bool:
        """Whether it and all above it are in use."""
        return all(self.nodes[each].active and not self.nodes[each].archived for each in (name, *self.above(name)))

    def having(self, **changed: Node) -> "Prison":
        """Return the prison with these nodes instead."""
        return Prison(MappingProxyType({**self.nodes, **changed}))

    def rows(self) -> dict[str, tuple[str, str | None, bool, bool]]:
        """Return what the table must hold: path, parent, and both flags by name."""
        return {name: (self.path(name), node.parent, node.active, node.archived) for name, node in self.nodes.items()}

    def placed(self, name: str, node: Node) -> tuple[int, "Prison"]:
        """Put a node where it is to stand, unless somebody stands there already."""
        after = self.having(**{name: node})
        paths = [after.path(each) for each in after.nodes]
        return (TAKEN, self) if len(set(paths)) < len(paths) else (OK, after)


@dataclass(frozen=True)
class Close:
    """Take out of use, with what is below."""

    name: str

    def play(self, prison: Prison) -> tuple[int, Prison]:
        """Return the status and the prison afterwards."""
        if prison.is_archived(self.name):
            return OK, prison
        if not prison.is_active(self.name):
            return BAD, prison
        line = [each for each in (self.name, *prison.below(self.name)) if not prison.nodes[each].archived]
        return OK, prison.having(**{each: replace(prison.nodes[each], active=False) for each in line})


@dataclass(frozen=True)
class Open:
    """Bring back, with what is above, and below if it cascades."""

    name: str
    cascade: bool

    def play(self, prison: Prison) -> tuple[int, Prison]:
        """Return the status and the prison afterwards."""
        if prison.is_archived(self.name):
            return BAD, prison
        line = [self.name, *prison.above(self.name), *(prison.below(self.name) if self.cascade else ())]
        opened = {each: replace(prison.nodes[each], active=True) for each in line if not prison.nodes[each].archived}
        return OK, prison.having(**opened)


@dataclass(frozen=True)
class Archive:
    """Close for good."""

    name: str

    def play(self, prison: Prison) -> tuple[int, Prison]:
        """Return the status and the prison afterwards."""
        if prison.is_archived(self.name):
            return TAKEN, prison
        return OK, prison.having(**{self.name: replace(prison.nodes[self.name], active=False, archived=True)})


@dataclass(frozen=True)
class Move:
    """Give another code and, if named, another parent: as staff, or as sync, which asks fewer questions."""

    name: str
    code: str
    parent: str | None
    by_sync: bool

    def play(self, prison: Prison) -> tuple[int, Prison]:
        """Return the status and the prison afterwards."""
        node = prison.nodes[self.name]
        if node.archived if self.by_sync else prison.is_archived(self.name):
            return TAKEN, prison
        parent = self.parent or node.parent
        if parent is not None and parent != node.parent:
            into_itself = self.name in {parent, *prison.above(parent)}
            no_place = not self.by_sync and (prison.is_archived(parent) or prison.nodes[parent].is_cell)
            if into_itself or no_place:
                return BAD, prison
        return prison.placed(self.name, replace(node, code=self.code, parent=parent))


@dataclass(frozen=True)
class Turn:
    """Set one row's own flag, as sync does: nothing above or below is touched, and no tree is locked."""

    name: str
    active: bool

    def play(self, prison: Prison) -> tuple[int, Prison]:
        """Return the status and the prison afterwards."""
        node = prison.nodes[self.name]
        if node.archived:
            return TAKEN, prison
        return OK, prison.having(**{self.name: replace(node, active=self.active)})


@dataclass(frozen=True)
class Create:
    """Make a cell; its name is known beforehand."""

    name: str
    code: str
    parent: str

    def play(self, prison: Prison) -> tuple[int, Prison]:
        """Return the status and the prison afterwards."""
        if prison.is_archived(self.parent) or prison.nodes[self.parent].is_cell:
            return BAD, prison
        status, after = prison.placed(self.name, Node(self.code, self.parent, is_cell=True))
        return (201 if status == OK else status), after


Edit = Close | Open | Archive | Move | Turn | Create
