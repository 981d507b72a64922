"""ConvStudio: io."""
