"""The Triton kernels that `lava_torch.kernels.spike.gpu` starts for the propagation of spikes."""
