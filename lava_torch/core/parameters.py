"""What a Process tells its ProcessModel beside its Vars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ProcessParameters:
    """Values that a Process hands to its ProcessModel.

    `p[key]` reads (KeyError where unknown) and `p[key] = value` adds; an existing value is replaced
    by `overwrite` only.

    Parameters
    ----------
    initial_parameters : the first entries; the mapping itself is copied, its values are not.
    """

    # Without these, Python would search and iterate by p[0], p[1], ...
    __iter__ = None
    __contains__ = None

    def __init__(self, initial_parameters: Mapping[str, Any]) -> None:
        self._parameters: dict[str, Any] = dict(initial_parameters)

    def __getitem__(self, key: str) -> Any:
        return self._parameters[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self._parameters:
            raise KeyError(
                f"Parameter '{key}' is {self._parameters[key]!r} already; overwrite() replaces it."
            )
        self._parameters[key] = value

    def overwrite(self, key: str, value: Any) -> None:
        """Set a value, whether or not the key exists."""
        self._parameters[key] = value

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or `default` where it is unknown."""
        return self._parameters.get(key, default)
