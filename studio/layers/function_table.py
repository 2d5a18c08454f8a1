"""The functions of PyTorch that are nodes. Ports and options come from their signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from studio.graph.spec import LayerSpec, PortType
from studio.layers.functions import Row, function

_F = "torch.nn.functional."
#: A batch of matrices.
_MATRICES = (3, 4, 5)


def function_specs() -> Iterator[LayerSpec]:
    """Yield the spec of every function; what this PyTorch does not have yet, or any more, is no node."""
    for row in ROWS:
        try:
            yield function(row)
        except LookupError:
            continue


def _elementwise() -> Iterator[Row]:
    """Functions of one tensor that work on each number by itself."""
    rows = (
        ("rsqrt", "Reciprocal root", "y = 1 / √x"),
        ("reciprocal", "Reciprocal", "y = 1 / x"),
        ("square", "Square", "y = x^2"),
        ("sign", "Sign", "y = −1, 0 or 1"),
        ("floor", "Round down", "y = ⌊x⌋"),
        ("ceil", "Round up", "y = ⌈x⌉"),
        ("round", "Round", "y = the whole number next to x"),
        ("trunc", "Cut fraction off", "y = x without its fraction"),
        ("frac", "Fraction", "y = x − trunc(x)"),
        ("tan", "Tangent", "y = tan(x)"),
        ("asin", "Arc sine", "y = sin^(−1)(x)"),
        ("acos", "Arc cosine", "y = cos^(−1)(x)"),
        ("atan", "Arc tangent", "y = tan^(−1)(x)"),
        ("sinh", "Hyperbolic sine", "y = (e^x − e^(−x)) / 2"),
        ("cosh", "Hyperbolic cosine", "y = (e^x + e^(−x)) / 2"),
        ("asinh", "Inverse hyperbolic sine", "y = sinh^(−1)(x)"),
        ("acosh", "Inverse hyperbolic cosine", "y = cosh^(−1)(x)"),
        ("atanh", "Inverse hyperbolic tangent", "y = tanh^(−1)(x)"),
        ("exp2", "Power of two", "y = 2^x"),
        ("expm1", "Exponential − 1", "y = e^x − 1"),
        ("log2", "Logarithm, base 2", "y = log_2 x"),
        ("log10", "Logarithm, base 10", "y = log_10 x"),
        ("log1p", "Logarithm of 1 + x", "y = log(1 + x)"),
        ("logit", "Logit", "y = log(x / (1 − x))"),
        ("erf", "Error function", "y = 2/√π · ∫_0^x e^(−t^2) dt"),
        ("erfc", "1 − error function", "y = 1 − erf(x)"),
        ("erfinv", "Inverse error function", "y = erf^(−1)(x)"),
        ("sinc", "Sinc", "y = sin(πx) / (πx)"),
        ("lgamma", "Logarithm of gamma", "y = log |Γ(x)|"),
        ("digamma", "Digamma", "y = Γ'(x) / Γ(x)"),
        ("nan_to_num", "Replace NaN", "y = x, or what stands for NaN and infinity"),
    )
    for name, title, formula in rows:
        yield Row(f"torch.{name}", title, "Arithmetic", formula=formula, keeps=True)


def _pairs() -> Iterator[Row]:
    """Functions of two tensors that work on numbers side by side."""
    rows = (
        ("remainder", "Remainder", "Tensor", "y = x − ⌊x / other⌋ · other"),
        ("fmod", "Remainder with sign", "Tensor", "y = x − trunc(x / other) · other"),
        ("atan2", "Angle of two sides", "", "y = tan^(−1)(x / other), in all four quarters"),
        ("hypot", "Hypotenuse", "", "y = √(x^2 + other^2)"),
        ("logaddexp", "Log of added exponentials", "", "y = log(e^x + e^other)"),
        ("copysign", "Copy sign", "Tensor", "y = |x| · sign(other)"),
        ("xlogy", "x log y", "Tensor", "y = x · log(other)"),
    )
    for name, title, overload, formula in rows:
        yield Row(f"torch.{name}", title, "Arithmetic", overload, formula=formula)
    yield Row("torch.lerp", "Blend", "Arithmetic", "Scalar", starts={"weight": 0.5},
              formula="y = x + weight · (end − x)", keywords=("interpolate", "mix"))  # fmt: skip


def _logic() -> Iterator[Row]:
    mask: Mapping[str, PortType] = {"out": "mask"}
    for name, title, formula in (
        ("logical_and", "And", "y = x and other"),
        ("logical_or", "Or", "y = x or other"),
        ("logical_xor", "Either or", "y = x or other, not both"),
    ):
        yield Row(f"torch.{name}", title, "Comparison", formula=formula, types=mask)
    for name, title, formula in (
        ("logical_not", "Not", "y = not x"),
        ("isnan", "Is NaN", "y = whether x is no number"),
        ("isinf", "Is infinite", "y = whether |x| = ∞"),
        ("isfinite", "Is finite", "y = whether |x| < ∞"),
    ):
        yield Row(f"torch.{name}", title, "Comparison", formula=formula, types=mask, keeps=True)
    yield Row("torch.isclose", "Is close", "Comparison", types=mask,
              hidden=("rtol", "atol", "equal_nan"), formula="y = |x − other| ≤ ε",
              doc="Tells where two tensors are equal but for rounding.")  # fmt: skip
    yield Row("torch.where", "Where", "Comparison", "self",
              ports={"condition": "mask", "self": "a", "other": "b"}, types={"mask": "mask"},
              formula="y = a where x, else b")  # fmt: skip


def _indexing() -> Iterator[Row]:
    group = "Indexing"
    meet = ("sum", "prod", "mean", "amax", "amin")
    yield Row("torch.gather", "Gather", group, formula="y_(i,j) = x_(i, index_(i,j))",
              keywords=("index",))  # fmt: skip
    yield Row("torch.take_along_dim", "Take along", group, starts={"dim": -1},
              formula="y_(i,j) = x_(i, indices_(i,j))")  # fmt: skip
    yield Row("torch.index_select", "Select entries", group, formula="y_i = x_(index_i)",
              doc="Takes entries along a dimension, the same ones of every sample.",
              keywords=("index",))  # fmt: skip
    yield Row("torch.scatter", "Scatter", group, "src", formula="y_(i, index_(i,j)) = src_(i,j)",
              doc="Writes the numbers of one tensor to places in another.")  # fmt: skip
    yield Row("torch.scatter_add", "Scatter and add", group,
              doc="Adds the numbers of one tensor up at places in another.",
              formula="y_(i, index_(i,j)) += src_(i,j)")  # fmt: skip
    yield Row("torch.scatter_reduce", "Scatter and reduce", group, "two", starts={"reduce": "mean"},
              choices={"reduce": meet}, formula="y_(i, index_(i,j)) = reduce of all src_(i,j)",
              doc="Joins the numbers of one tensor at places in another.")  # fmt: skip
    yield Row("torch.masked_fill", "Fill where masked", group, "Scalar", starts={"value": 0.0},
              doc="Puts one value wherever a mask is true.", formula="y = value where mask, else x")  # fmt: skip
    yield Row("torch.tril", "Lower triangle", group, formula="y_(i,j) = x_(i,j) where j ≤ i, else 0",
              keywords=("causal",))  # fmt: skip
    yield Row("torch.triu", "Upper triangle", group, formula="y_(i,j) = x_(i,j) where j ≥ i, else 0")  # fmt: skip
    yield Row("torch.diagonal", "Diagonal", group, starts={"dim1": -2, "dim2": -1}, ranks=_MATRICES,
              formula="y_i = x_(i,i)", doc="Takes a matrix's diagonal.")  # fmt: skip
    yield Row("torch.diag_embed", "Diagonal matrix", group, formula="y_(i,i) = x_i",
              doc="Makes a matrix of the vector on its diagonal.")  # fmt: skip
    yield Row(_F + "one_hot", "One-hot", group, types={"x": "int"}, starts={"num_classes": 10},
              doc="Turns ids into rows with a single 1.", line="F.one_hot({x}, {num_classes}).float()",
              formula="y_i = 1 for i = x, else 0", keywords=("classes", "encode"))  # fmt: skip
    yield Row("torch.repeat_interleave", "Repeat entries", group, "self_int",
              starts={"repeats": 2, "dim": 1}, formula="y_i = x_(i / repeats)",
              doc="Repeats each entry along a dimension.")  # fmt: skip
    yield Row("torch.movedim", "Move dimension", "Shape", "int", starts={"source": 1, "destination": -1},
              doc="Puts one dimension in another place.", formula="y = x, dimension by another number")  # fmt: skip
    yield Row("torch.tile", "Tile", "Shape", kinds={"dims": "ints"}, starts={"dims": (1, 2)},
              doc="Puts copies of a tensor beside one another.", formula="y_i = x_(i mod n)",
              keywords=("repeat",))  # fmt: skip


def _reductions() -> Iterator[Row]:
    group = "Reduction"
    yield Row("torch.std", "Standard deviation", group, "correction", starts={"correction": 1.0, "dim": (-1,)},
              formula="y = √(Σ (x − mean)^2 / (n − correction))")  # fmt: skip
    yield Row("torch.var", "Variance", group, "correction", starts={"correction": 1.0, "dim": (-1,)},
              formula="y = Σ (x − mean)^2 / (n − correction)")  # fmt: skip
    yield Row("torch.prod", "Product", group, "dim_int", formula="y = ∏_i x_i",
              doc="Multiplies the entries along a dimension.")  # fmt: skip
    yield Row("torch.median", "Median", group, "dim", formula="y = the value in the middle",
              doc="Takes the value in the middle, and says where it is.")  # fmt: skip
    yield Row("torch.mode", "Most frequent", group, formula="y = the most frequent value",
              doc="Takes the value that comes most often, and says where it is.")  # fmt: skip
    yield Row("torch.kthvalue", "k-th smallest", group, formula="y = the k-th smallest value",
              doc="Takes the k-th smallest value, and says where it is.")  # fmt: skip
    yield Row("torch.quantile", "Quantile", group, "scalar", starts={"q": 0.5, "dim": -1},
              hidden=("interpolation",), formula="y = what a share q of the values is below")  # fmt: skip
    yield Row("torch.logsumexp", "Log of summed exponentials", group, formula="y = log Σ_i e^(x_i)")
    yield Row("torch.any", "Any", group, "dim", types={"out": "mask"}, formula="y = x_1 or x_2 or …",
              doc="Tells whether any entry along a dimension is not zero.")  # fmt: skip
    yield Row("torch.all", "All", group, "dim", types={"out": "mask"}, formula="y = x_1 and x_2 and …",
              doc="Tells whether all entries along a dimension are not zero.")  # fmt: skip
    yield Row("torch.argmin", "Argmin", group, types={"out": "int"}, starts={"dim": -1},
              formula="y = the place of the smallest")  # fmt: skip
    yield Row("torch.count_nonzero", "Count of non-zeros", group, types={"out": "int"},
              starts={"dim": -1}, formula="y = how many x_i ≠ 0")  # fmt: skip
    yield Row("torch.topk", "Top k", group, formula="y = the k largest, and their places")
    yield Row("torch.sort", "Sort", group, formula="y_1 ≤ y_2 ≤ …",
              doc="Puts the entries along a dimension in order, and says where they were.")  # fmt: skip
    yield Row("torch.argsort", "Sorted places", group, types={"out": "int"},
              formula="x_(y_1) ≤ x_(y_2) ≤ …")  # fmt: skip
    for name, title, formula in (
        ("cumsum", "Cumulative sum", "y_i = x_1 + … + x_i"),
        ("cumprod", "Cumulative product", "y_i = x_1 · … · x_i"),
        ("logcumsumexp", "Cumulative log-sum-exp", "y_i = log(e^(x_1) + … + e^(x_i))"),
        ("cummax", "Cumulative maximum", "y_i = max(x_1, …, x_i)"),
        ("cummin", "Cumulative minimum", "y_i = min(x_1, …, x_i)"),
    ):
        doc = (
            f"{title} along a dimension, and the places." if "max" in name or "min" in name else ""
        )
        yield Row(f"torch.{name}", title, "Cumulative", doc=doc, formula=formula)
    yield Row("torch.diff", "Differences", "Cumulative", formula="y_i = x_(i+1) − x_i",
              hidden=("prepend", "append"), line="torch.diff({x}, n={n}, dim={dim})")  # fmt: skip


def _softmaxes() -> Iterator[Row]:
    shared = {"category": "act", "keeps": True}
    for name, title, formula in (
        ("log_softmax", "Log softmax", "y_i = x_i − log Σ_j exp(x_j)"),
        ("softmin", "Softmin function", "y_i = exp(−x_i) / Σ_j exp(−x_j)"),
    ):
        yield Row(_F + name, title, "", formula=formula, hidden=("_stacklevel",), **shared)  # type: ignore[arg-type]
    yield Row(_F + "gumbel_softmax", "Gumbel softmax", "", hidden=("eps",), category="act",
              doc="Draws from shares so that gradients flow.", keywords=("sample", "categorical"),
              formula="y_i = exp((x_i + g_i) / τ) / Σ_j exp((x_j + g_j) / τ)")  # fmt: skip


def _fourier() -> Iterator[Row]:
    norms = {"norm": ("backward", "forward", "ortho")}
    sum_, group = "X_k = Σ_n x_n · e^(−2πikn/N)", "Fourier"
    back = "x_n = Σ_k X_k · e^(2πikn/N) / N"
    for name, title, formula in (
        ("fft", "FFT", sum_), ("ifft", "Inverse FFT", back),
        ("rfft", "FFT of real numbers", sum_), ("irfft", "Inverse FFT to real numbers", back),
        ("fft2", "2D FFT", sum_), ("ifft2", "Inverse 2D FFT", back),
        ("rfft2", "2D FFT of real numbers", sum_), ("irfft2", "Inverse 2D FFT to real numbers", back),
    ):  # fmt: skip
        yield Row(f"torch.fft.{name}", title, group, formula=formula, choices=norms,
                  keywords=("fourier", "spectrum", "frequency"))  # fmt: skip
    for name, title in (("fftshift", "Centre frequencies"), ("ifftshift", "Uncentre frequencies")):
        yield Row(f"torch.fft.{name}", title, group, starts={"dim": (-1,)},
                  formula="y_i = x_((i ± n/2) mod n)", keywords=("fourier",))  # fmt: skip
    for name, title, formula in (
        ("real", "Real part", "y = Re x"),
        ("imag", "Imaginary part", "y = Im x"),
        ("angle", "Angle", "y = arg x"),
        ("conj", "Conjugate", "y = Re x − i Im x"),
        ("view_as_real", "Complex as pairs", "y = (Re x, Im x)"),
        ("view_as_complex", "Pairs as complex", "y = x_0 + i x_1"),
    ):
        line = {"conj": "torch.conj({x}).resolve_conj()"}.get(name, f"torch.{name}({{x}})")
        yield Row(f"torch.{name}", title, group, formula=formula, line=line, keywords=("complex",))
    yield Row("torch.complex", "Complex", group, formula="y = x + i imag")


def _matrices() -> Iterator[Row]:
    group = "Linear algebra"
    yield Row("torch.einsum", "Einstein sum", group, "default", starts={"equation": "nij,nkj->nik"},
              doc="Multiplies and sums as an equation of letters says.", keywords=("tensor product",),
              formula="y_(nik) = Σ_j a_(nij) · b_(nkj)")  # fmt: skip
    yield Row(
        "torch.bmm",
        "Batched matrix product",
        group,
        ports={"mat2": "other"},
        formula="y_n = x_n · other_n",
    )
    yield Row("torch.linalg.cross", "Cross product", group, formula="y = x × other")
    yield Row("torch.cdist", "Distances of all pairs", group, "default", ports={"x2": "other"},
              formula="y_(i,j) = ‖x_i − other_j‖_p", keywords=("pairwise", "distance"))  # fmt: skip
    yield Row("torch.linalg.inv", "Inverse", group, formula="y = x^(−1)", ranks=_MATRICES)
    yield Row("torch.linalg.det", "Determinant", group, formula="y = det x", ranks=_MATRICES)
    yield Row("torch.linalg.solve", "Solve", group, ports={"B": "b"}, formula="y = x^(−1) · b", ranks=_MATRICES,
              doc="Solves systems of linear equations.")  # fmt: skip
    yield Row("torch.linalg.qr", "QR", group, hidden=("mode",), formula="x = Q R", ranks=_MATRICES)
    yield Row(
        "torch.linalg.matrix_exp", "Matrix exponential", group, formula="y = e^x", ranks=_MATRICES
    )


def _resampling() -> Iterator[Row]:
    group, ends = "Resampling", {"padding_mode": ("zeros", "border", "reflection")}
    yield Row(_F + "interpolate", "Interpolate", group, starts={"scale_factor": 2.0},
              hidden=("size",), kinds={"scale_factor": "float"},
              choices={"mode": ("nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area")},
              formula="y_i = x_(i / scale)", keywords=("resize", "upsample", "scale"))  # fmt: skip
    yield Row(_F + "grid_sample", "Grid sample", group, choices=ends | {"mode": ("bilinear", "nearest", "bicubic")},
              starts={"align_corners": False}, formula="y_p = x at grid_p",
              doc="Reads pictures at the places that a grid names.", keywords=("warp", "spatial transformer"))  # fmt: skip
    yield Row(_F + "affine_grid", "Affine grid", group, starts={"size": (1, 16, 16), "align_corners": False},
              doc="Makes a grid for sampling of one 2×3 matrix per sample.",
              line="F.affine_grid({x}, [{x}.shape[0], {size:bare}], align_corners={align_corners})",
              formula="y_(i,j) = θ · (i, j, 1)", keywords=("warp", "spatial transformer"))  # fmt: skip
    yield Row(_F + "pad", "Pad", group, starts={"pad": (1, 1), "mode": "constant"},
              choices={"mode": ("constant", "reflect", "replicate", "circular")},
              doc="Adds a border.", formula="y_i = x_(i − pad), value outside", keywords=("border",))  # fmt: skip


def _random() -> Iterator[Row]:
    for name, title, formula in (
        ("randn_like", "Gaussian noise", "y ∼ N(0, 1)"),
        ("rand_like", "Uniform noise", "y ∼ U(0, 1)"),
        ("bernoulli", "Coin flips", "y = 1 with chance x, else 0"),
    ):
        doc = f"{title} in the shape of what comes in." if "like" in name else ""
        yield Row(f"torch.{name}", title, "Random", doc=doc, formula=formula, keeps=True,
                  keywords=("noise", "sample", "random"))  # fmt: skip


ROWS: tuple[Row, ...] = (
    *_elementwise(), *_pairs(), *_logic(), *_indexing(), *_reductions(), *_softmaxes(), *_fourier(),
    *_matrices(), *_resampling(), *_random(),
)  # fmt: skip
