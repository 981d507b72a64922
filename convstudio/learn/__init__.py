"""ConvStudio: learning kernels."""
