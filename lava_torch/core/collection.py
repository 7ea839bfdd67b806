"""The members of a Process, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lava_torch.core.exceptions import UnknownMemberError

if TYPE_CHECKING:
    from lava_torch.core.process import AbstractProcess


class Collection:
    """Named members of a Process of one kind, such as its InPorts.

    A member is an attribute (`process.in_ports.a_in`); iteration gives the members. Unlike Lava's,
    loops over one Collection can be nested.

    Parameters
    ----------
    process : the Process that the members belong to.
    name : what the Collection holds, for error messages.
    """

    def __init__(self, process: AbstractProcess, name: str) -> None:
        self.process = process
        self.name = name
        self._members: dict[str, Any] = {}

    @property
    def member_names(self) -> list[str]:
        """The names of the members."""
        return list(self._members)

    @property
    def members(self) -> list[Any]:
        """The members."""
        return list(self._members.values())

    def add_members(self, members: Mapping[str, Any]) -> None:
        """Add members by name; one of the same name is replaced."""
        self._members.update(members)

    def remove_members(self, members: Iterable[Any]) -> None:
        """Take members out, under whatever name they are there."""
        gone = {id(member) for member in members}
        self._members = {n: m for n, m in self._members.items() if id(m) not in gone}

    def is_empty(self) -> bool:
        """Whether there are no members."""
        return not self._members

    def has(self, obj: Any) -> bool:
        """Whether there is a member of `obj`'s name; AssertionError if `obj` has no `name`."""
        if not hasattr(obj, "name"):
            raise AssertionError(f"{obj!r} has no name, so it cannot be a member of a Collection.")
        return obj.name in self._members

    def sort(self) -> None:
        """Bring the members into alphabetical order."""
        self._members = dict(sorted(self._members.items()))

    def __getattr__(self, item: str) -> Any:
        members = self.__dict__.get("_members", {})
        if item in members:
            return members[item]
        raise UnknownMemberError(self._unknown(item))

    def _unknown(self, item: str) -> str:
        process = self.__dict__.get("process")
        owner = f"'{getattr(process, 'name', process)}' ({type(process).__name__})"
        return (
            f"'{item}' is not in the {self.__dict__.get('name')} collection of Process {owner}; it "
            f"has {list(self.__dict__.get('_members', {}))}."
        )

    def __iter__(self) -> Iterator[Any]:
        return iter(self.members)
