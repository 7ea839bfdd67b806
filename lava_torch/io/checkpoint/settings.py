"""Run configs as JSON, and back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from lava_torch.core.process import AbstractProcess
from lava_torch.core.run_configs import RunConfig
from lava_torch.core.run_options import _device
from lava_torch.io.checkpoint.classes import name_of
from lava_torch.io.checkpoint.decoding import Decoder, expect, fields_of, resolve
from lava_torch.io.checkpoint.errors import CheckpointError
from lava_torch.io.checkpoint.values import Encoder, Node

#: What every run config has, in the order in which it is set.
OPTIONS = ("device", "dtype", "batch_size", "seed", "trainable", "surrogate", "stepper")


def describe_run_cfg(run_cfg: RunConfig, encoder: Encoder) -> Node:
    """A run config: its class, its options, and whatever else it has as attributes.

    Raises CheckpointError for an attribute that cannot be saved.
    """
    owner = f"The run config {type(run_cfg).__name__}"

    def encode(name: str, value: Any) -> Node:
        return encoder.encode(value, owner, f"its '{name}'", f"run_cfg.{name}")

    attributes = {n: v for n, v in vars(run_cfg).items() if n not in (*OPTIONS, "log")}
    return {
        "class": name_of(type(run_cfg)),
        "loglevel": int(run_cfg.log.level),
        "options": {name: encode(name, getattr(run_cfg, name)) for name in OPTIONS},
        "attributes": {
            name: encode(name, _of_these(value, encoder)) for name, value in attributes.items()
        },
    }


def _of_these(value: Any, encoder: Encoder) -> Any:
    """A dict of models by Process, without Processes that are not part of the network."""
    if type(value) is not dict:
        return value
    return {
        key: entry
        for key, entry in value.items()
        if not isinstance(key, AbstractProcess) or encoder.is_saved(key)
    }


class RunCfgNode:
    """The run config of a checkpoint, checked as far as it can be without Processes."""

    def __init__(self, node: Node, decoder: Decoder, device: Any) -> None:
        fields = fields_of(node, "the run config", "class", "loglevel", "options", "attributes")
        self.cls = decoder.classes.find(fields["class"], RunConfig)
        self.loglevel = expect(fields["loglevel"], int, "a log level")
        options = fields_of(fields["options"], "the options of the run config", *OPTIONS)
        self.options = {name: decoder.decode(value) for name, value in options.items()}
        if device is not None:
            self.options["device"] = _device(device)
        attributes = expect(fields["attributes"], dict, "the attributes of the run config")
        for name in attributes:
            if not name.isidentifier() or name.startswith("__") or name in (*OPTIONS, "log"):
                raise CheckpointError(f"the run config cannot have an attribute '{name}'")
        self.attributes = {name: decoder.decode(value) for name, value in attributes.items()}
        try:
            RunConfig()._set_options(*(self.options[name] for name in OPTIONS))
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"the run config is damaged ({error})") from error

    @property
    def batch_size(self) -> int | None:
        return self.options["batch_size"]

    def make(self, made: Callable[[int], AbstractProcess]) -> RunConfig:
        run_cfg = self.cls.__new__(self.cls)
        run_cfg._set_options(*(self.options[name] for name in OPTIONS))
        for name, value in self.attributes.items():
            setattr(run_cfg, name, resolve(value, made))
        run_cfg.log = logging.Logger(RunConfig.__module__, self.loglevel)
        run_cfg.log.parent = logging.getLogger("lava_torch")
        return run_cfg
