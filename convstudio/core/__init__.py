"""The numeric core: convolution and its geometry, with NumPy alone.

    import numpy as np
    from convstudio.core import conv
    picture = np.random.rand(1, 3, 1080, 1920).astype(np.float32)       # (batch, channels, height, width)
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], np.float32)
    edges = conv(picture, np.tile(sobel, (3, 1, 1, 1)), padding="same", padding_mode="reflect", groups=3)

Names, defaults and meanings are those of `torch.nn.functional`; `conv` is cross-correlation unless it is told
to `flip`. float32 and float64 are computed as they are, other real types as float32; inputs are never written
to. Wrong arguments raise ValueError (GeometryError for shapes) before any work.

| module | holds |
| --- | --- |
| `conv` | `conv`: the checks, then the algorithm that the planner names |
| `conv_transpose` | the adjoint of `conv` |
| `unfold` | `unfold`, `fold`: windows as columns and back |
| `pad_backward` | the gradient of `pad` |
| `conv_backward`, `conv_transpose_backward` | their gradients |
| `pooling`, `adaptive`, `unpool` | greatest, least and mean values and norms of windows; the way back |
| `padding` | `pad`, the padding modes, blocks of a padded array that never exists as a whole |
| `activations`, `softmax` | functions of one cell, of a line of cells, and their derivatives |
| `linear`, `losses`, `cross_entropy` | the fully connected layer, losses, the penalty on weights |
| `involution`, `involution_kernels` | a kernel for every position, and where they come from |
| `circular` | square kernels resampled onto circles |
| `receptive` | what cells deep in a stack see of the input, and what the stack costs |
| `geometry` | padding words, output shapes, unread cells, cost |
| `planner` | `plan_conv`: what "auto" takes, and what each algorithm would cost |
| `estimates`, `speeds` | those costs, from what this machine was measured to do |
| `small`, `frame` | small jobs without ado; large pictures computed where they lie |
| `algorithms` | one module each |
| `control` | `Control`, `Cancelled`: stop from another thread, progress |
| `threads` | tiles over all cores |
"""

from convstudio.core.activations import (
    abs,  # noqa: A004  PyTorch has this name
    abs_backward,
    elu,
    elu_backward,
    gelu,
    gelu_backward,
    hardswish,
    hardswish_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    softplus,
    softplus_backward,
    square,
    square_backward,
    tanh,
    tanh_backward,
)
from convstudio.core.adaptive import (
    adaptive_avg_pool,
    adaptive_avg_pool_backward,
    adaptive_max_pool,
    adaptive_max_pool_backward,
)
from convstudio.core.circular import (
    circular_matrix,
    circular_weight,
    circular_weight_backward,
)
from convstudio.core.control import Cancelled, Control
from convstudio.core.conv import conv
from convstudio.core.conv_backward import ConvGradients, conv_backward
from convstudio.core.conv_transpose import conv_transpose
from convstudio.core.conv_transpose_backward import conv_transpose_backward
from convstudio.core.cross_entropy import (
    CrossEntropyGradients,
    cross_entropy,
    cross_entropy_backward,
)
from convstudio.core.geometry import (
    Cost,
    GeometryError,
    conv_cost,
    output_length,
    output_shape,
    resolve_padding,
    unread,
)
from convstudio.core.involution import (
    InvolutionGradients,
    involution,
    involution_backward,
)
from convstudio.core.involution_kernels import (
    InvolutionKernelGradients,
    involution_kernels,
    involution_kernels_backward,
)
from convstudio.core.linear import (
    LinearGradients,
    linear,
    linear_backward,
)
from convstudio.core.losses import (
    MseGradients,
    l2_penalty,
    l2_penalty_backward,
    mse,
    mse_backward,
)
from convstudio.core.pad_backward import pad_backward
from convstudio.core.padding import PADDING_MODES, pad
from convstudio.core.planner import ALGORITHMS, Candidate, Plan, plan_conv
from convstudio.core.pooling import avg_pool, lp_pool, max_pool, min_pool
from convstudio.core.pooling_backward import (
    avg_pool_backward,
    lp_pool_backward,
    max_pool_backward,
    min_pool_backward,
)
from convstudio.core.pools.winners import Pooled
from convstudio.core.receptive import (
    Level,
    Reading,
    ReceptiveField,
    StackCost,
    Stage,
    alignment,
    cells_read,
    receptive_fields,
    stack_cost,
)
from convstudio.core.softmax import (
    softmax,
    softmax_backward,
)
from convstudio.core.unfold import fold, fold_backward, unfold, unfold_backward
from convstudio.core.unpool import max_unpool, max_unpool_backward

__all__ = [
    "ALGORITHMS",
    "PADDING_MODES",
    "Cancelled",
    "Candidate",
    "Control",
    "ConvGradients",
    "Cost",
    "CrossEntropyGradients",
    "GeometryError",
    "InvolutionGradients",
    "InvolutionKernelGradients",
    "Level",
    "LinearGradients",
    "MseGradients",
    "Plan",
    "Pooled",
    "Reading",
    "ReceptiveField",
    "StackCost",
    "Stage",
    "abs",
    "abs_backward",
    "adaptive_avg_pool",
    "adaptive_avg_pool_backward",
    "adaptive_max_pool",
    "adaptive_max_pool_backward",
    "alignment",
    "avg_pool",
    "avg_pool_backward",
    "cells_read",
    "circular_matrix",
    "circular_weight",
    "circular_weight_backward",
    "conv",
    "conv_backward",
    "conv_cost",
    "conv_transpose",
    "conv_transpose_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "elu",
    "elu_backward",
    "fold",
    "fold_backward",
    "gelu",
    "gelu_backward",
    "hardswish",
    "hardswish_backward",
    "involution",
    "involution_backward",
    "involution_kernels",
    "involution_kernels_backward",
    "l2_penalty",
    "l2_penalty_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "lp_pool",
    "lp_pool_backward",
    "max_pool",
    "max_pool_backward",
    "max_unpool",
    "max_unpool_backward",
    "min_pool",
    "min_pool_backward",
    "mse",
    "mse_backward",
    "output_length",
    "output_shape",
    "pad",
    "pad_backward",
    "plan_conv",
    "receptive_fields",
    "relu",
    "relu_backward",
    "resolve_padding",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softplus",
    "softplus_backward",
    "square",
    "square_backward",
    "stack_cost",
    "tanh",
    "tanh_backward",
    "unfold",
    "unfold_backward",
    "unread",
]
