"""Errors about what a model is given to hold."""


class VarInitError(ValueError):
    """A Var's init cannot be broadcast to its shape."""


class VarValueError(ValueError):
    """A Var is given a value that its model cannot hold."""


class VarIndexError(IndexError):
    """A Var is read or set at an index that it does not have."""
