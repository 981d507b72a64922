"""ConvStudio: model."""
