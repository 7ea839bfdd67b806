"""Errors of learning rules."""

from __future__ import annotations

import re


class RuleError(ValueError):
    """A learning rule that cannot be: which, where in its text, why, and what to do."""

    @classmethod
    def at(cls, target: str, text: str, position: int, reason: str) -> RuleError:
        """The error of the rule for `target` ("w", "t" or "d") at a place in its text.

        `position` counts the characters of `text` from 0; the message names the column from 1, and
        has a caret under the place.
        """
        shown = re.sub(r"\s", " ", f"d{target} = {text}")
        caret = " " * (len(shown) - len(text) + position) + "^"
        return cls(f"d{target}, column {position + 1}: {reason}\n  {shown}\n  {caret}")
