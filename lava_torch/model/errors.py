"""Errors about what a model is given to hold."""


class VarInitError(ValueError):
    """A Var's init cannot be broadcast to its shape."""


class VarValueError(ValueError):
    """A Var is given a value that its model cannot hold."""
