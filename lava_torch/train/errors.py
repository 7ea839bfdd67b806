"""Errors of training and deployment."""


class DeployError(ValueError):
    """A network cannot be deployed as asked."""
