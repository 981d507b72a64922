"""Pooling: windows checked, folded axis by axis, spread back for the gradients."""
