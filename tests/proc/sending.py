"""What tests of connections share: a source, the connection, a sink."""

from __future__ import annotations

import numpy as np

import lava_torch as lt

TAGS = ("floating_pt", "fixed_pt")


def send(connection: lt.AbstractProcess, data: np.ndarray, tag: str, **options) -> np.ndarray:
    """What a connection sends, (*shape, steps), for data (*shape, steps)."""
    source = lt.io.source.RingBuffer(data=data)
    sink = lt.io.sink.RingBuffer(shape=connection.a_out.shape, buffer=data.shape[-1])
    source.s_out.connect(connection.s_in)
    connection.a_out.connect(sink.a_in)
    cfg = lt.Loihi2SimCfg(select_tag=tag, **options)
    connection.run(lt.RunSteps(data.shape[-1]), run_cfg=cfg)
    return sink.data.get()


def sent(connection: lt.AbstractProcess, data: np.ndarray, tag: str, **options) -> np.ndarray:
    """The same, of a connection that is not needed any more."""
    try:
        return send(connection, data, tag, **options)
    finally:
        connection.stop()


def later(activation: np.ndarray, steps: int = 1) -> np.ndarray:
    """What arrives, moved by some steps along the last axis."""
    silence = np.zeros((*activation.shape[:-1], steps))
    return np.concatenate([silence, activation], axis=-1)[..., : activation.shape[-1]]
