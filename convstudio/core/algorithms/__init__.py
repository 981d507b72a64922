"""ConvStudio: core/algorithms."""
