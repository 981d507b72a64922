"""The layer kinds; importing the package registers them all."""

from convstudio.layers.activation import Activation
from convstudio.layers.avg_pool import AvgPool
from convstudio.layers.bank_layer import BankLayer
from convstudio.layers.base import LAYER_KINDS, Layer
from convstudio.layers.circular_conv import CircularConv
from convstudio.layers.conv import Conv
from convstudio.layers.conv_transpose import ConvTranspose
from convstudio.layers.global_pool import GlobalPool
from convstudio.layers.involution import Involution
from convstudio.layers.lp_pool import LpPool
from convstudio.layers.luminance import Luminance
from convstudio.layers.max_pool import MaxPool
from convstudio.layers.max_unpool import MaxUnpool
from convstudio.layers.min_pool import MinPool
from convstudio.layers.normalize import Normalize
from convstudio.layers.pad import Pad
from convstudio.layers.upsample import Upsample

__all__ = [
    "LAYER_KINDS",
    "Activation",
    "AvgPool",
    "BankLayer",
    "CircularConv",
    "Conv",
    "ConvTranspose",
    "GlobalPool",
    "Involution",
    "Layer",
    "LpPool",
    "Luminance",
    "MaxPool",
    "MaxUnpool",
    "MinPool",
    "Normalize",
    "Pad",
    "Upsample",
]
