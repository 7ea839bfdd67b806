"""What a ProcessModel can require with `@requires`.

This backend offers CPU, HostCPU and GPU; the other names exist so that models written for Loihi can
be imported and told apart.
"""

from __future__ import annotations

from typing import ClassVar


class AbstractResource:
    """Something a ProcessModel needs in order to run."""


class AbstractComputeResource(AbstractResource):
    """A resource that computes."""


class CPU(AbstractComputeResource):
    """The processor of an ordinary computer."""


class HostCPU(AbstractComputeResource):
    """The processor of the host of a neuromorphic system."""


class GPU(AbstractComputeResource):
    """A graphics processor."""


class ECPU(AbstractComputeResource):
    """A processor embedded in a neuromorphic chip."""


class LMT(ECPU):
    """A Lakemont processor."""


class PB(ECPU):
    """A Powell Butte processor."""


class NeuroCore(AbstractComputeResource):
    """A neuromorphic core."""


class Loihi1NeuroCore(NeuroCore):
    """A core of a Loihi 1 chip."""


class Loihi2NeuroCore(NeuroCore):
    """A core of a Loihi 2 chip."""


class AbstractPeripheralResource(AbstractResource):
    """A device at the edge of a system."""


class DVS(AbstractPeripheralResource):
    """An event camera."""


class HardDrive(AbstractPeripheralResource):
    """A disk."""


class HeadNodeHardDrive(AbstractPeripheralResource):
    """The disk of the node that the user's script runs on."""


class AbstractNode:
    """A machine that has `resources`."""

    resources: ClassVar[list[type[AbstractResource]]] = []


class GenericNode(AbstractNode):
    """An ordinary computer."""

    resources = [CPU, HardDrive]


class HeadNode(GenericNode):
    """The node that the user's script runs on."""

    resources = [CPU, HeadNodeHardDrive]


class Loihi1System(AbstractNode):
    """A system with Loihi 1 chips."""


class KapohoBay(Loihi1System):
    """Two Loihi 1 chips on a USB stick."""

    resources = [Loihi1NeuroCore, LMT]


class Nahuku(Loihi1System):
    """A board of up to 32 Loihi 1 chips."""

    resources = [CPU, Loihi1NeuroCore, LMT]


class Pohoiki(Loihi1System):
    """A system of Nahuku boards."""

    resources = [CPU, Loihi1NeuroCore, LMT]


class Loihi2System(AbstractNode):
    """A system with Loihi 2 chips."""


class OheoGulch(Loihi2System):
    """A board with one Loihi 2 chip."""

    resources = [Loihi2NeuroCore, LMT, PB]


class KapohoPoint(Loihi2System):
    """A stackable board of Loihi 2 chips."""

    resources = [Loihi2NeuroCore, LMT, PB]


class Unalaska(Loihi2System):
    """A board of Loihi 2 chips with a processor of its own."""

    resources = [CPU, Loihi2NeuroCore, LMT, PB]
