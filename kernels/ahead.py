"""Compiling Triton kernels ahead of time, for GPUs that need not be there, and what that tells."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lava_torch.kernels.launch import OPTIONS, Launch, interpreted

if TYPE_CHECKING:
    from triton.backends.compiler import GPUTarget

POINTERS = {
    torch.float64: "*fp64",
    torch.float32: "*fp32",
    torch.float16: "*fp16",
    torch.int64: "*i64",
    torch.int32: "*i32",
    torch.int16: "*i16",
    torch.int8: "*i8",
    torch.uint16: "*u16",
    torch.uint8: "*u8",
    torch.bool: "*i1",
}


@dataclass(frozen=True)
class Compiled:
    """A kernel compiled for a GPU that need not be there.

    `registers` and `spills` are a thread's (vector registers on AMD; spills in bytes on NVIDIA, in
    registers on AMD). `assembly` is PTX or AMDGCN text.
    """

    name: str
    target: GPUTarget
    registers: int
    spills: int
    assembly: str


def compile_launch(launch: Launch, target: GPUTarget) -> Compiled:
    """Compiles what a launch would start: see `launch.noted`. As there, None and the number 1 are
    constants, and the addresses of tensors and some numbers are known to be multiples of 16."""
    signature, constants, aligned = {}, dict(launch.constants), []
    for i, (name, arg) in enumerate(zip(launch.kernel.arg_names, launch.args, strict=False)):
        signature[name] = _type(arg)
        if signature[name] == "constexpr":
            constants[name] = arg
        elif isinstance(arg, Tensor) or arg % 16 == 0:
            aligned.append(i)
    signature |= dict.fromkeys(launch.constants, "constexpr")
    return compile_kernel(launch.kernel, signature, constants, aligned, target, launch.options)


def _type(arg: Tensor | int | None) -> str:
    if isinstance(arg, Tensor):
        return POINTERS[arg.dtype]
    if arg is None or arg == 1:
        return "constexpr"
    return "i32" if -(2**31) <= arg < 2**31 else "i64"


def compile_kernel(
    kernel: Any,
    signature: Mapping[str, str],
    constants: Mapping[str, Any],
    aligned: Sequence[int],
    target: GPUTarget,
    options: Mapping[str, Any] = OPTIONS,
) -> Compiled:
    """Compiles a kernel for GPUTarget("cuda", 90, 32), GPUTarget("hip", "gfx942", 64), ...

    `aligned` are the places of the arguments that are multiples of 16. Raises RuntimeError under
    TRITON_INTERPRET=1, which gives kernels that cannot be compiled.
    """
    import triton

    if interpreted():
        raise RuntimeError("TRITON_INTERPRET=1 is set: unset it before triton is imported.")
    multiples = {(i,): [["tt.divisibility", 16]] for i in aligned}
    source = triton.compiler.ASTSource(
        kernel, dict(signature), constexprs=dict(constants), attrs=multiples
    )
    compiled = triton.compile(source, target=target, options=dict(options))
    report = _report_amd if target.backend == "hip" else _report_nvidia
    assembly = compiled.asm["amdgcn" if target.backend == "hip" else "ptx"]
    return Compiled(kernel.__name__, target, *report(assembly, target), assembly)


def _report_nvidia(assembly: str, target: GPUTarget) -> tuple[int, int]:
    """Registers and spilled bytes, from the assembler that triton brings."""
    import triton

    arch = f"sm_{target.arch}" + ("a" if target.arch >= 90 else "")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "kernel.ptx"
        source.write_text(assembly)
        command = [triton.knobs.nvidia.ptxas.path, "-v", "--fmad=false", f"--gpu-name={arch}"]
        command += [str(source), "-o", str(source.with_suffix(".cubin"))]
        log = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    spills = [_number(rf"(\d+) bytes spill {kind}", log) for kind in ("stores", "loads")]
    return _number(r"Used (\d+) registers", log), sum(spills)


def _report_amd(assembly: str, target: GPUTarget) -> tuple[int, int]:
    """Vector registers, and vector and scalar registers spilled, from the kernel's metadata."""
    spills = [_number(rf"\.{kind}_spill_count:\s+(\d+)", assembly) for kind in ("vgpr", "sgpr")]
    return _number(r"\.vgpr_count:\s+(\d+)", assembly), sum(spills)


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"the compiler's report has no '{pattern}'; this triton words it anew.")
    return int(found.group(1))
