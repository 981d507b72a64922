"""ConvStudio: core."""
