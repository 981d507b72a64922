"""ConvStudio: ui."""
