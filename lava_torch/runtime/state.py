"""A step is a transaction: state is assigned while it runs, and committed when it is over."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lava_torch.compiler.network import Network
from lava_torch.model.torch_model import TorchProcessModel


class State:
    """The buffers of a network, whose addresses stay while steps assign new tensors over them.

    `commit()` copies what a step assigned into the buffers; `rollback()` drops it, so that an error
    leaves the state of the last finished step.
    """

    def __init__(self, network: Network) -> None:
        self._kept: list[tuple[TorchProcessModel, str, Tensor]] = [
            (model, name, model._buffers[name])
            for model in network.models.values()
            for name in model.var_names()
            if name in model._buffers
        ]
        self._storages = {buffer.untyped_storage().data_ptr() for *_, buffer in self._kept}
        self._clock = network.clock
        self._time_step = network.clock.time_step

    @torch.no_grad()
    def commit(self, records: Sequence[tuple[Tensor, Tensor]] = ()) -> None:
        """Write what was assigned into the buffers and, of `records`, each second tensor into the
        first, which has its shape."""
        changed = [
            (model, name, buffer, value)
            for model, name, buffer in self._kept
            if (value := model._buffers[name]) is not buffer
        ]
        for model, name, buffer, value in changed:
            if value is None or value.shape != buffer.shape:
                found = None if value is None else f"a tensor of shape {tuple(value.shape)}"
                raise ValueError(
                    f"{type(model).__name__} gave Var '{name}' of Process '{model.binding.name}' "
                    f"{found}; its shape is {tuple(buffer.shape)}."
                )
        # A Var may have been assigned another's buffer, or a view of it: read everything before
        # writing anything.
        values = [value.clone() if self._is_stored(value) else value for *_, value in changed]
        # One call, within which Python handles no signal: Ctrl-C cannot leave half a step.
        torch._foreach_copy_(
            [*(r for r, _ in records), *(buffer for _, _, buffer, _ in changed), self._time_step],
            [*(value for _, value in records), *values, self._clock.time_step],
        )
        for model, name, buffer, _ in changed:
            model._buffers[name] = buffer
        self._clock.time_step = self._time_step

    def rollback(self) -> None:
        for model, name, buffer in self._kept:
            model._buffers[name] = buffer
            model._written.clear()
        self._clock.time_step = self._time_step

    def _is_stored(self, value: Tensor) -> bool:
        return value.untyped_storage().data_ptr() in self._storages
