"""What the arguments of operations are called and mean, and what comes back: the words of help.

The name of an operation before a parameter, ``norm.p``, goes before the parameter alone.
"""

from __future__ import annotations

__all__ = ["COMPLAINTS", "PARAMETERS", "RETURNS"]

_TENSOR = {
    "tensor": "array_like or Tensor",
    "tensors": "array_like, Tensor, or list of them",
    "tensor of bool": "array_like or Tensor of bool",
    "tensor of int": "array_like or Tensor of int",
}


def _read(table: str) -> dict[str, list[str]]:
    """Read rows of cells; the first cell names what the row is about, or several."""
    rows = [[cell.strip() for cell in row.split(" | ")] for row in table.strip().split("\n")]
    return {name: cells for names, *cells in rows for name in names.split(", ")}


#: The type of a parameter, and its meaning.
PARAMETERS = {
    name: (_TENSOR.get(kind, kind), meaning)
    for name, (kind, meaning) in _read("""
x | tensor | Of any shape.
softmax.x, log_softmax.x, logsumexp.x | tensor | Any real numbers, with at least one axis.
*xs | tensor | Of any shape.
y | tensor | Of a shape that broadcasts against that of `x`.
a | tensor | Of any shape.
b | tensor | Of a shape that fits.
g | tensor | What to add.
v | tensor | A matrix or a vector.
w | tensors | A list is measured as one long vector.
params | tensors | The weights.
tensors | iterable of array_like or Tensor | Of shapes that fit.
condition | tensor of bool | A constant: no gradient passes through it.
min | tensor | The lower bound; None is no bound.
max | tensor | The upper bound; None is no bound.
power.p | tensor | The exponents.
labels | array_like of int | From 0 to `classes` - 1.
logits | tensor | ``(N, K)``, or ``(K,)`` for one example; any real numbers.
sigmoid_cross_entropy.logits | tensor | Of any shape, any real numbers.
probs | tensor | ``(N, K)``, or ``(K,)`` for one example: distributions.
binary_cross_entropy.probs | tensor | In [0, 1].
p | tensor | ``(N, K)`` or ``(K,)``, each row a distribution.
q | tensor | Of the same shape, too.
predictions | tensor | Of any shape.
targets | tensor | Of the same shape.
cross_entropy.targets, softmax_cross_entropy.targets | tensor | Labels ``(N,)``, or rows ``(N, K)``.
sigmoid_cross_entropy.targets, binary_cross_entropy.targets | tensor | Of the same shape, in [0, 1].
weights | tensor | Of the shape of `x`, or a vector with one weight for each place of one axis.
subscripts | str | As in NumPy; without an arrow the indices that occur once are kept, in order.
*operands | tensor | One per term.
axis | int or tuple of int | Along which axes.
concatenate.axis | int | Along which axis.
softmax.axis, log_softmax.axis, logsumexp.axis | int | The axis of the classes.
expand_dims.axis | int or tuple of int | Where the new axes stand in the result.
stack.axis | int | Where the new axis stands in the result.
squeeze.axis | int or tuple of int | Which axes; by default all of length 1.
keepdims | bool | Keep the reduced axes with length 1.
ddof | float | Taken off the number of entries that the sum is divided by.
shape | int or tuple of int | The shape wanted; of `reshape` one length may be -1.
axes | tuple of int | The old axis that each new axis is; by default all reversed.
tensordot.axes | int or two tuples | A number n: the last n of `a` and the first n of `b`.
axis1 | int | The rows; an axis.
axis2 | int | The columns; another axis.
source | int or tuple of int | Where the axes stand.
destination | int or tuple of int | Where they are to stand.
offset | int | How far above the main diagonal; negative: below.
k | int | How far above the main diagonal; negative: below.
index | int, slice, ..., None, integer or boolean array, or a tuple | As in NumPy; they may repeat.
indices | int or array_like of int | The places; negative ones count from the end.
take_along_axis.indices | tensor of int | The places; as long as `x` except along `axis`.
indices_or_sections | int or sequence of int | How many parts, or the places where they begin.
shift | int or tuple of int | By how many places, one number for each axis.
repeats | int or sequence of int | How often: one number, or one for each entry along the axis.
reps | int or tuple of int | How often along each axis, counted from the last.
pad_width | int, (before, after), or one such pair for each axis | How many.
mode | {"constant", "edge", "reflect", "symmetric", "wrap"} | What is added.
constant_values | as `pad_width` | For mode "constant".
n | int | How many times.
decimals | int | Negative ones round to tens, hundreds and so on.
dtype | str | "float16", "float32" or "float64".
classes | int | The number K of classes.
approximate | {"none", "tanh"} | The exact form, or its approximation by tanh.
reduction | {"mean", "sum", "none"} | Over examples; of regression and two outcomes, entries.
norm.p | float or ndarray of shape () | At least 1, held constant; ``inf`` is the largest magnitude.
lam | float or ndarray of shape () | The rate λ; an array prints as a letter in formulas.
dropout.p | float | The probability of dropping an entry.
rng | numpy.random.Generator or int | Draws the mask, a new one at each call.
training | bool | Otherwise `x` is returned as it is.
""").items()
}

#: What is raised as a ValueError: that ...
COMPLAINTS = {
    name: complaint
    for name, (complaint,) in _read("""
b | the shapes do not fit
v | it is neither a matrix nor a vector
w | the list is empty
params | there are none
tensors | there are none, or they differ
labels | a label is no class
probs, p | a row is no distribution
binary_cross_entropy.probs | an entry lies outside of [0, 1]
q, targets | the shapes differ
cross_entropy.targets, softmax_cross_entropy.targets | a label is no class, or a target negative
sigmoid_cross_entropy.targets | the shapes differ, or a target lies outside of [0, 1]
binary_cross_entropy.targets | the shapes differ, or a target lies outside of [0, 1]
weights | the weights do not fit
subscripts | subscripts and operands do not fit
axis, source | there is no such axis, or one is named twice
concatenate.axis, expand_dims.axis, stack.axis | there is no such axis
softmax.axis, log_softmax.axis, logsumexp.axis | there is no such axis, or no entries
squeeze.axis | a named axis has another length
shape | the shape does not fit
axes | they are no permutation of the axes
tensordot.axes | there are no such axes, or they differ in number or length
axis1 | there are no such two axes
take_along_axis.indices | the shapes do not fit, or there is no such place
indices_or_sections | there is no part, or the axis does not divide into so many
repeats | there is not one number of repeats for each entry
reps | a number of repeats is negative
pad_width | a width is negative or does not fit the axes
mode | the mode is another one
n, lam | it is negative
dtype | it is another type
approximate | it is another word
reduction | it is another word, or there is nothing to average
norm.p | p is less than 1 or NaN: that would be no norm
dropout.p | p is outside of [0, 1] or NaN
""").items()
}

#: What the shapes of the arguments do not say by themselves of the result's.
RETURNS = {
    name: shape
    for name, (shape,) in _read("""
argsort | Whole numbers, of the shape of `x`.
array_split, split | A list of the parts.
astype | Of the same shape.
broadcast_to | Of shape `shape`, same dtype; an array is a read-only view.
column_stack, concatenate, dstack, hstack, vstack | As long along the axis as all together.
count | A Python int, which never changes a dtype; in formulas a letter such as N or K.
cumsum | Of the shape of `x`; a vector without an axis.
diag | A vector for a matrix, a square matrix for a vector.
diagonal | The remaining axes, and the diagonal as the last.
diff | Shorter by `n` along the axis, same dtype.
dot | A number for two vectors; as `matmul` for matrices.
einsum | With the axes named after the arrow.
expand_dims | With the axes inserted, same dtype.
getitem | The chosen entries, same dtype.
inner, tensordot | The other axes of `a`, then those of `b`.
kron | Each axis as long as the product of both.
length | A number, of the dtype of `x`.
logsumexp | Of the remaining shape, same dtype.
matmul | ``(n, m)``, with the leading axes of a stack and without the axis of a vector.
one_hot | Of the shape of `labels` with an axis of length K behind it.
outer | ``(n, m)`` for vectors of n and m entries.
pad | Longer along every axis, same dtype.
repeat | As long along the axis as there are repeats, same dtype.
reshape, sum_to | Of shape `shape`, same dtype.
scatter_add | Of shape `shape`, in the dtype of `g`.
sort | Of the shape and dtype of `x`; a vector without an axis.
squeeze | Without the axes, same dtype.
stack | With one more axis, as long as there are tensors.
swapaxes | With the two axes exchanged, same dtype.
take | With the shape of `indices` in the place of the axis, same dtype.
take_along_axis | As long along the axis as `indices`, in the dtype of `x`.
tile | Each axis as many times as long as `reps` says.
trace | Of the shape without these two axes.
matrix_transpose, moveaxis, transpose | With permuted axes, same dtype.
l1, l2, sum_squared_error, vdot, weight_decay | A number.
argmax, argmin | Whole numbers, of the remaining shape.
atleast_1d, atleast_2d, atleast_3d | The tensor, or a tuple of them of several.
""").items()
}
