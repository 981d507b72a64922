"""Kernels: presets by family, what can be done to a kernel, and what can be said about it."""

from convstudio.kernels.bank import LARGEST_BANK, Bank, Filter
from convstudio.kernels.kernel import LARGEST_SIDE, LARGEST_WEIGHT, Kernel, Values
from convstudio.kernels.library import FAMILIES, PRESETS, preset, search
from convstudio.kernels.preset import Preset, Symmetry

__all__ = [
    "FAMILIES",
    "LARGEST_BANK",
    "LARGEST_SIDE",
    "LARGEST_WEIGHT",
    "PRESETS",
    "Bank",
    "Filter",
    "Kernel",
    "Preset",
    "Symmetry",
    "Values",
    "preset",
    "search",
]
