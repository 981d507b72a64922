"""ConvStudio: kernels."""
