"""ConvStudio: session."""
