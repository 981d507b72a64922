"""ConvStudio: layers."""
