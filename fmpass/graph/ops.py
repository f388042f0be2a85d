"""What kind of work an operator does, as far as fusion cares: the table behind stored.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from fmpass.graph.schema import DECOMPRESS, DOMAIN

if TYPE_CHECKING:
    import onnx_ir as ir

Role = Literal[
    "alias",  # the same bytes under another shape, or a transposition
    "move",  # elements picked, placed, pooled, resized: not counted as tensors of their own
    "heavy",  # starts a fused region: convolution, matrix product, recurrence, anything opaque
    "activation",  # ends a fused region
    "scale",  # batch normalisation: an affine map per channel
    "pointwise",  # elementwise, fused where it follows something
    "normalise",  # layer normalisation and its kin
    "softmax",
    "reduce",
    "quantise",
    "dequantise",
    "integer",  # an integer kernel: QLinearConv and its kin
    "control",
    "index",  # shapes, indices, comparisons, random numbers, containers: no feature map
]

_ROLES: dict[Role, str] = {
    "alias": "Reshape Flatten Squeeze Unsqueeze Identity Transpose Dropout",
    "move": """Concat Slice Split Pad Gather GatherElements GatherND Scatter ScatterElements ScatterND Expand Tile
        Resize Upsample MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool MaxUnpool MaxRoiPool
        RoiAlign DepthToSpace SpaceToDepth Compress ReverseSequence GridSample AffineGrid Trilu CenterCropPad Col2Im
        CumSum TensorScatter""",
    "heavy": "Conv ConvTranspose DeformConv MatMul Gemm Einsum LSTM GRU RNN Attention RotaryEmbedding STFT DFT",
    "activation": """Relu Clip LeakyRelu PRelu Elu Celu Selu HardSwish HardSigmoid Sigmoid Tanh Gelu Mish Swish Softplus
        Softsign ThresholdedRelu Shrink LogSoftmax Hardmax""",
    "scale": "BatchNormalization",
    "pointwise": """Add Sub Mul Div Pow Sqrt Reciprocal Exp Log Neg Abs Erf Floor Ceil Round Sign Min Max Mean Sum Where
        Cast CastLike Sin Cos Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh Mod""",
    "normalise": """LayerNormalization InstanceNormalization GroupNormalization RMSNormalization LpNormalization
        MeanVarianceNormalization LRN""",
    "softmax": "Softmax",
    "reduce": """ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp
        ReduceSumSquare""",
    "quantise": "QuantizeLinear DynamicQuantizeLinear",
    "dequantise": "DequantizeLinear",
    "integer": "QLinearConv QLinearMatMul",
    "control": "If Loop Scan SequenceMap",
    "index": """Constant ConstantOfShape Shape Size Range NonZero ArgMax ArgMin TopK NonMaxSuppression OneHot Unique
        EyeLike Equal Greater Less GreaterOrEqual LessOrEqual Not And Or Xor IsNaN IsInf BitShift BitwiseAnd BitwiseOr
        BitwiseXor BitwiseNot RandomNormal RandomUniform RandomNormalLike RandomUniformLike Bernoulli Multinomial Det
        SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength SplitToSequence
        ConcatFromSequence Optional OptionalGetElement OptionalHasElement StringNormalizer StringConcat StringSplit
        RegexFullMatch TfIdfVectorizer LabelEncoder HannWindow HammingWindow BlackmanWindow MelWeightMatrix ImageDecoder
        NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss BitCast""",
}

_MICROSOFT: dict[Role, str] = {
    "activation": "Gelu FastGelu BiasGelu QuickGelu BiasSplitGelu",
    "normalise": "SkipLayerNormalization SkipSimplifiedLayerNormalization GroupNorm SkipGroupNorm",
    "move": "SampleOp NhwcMaxPool Inverse",
    "quantise": "QuantizeLinear",
    "dequantise": "DequantizeLinear",
    "integer": """QLinearAdd QLinearMul QLinearAveragePool QLinearGlobalAveragePool QLinearLeakyRelu QLinearSigmoid
        QLinearSoftmax QLinearConcat QLinearWhere QLinearReduceMean QGemm QAttention QLinearConv""",
}

_TABLE: dict[tuple[str, str], Role] = {
    (domain, name): role
    for domain, table in (("", _ROLES), ("com.microsoft", _MICROSOFT))
    for role, names in table.items()
    for name in names.split()
}
_TABLE["", "SimplifiedLayerNormalization"] = "normalise"  # what onnxruntime calls RMSNormalization

JOINS_OF_ONE = frozenset({"Pow", "Mul"})
"""Binary operators that are also used with twice the same operand: squares."""

SELF_GATING = frozenset(
    {"Sigmoid", "Tanh", "Erf", "Exp", "Softplus", "HardSigmoid", "Clip", "Relu", "Log", "Pow", "Sqrt", "Reciprocal"}
)
"""Non-linear operators that make a reconvergent region (x·σ(x), …) an activation function."""


def role(node: ir.Node) -> Role:
    """The role of a node. An operator that is not in the tables is an opaque kernel: "heavy"."""
    if node.domain == DOMAIN:
        return "alias"  # a pair that is there already restores what it was given
    return _TABLE.get((node.domain, node.op_type), "heavy")


def tells_type(node: ir.Node) -> bool:
    """True for the Cast behind a FmDecompress in a function, which changes nothing.

    onnxruntime infers the types of a function by ONNX's own operators alone. The result of any other operator has no
    type there, unless a Cast behind it says one. Elsewhere such a Cast is one of the model's own.
    """
    if node.op_type != "Cast" or node.domain or len(node.inputs) != 1 or node.inputs[0] is None:
        return False
    maker = node.inputs[0].producer()
    if maker is None or maker.domain != DOMAIN or maker.op_type != DECOMPRESS:
        return False
    to, dtype = node.attributes.get("to"), maker.attributes.get("dtype")
    return to is not None and dtype is not None and not to.is_ref() and to.as_int() == dtype.as_int()
