"""Options of a connection between two ports."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum


class SpikeIOInterface(IntEnum):
    """The interface that spikes cross between a host and a chip."""

    ETHERNET = 0
    PIO = 1


class SpikeIOPort(Enum):
    """The chip's port that spikes cross."""

    PIO_NORTH = "n"
    PIO_SOUTH = "s"
    PIO_EAST = "e"
    PIO_WEST = "w"
    PIO_UP = "u"
    PIO_DOWN = "d"
    ETHERNET = "p"


class SpikeIOMode(Enum):
    """Whether spike transfer keeps step with the chip."""

    FREE_RUNNING = 0
    TIME_COMPARE = 1


@dataclass
class ConnectionConfig:
    """Options of the spike transfer between a host and a Loihi chip.

    `connect(ports, connection_configs)` keeps them with the connection. They describe hardware that
    this backend does not drive, so they change nothing in a run.
    """

    interface: SpikeIOInterface = SpikeIOInterface.ETHERNET
    num_probes: int = 4
    ethernet_packet_len: int = 256
    ethernet_interface: str = "enp2s0"
    max_messages: int = 1024
    max_message_size: int = 4096
    spike_io_port: SpikeIOPort = SpikeIOPort.ETHERNET
    spike_io_mode: SpikeIOMode = SpikeIOMode.TIME_COMPARE
    num_time_buckets: int = 1 << 16
    ethernet_mac_address: str = "0x90e2ba01214c"
    ethernet_chip_id: tuple[int, int, int] | None = None
    ethernet_chip_idx: int | None = None
