"""ConvStudio: spec."""
