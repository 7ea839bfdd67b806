"""The file: arrays and a structure in JSON, as safetensors, with checksums; written all or nothing.

    8 bytes          length n of the header, little-endian
    n bytes          the header, JSON: by name the dtype, shape and place of each array, and under
                     "__metadata__" the texts "format", "version", "structure" and "sha256"
    the rest         the arrays' bytes, one after another

"structure" is JSON too; "sha256" is its checksum. Under its key "arrays" it has dtype, shape and
checksum of every array, so that no byte that counts can change unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lava_torch.io.checkpoint.arrays import DTYPES, Array
from lava_torch.io.checkpoint.errors import CheckpointError

FORMAT, VERSION = "lava_torch checkpoint", "1"
#: What safetensors' own readers take.
LONGEST_HEADER = 100_000_000


def write(path: Path, structure: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write a checkpoint, under its name only once it is whole and on the disk.

    Raises CheckpointError if `path` is a folder or the structure too long, OSError as `open` does.
    """
    if path.is_dir():
        raise CheckpointError(f"'{path}' is a folder: give the name of a file in it.")
    kept = {
        n: {"dtype": a.dtype, "shape": a.shape, "sha256": a.sha256()} for n, a in arrays.items()
    }
    text = json.dumps({**structure, "arrays": kept}, allow_nan=False, separators=(",", ":"))
    header: dict[str, Any] = {
        "__metadata__": {
            "format": FORMAT, "version": VERSION, "structure": text, "sha256": _sha256(text),
        }
    }  # fmt: skip
    end = 0
    for name, array in arrays.items():
        start, end = end, end + array.data.nbytes
        header[name] = {"dtype": array.dtype, "shape": array.shape, "data_offsets": [start, end]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    if len(head) > LONGEST_HEADER:
        raise CheckpointError(
            f"'{path}': what is no array takes {len(head)} bytes, more than {LONGEST_HEADER}: give "
            f"the constructors NumPy arrays in place of long lists."
        )
    parts = (len(head).to_bytes(8, "little"), head, *(array.data for array in arrays.values()))
    replace_file(path, iter(parts))


def replace_file(path: Path, parts: Iterator[Any]) -> None:
    """Write a file beside `path`, then put it in its place, where there is the old or the new one
    at any moment."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with open(partial, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # where a folder cannot be opened
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The structure and the arrays of a checkpoint, every byte of them checked.

    Raises CheckpointError, naming the file and the reason, and OSError where there is none.
    """
    data = np.fromfile(path, dtype=np.uint8)
    try:
        return _parse(data)
    except CheckpointError as error:
        raise CheckpointError(f"'{path}' is no whole checkpoint: {error}.") from error.__cause__


def _parse(data: np.ndarray) -> tuple[dict[str, Any], dict[str, Array]]:
    length = int.from_bytes(data[:8].tobytes(), "little")
    if len(data) < 8 or not 0 < length <= min(len(data) - 8, LONGEST_HEADER):
        raise CheckpointError("it is truncated, or no safetensors file")
    header = _json(data[8 : 8 + length].tobytes(), "its header")
    structure = _checked_structure(header.pop("__metadata__", None))
    listed = structure.pop("arrays", None)
    if not isinstance(listed, dict) or listed.keys() != header.keys():
        raise CheckpointError("its header does not list the arrays that it should hold")
    arrays, end = {}, 0
    for name, entry in header.items():
        array, end = _array(name, entry, data[8 + length :], end)
        wanted = {"dtype": array.dtype, "shape": list(array.shape), "sha256": array.sha256()}
        if listed[name] != wanted:
            raise CheckpointError(f"its array '{name}' was altered: the checksum does not fit")
        arrays[name] = array
    if end != len(data) - 8 - length:
        raise CheckpointError("it holds more bytes than its arrays have")
    return structure, arrays


def _checked_structure(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise CheckpointError("its header does not say that it is a checkpoint of lava_torch")
    if metadata.get("version") != VERSION:
        raise CheckpointError(
            f"its format has version {metadata.get('version')!r}; this lava_torch reads version "
            f"{VERSION}"
        )
    text = metadata.get("structure")
    if not isinstance(text, str) or _sha256(text) != metadata.get("sha256"):
        raise CheckpointError("its structure was altered: the checksum does not fit")
    return _json(text, "its structure")


def _array(name: str, entry: Any, data: np.ndarray, start: int) -> tuple[Array, int]:
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"its header is damaged at the array '{name}'")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    sizes = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if dtype not in DTYPES or not sizes or len(shape) > 32:
        raise CheckpointError(f"its header is damaged at the array '{name}'")
    array = Array(dtype, tuple(shape), data[:0])
    end = start + array.size * DTYPES[dtype][0].itemsize
    if offsets != [start, end]:
        raise CheckpointError(f"its array '{name}' does not lie where it should")
    if end > len(data):
        raise CheckpointError("it is truncated")
    return Array(dtype, tuple(shape), data[start:end]), end


def _json(text: str | bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"{what} is no JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _sha256(text: str) -> str:
    # JSON may have been made to hold half of a surrogate pair, which UTF-8 has not.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
