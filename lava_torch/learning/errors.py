"""Errors of learning rules."""

from __future__ import annotations


class RuleError(ValueError):
    """A learning rule that cannot be: which, where in its text, why, and what to do."""

    @classmethod
    def at(cls, target: str, text: str, position: int, reason: str) -> RuleError:
        """`position` counts the characters of `text` from 0."""
        caret = " " * (len(target) + 3 + position) + "^"
        return cls(f"d{target}, column {position + 1}: {reason}\nd{target} = {text}\n {caret}")
