"""How a Process logs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE_LOGGER = logging.getLogger("lava_torch")


@dataclass
class LogConfig:
    """Where a Process logs, and from which level on.

    Parameters
    ----------
    file : file to log to, if `logs_to_file`.
    level : lowest level that goes to the file (the levels of Python's `logging`).
    level_console : lowest level that goes to the console.
    logs_to_file : whether to log to the file.
    format, date_format : as in `logging.Formatter`.

    Raises
    ------
    ValueError : `logs_to_file` without a `file`.
    """

    file: str = ""
    level: int = logging.WARNING
    level_console: int = logging.ERROR
    logs_to_file: bool = False
    format: str = "%(asctime)s:%(levelname)s: %(name)s - %(message)s"
    date_format: str = "%m/%d/%Y %I:%M:%S%p"

    def __post_init__(self) -> None:
        if self.logs_to_file and not self.file:
            raise ValueError("LogConfig(logs_to_file=True) needs a file, such as file='run.log'.")


def make_logger(name: str, config: LogConfig) -> logging.Logger:
    """A logger that `logging` does not keep: it lives as long as the Process that uses it."""
    logger = logging.Logger(f"lava_torch.{name}", min(config.level, config.level_console))
    logger.parent = _PACKAGE_LOGGER
    console = logging.StreamHandler()
    console.setLevel(config.level_console)
    console.setFormatter(logging.Formatter(config.format, config.date_format))
    logger.addHandler(console)
    if config.logs_to_file:
        path = str(Path(config.file).resolve())
        logger.addHandler(_file_handler(path, config.level, config.format, config.date_format))
    return logger


# Shared by all Processes with the same settings: one file handle, however many networks are made.
@cache
def _file_handler(path: str, level: int, form: str, date_form: str) -> logging.FileHandler:
    handler = logging.FileHandler(path, delay=True)
    handler.setLevel(level)
    handler.setFormatter(logging.Formatter(form, date_form))
    return handler
