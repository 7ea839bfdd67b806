"""The operators that a network runs on, one folder a family, each with a body per backend.

`reference.py` is plain torch and the specification, `cpu.py` is numba, `gpu.py` is Triton.
"""
