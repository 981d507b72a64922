"""What the gradients of windowed operations share: scattering, the weights' gradient, folded borders."""
