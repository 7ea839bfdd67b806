"""Examples: each file runs by itself, and as a module of `lava_torch.examples`."""
