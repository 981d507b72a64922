"""ConvStudio: engine."""
