"""The ops of our own that a rewritten step calls, by their name in the namespace ``bayplan``.

Each takes as plain numbers what it needs to lay out its results, and works through its operands in
parts, so that it needs little memory besides its results. How near these are to those of the ATen ops
that it stands for, its rule says (``solver/rewrites``); nearly all are bitwise equal.
"""

from collections.abc import Callable, Mapping
from typing import Any

from .own_attention import attention, attention_backward
from .own_convolution import convolution_input_gradient
from .own_losses import chunked_cross_entropy, cross_entropy_backward, log_softmax
from .own_masks import (
    dropout_backward_by_bits,
    keep_by_bits,
    pack_above,
    pack_nonzero,
    scale_by_bits,
    scale_by_mask,
)
from .own_pooling import (
    avg_pool2d_from_shape_backward,
    max_pool2d_with_offsets,
    max_pool2d_with_offsets_backward,
)

OWN_OPS: Mapping[str, Callable[..., Any]] = {
    "attention": attention,
    "attention_backward": attention_backward,
    "avg_pool2d_from_shape_backward": avg_pool2d_from_shape_backward,
    "chunked_cross_entropy": chunked_cross_entropy,
    "convolution_input_gradient": convolution_input_gradient,
    "cross_entropy_backward": cross_entropy_backward,
    "dropout_backward_by_bits": dropout_backward_by_bits,
    "keep_by_bits": keep_by_bits,
    "log_softmax": log_softmax,
    "max_pool2d_with_offsets": max_pool2d_with_offsets,
    "max_pool2d_with_offsets_backward": max_pool2d_with_offsets_backward,
    "pack_above": pack_above,
    "pack_nonzero": pack_nonzero,
    "scale_by_bits": scale_by_bits,
    "scale_by_mask": scale_by_mask,
}
