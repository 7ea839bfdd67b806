"""What models read and write through their RefPorts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lava_torch.model.errors import VarValueError
from lava_torch.model.view import View

if TYPE_CHECKING:
    from lava_torch.model.torch_model import TorchProcessModel


@dataclass(frozen=True)
class Read:
    """What a RefPort reaches: a Var of another model, through virtual ports; `view` is the way of
    what is read, `forward` that of what is written."""

    model: TorchProcessModel
    var: str
    view: View
    forward: View


class RefPorts:
    """The part of a TorchProcessModel that has to do with its RefPorts, and with those of others
    that reach its Vars."""

    _reads: dict[str, Read]
    _written: list[tuple[Read, Tensor]]

    def read(self, ref_port: str) -> Tensor:
        """The Var behind a RefPort, as it is now; zeros where the port is not connected."""
        source = self._reads.get(ref_port)
        if source is None:
            return self.zeros(self.binding.ref_shapes[ref_port])
        return source.view.apply(getattr(source.model, source.var))

    def write(self, ref_port: str, value: Tensor) -> None:
        """Write the Var behind a RefPort, when all models are done with this step; nothing where
        the port is not connected. What is written last stays.

        Raises ValueError if `value` has neither the port's shape nor a batch axis before it.
        """
        shape = torch.Size(self.binding.ref_shapes[ref_port])
        if value.shape not in (shape, self.zeros(shape).shape):
            raise ValueError(
                f"RefPort '{self.binding.name}.{ref_port}' has shape {tuple(shape)}; its model "
                f"wrote a tensor of shape {tuple(value.shape)}."
            )
        if ref_port in self._reads:
            self._written.append((self._reads[ref_port], value))

    def overwrite(self, name: str, value: Tensor, forward: View) -> None:
        """Assign to a Var what a RefPort wrote, seen through `forward`.

        Raises VarValueError for a Var that cannot be written so, or must not hold that.
        """
        old = getattr(self, name)
        if name in self.sparse or isinstance(old, nn.Parameter):
            kind = "sparse" if name in self.sparse else "being trained"
            raise VarValueError(f"{self.label(name)} is {kind}: no RefPort can write it.")
        new = forward.written(old, value.to(old.dtype))
        if new.ndim > old.ndim:
            raise VarValueError(
                f"{self.label(name)} has one value for all items of a batch; a RefPort wrote one "
                "for each. Write a tensor without a batch axis."
            )
        self.check(name, new.detach().cpu().numpy())
        setattr(self, name, new.expand_as(old))
        if self.is_shared(name):
            self.on_var_update()

    def connect_read(self, ref_port: str, source: Read) -> None:
        self._reads[ref_port] = source
