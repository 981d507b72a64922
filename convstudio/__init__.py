"""ConvStudio: a playground for image filters and convolution kernels."""

__version__ = "0.1.0"
