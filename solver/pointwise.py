"""The ATen ops that read element i of their operands before they write element i of their result.

Such an op may write its result into the bytes of an operand of the same geometry. Most carry torch's
tag ``pointwise``, but the tag says nothing of how an op is implemented: one that works in several
passes may still need an operand after it began to write. So these are named, and a test of the
run-time runs each of them in its operand's bytes and compares bit for bit.
"""

_UNARY = """
    abs acos acosh asin asinh atan atanh ceil clone cos cosh erf erfc exp exp2 expm1 floor frac
    gelu hardsigmoid hardswish isnan log log10 log1p log2 logical_not mish nan_to_num neg reciprocal
    relu round rsqrt sgn sigmoid sign silu sin sinh sqrt tan tanh trunc
"""
_BACKWARD = """
    elu_backward gelu_backward hardsigmoid_backward hardswish_backward hardtanh_backward
    leaky_relu_backward mish_backward native_dropout_backward sigmoid_backward silu_backward
    softplus_backward tanh_backward threshold_backward
"""
_SEVERAL = """
    add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Scalar mul.Tensor mul.Scalar div.Tensor div.Scalar
    div.Tensor_mode div.Scalar_mode pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar atan2.default
    fmod.Tensor fmod.Scalar remainder.Tensor remainder.Scalar
    maximum.default minimum.default fmax.default fmin.default
    clamp.default clamp.Tensor clamp_min.default clamp_min.Tensor clamp_max.default clamp_max.Tensor
    celu.default elu.default hardtanh.default leaky_relu.default softplus.default threshold.default
    where.self lerp.Scalar lerp.Tensor addcmul.default addcdiv.default
    eq.Tensor eq.Scalar ne.Tensor ne.Scalar lt.Tensor lt.Scalar le.Tensor le.Scalar
    gt.Tensor gt.Scalar ge.Tensor ge.Scalar
    logical_and.default logical_or.default logical_xor.default
    bitwise_and.Tensor bitwise_or.Tensor bitwise_xor.Tensor bitwise_not.default
"""

ELEMENTWISE = frozenset(
    {*(f"{name}.default" for name in (_UNARY + _BACKWARD).split()), *_SEVERAL.split()}
)
"""ATen overloads, named as ``Op.target``, that may write into any one of their operands."""

FIRST_OPERAND = frozenset({"masked_fill.Scalar", "masked_fill.Tensor"})
"""Those that may write into their first operand alone: they copy it and then read the others."""

OWN_FIRST_OPERAND = frozenset(
    {
        "dropout_backward_by_bits.default",
        "keep_by_bits.default",
        "scale_by_bits.default",
        "scale_by_mask.default",
    }
)
"""Ops of our own (``bayplan.``) that may write into their first operand."""

OWN_BY_ROWS = frozenset({"cross_entropy_backward.default", "log_softmax.default"})
"""The same of those that read all of a row before they write it; they join no pass of others."""
