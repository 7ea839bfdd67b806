"""Errors of the compiler: raised before anything runs."""


class CompileError(ValueError):
    """A network cannot be compiled as it is."""


class CycleError(CompileError):
    """Models wait for each other within a step: no buffered connection breaks the cycle."""


class DeviceUnavailableError(CompileError, RuntimeError):
    """The run config names a device that this machine does not have."""
