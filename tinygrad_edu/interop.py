"""PyTorch at the edge: a module or function of PyTorch, recorded as a graph of ours.

``torch.fx`` writes down which functions of PyTorch a module calls; a table says what each of them
is here. The recorded output is compared with PyTorch's before anybody sees it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.op import Op
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.names import suffixes_of
from tinygrad_edu.tensor import Tensor

__all__ = ["FromTorch", "from_torch"]

#: What PyTorch calls an argument, and what it is called here.
_ARGUMENTS = {"dim": "axis", "keepdim": "keepdims", "input": "x", "other": "y"}
_ARGUMENTS |= {"dim0": "axis1", "dim1": "axis2", "num_classes": "classes", "target": "targets"}

#: Arguments of PyTorch that say nothing where they have this value, or (None) whatever they have.
_IDLE = {"ignore_index": -100, "label_smoothing": 0.0, "dtype": None, "inplace": None}
_IDLE |= {"_stacklevel": None, "norm_type": None}

#: The letters of parameters in formulas.
_LETTERS = {"weight": "W", "bias": "b"}

#: Attributes of a tensor that are asked for by name.
_ATTRIBUTES = ("shape", "T", "mT", "ndim", "dtype", "device", "requires_grad")


def from_torch(module: Any, *example: Any) -> FromTorch:
    """Record a module or function of PyTorch, with its weights and names.

    Parameters
    ----------
    module : torch.nn.Module or callable
        What PyTorch computes, such as a loss. Dropout must be off: call ``module.eval()`` first.
    *example : torch.Tensor, array_like or number
        Its arguments. Those that hold floating-point numbers are Tensors in the graph, under the
        names that the function gives them; the others (labels, masks, numbers) are constants.

    Returns
    -------
    FromTorch
        A Module: `output` is the recorded result, `inputs` and `weights` are what it can be
        differentiated by. It can be called, drawn and trained as any other.

    Raises
    ------
    ImportError
        If PyTorch is not installed.
    TypeError
        If a function or a type of PyTorch has no counterpart here, or if ``torch.fx`` cannot
        follow the code because it branches on values.
    ValueError
        If the recorded result differs from PyTorch's, which a function that works in place or
        draws random numbers can cause.

    Examples
    --------
    >>> import torch, tinygrad_edu as tg
    >>> z, y = torch.tensor([1.47, -0.39, 0.22]), torch.tensor([0.0, 1.0, 0.0])
    >>> loss = tg.from_torch(lambda z, y: torch.nn.functional.cross_entropy(z, y), z, y)
    >>> print(tg.derive(loss.output, wrt=loss.inputs["z"]).result)
    softmax(z) − y
    """
    try:
        import torch  # noqa: F401  that it is there is all that is asked here
    except ImportError as error:
        sentence = "from_torch: PyTorch is not installed; pip install 'tinygrad-edu[torch]'"
        raise ImportError(sentence) from error
    if not callable(module):
        given = type(module).__name__
        raise TypeError(f"from_torch: takes a module or function and its arguments, got {given}")
    return FromTorch(module, *example)


class FromTorch(Module):
    """What `from_torch` recorded.

    Attributes
    ----------
    output : Tensor or tuple
        The result for the example.
    inputs : dict of str to Tensor or ndarray
        The arguments of the example, by the names that the function gives them.
    weights : dict of str to Tensor
        The parameters, by PyTorch's names, such as ``"0.weight"``. In formulas they are W and b,
        with what tells the layers apart.
    """

    def __init__(self, module: Any, *example: Any) -> None:
        self._module = module
        self._example = [_prepared(each) for each in example]
        self._graph, held = _trace(module, self._example)
        names = [node.target for node in self._graph.nodes if node.op == "placeholder"]
        if len(example) > len(names):
            called = f"from_torch: {_called(module)} takes {len(names)} arguments"
            raise TypeError(f"{called} ({', '.join(names)}), and the example has {len(example)}")
        self._trained = {name: each for name, each in held.items() if each.requires_grad}
        self._constants = {n: _array(each) for n, each in held.items() if n not in self._trained}
        places = {name: name.rpartition(".")[::2] for name in self._trained}
        suffixes = suffixes_of(list(dict.fromkeys(place for place, _ in places.values())))
        self.weights = {
            name: Tensor(_array(self._trained[name]), name=_LETTERS.get(last, last) + suffixes[at])
            for name, (at, last) in places.items()
        }
        self.inputs = {
            name: Tensor(_array(each), name=name) if _learns(each) else _array(each)
            for name, each in zip(names, self._example, strict=False)
        }
        self.output = self(*self.inputs.values())
        self._compare_output()

    def _own_parameters(self) -> dict[str, Tensor]:
        return self.weights

    def forward(self, *inputs: Any) -> Any:
        """Run the steps that PyTorch would run, on arrays or Tensors of ours."""
        from torch.fx.node import map_arg

        values: dict[Any, Any] = {}
        given, held = iter(inputs), self._constants | self.weights
        for node in self._graph.nodes:
            if node.op == "placeholder":
                values[node] = next(given, *node.args)
            elif node.op == "get_attr":
                values[node] = held[node.target]
            else:
                args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
                values[node] = args[0] if node.op == "output" else _call(node.target, args, kwargs)
        return values[node]

    def deviations(self) -> dict[str, float]:
        """Compare the gradients with PyTorch's, by all weights and inputs.

        Returns
        -------
        dict of str to float
            The largest difference between entries of the two gradients of the (summed) output,
            relative to the largest entry of PyTorch's.
        """
        import torch

        by = {n: each for n, each in self.inputs.items() if isinstance(each, Tensor)} | self.weights
        theirs = [*filter(_learns, self._example), *self._trained.values()]
        total = sum(each.sum() for each in _leaves(self._module(*self._example)))
        reference: Any = torch.autograd.grad(total, theirs, allow_unused=True)
        output: Any = sum(map(ops.sum, _leaves(self(*self.inputs.values()))))
        own = gradients(output, list(by.values()))
        return {
            name: _deviation(g, np.zeros_like(g) if r is None else _array(r))
            for name, g, r in zip(by, own, reference, strict=True)
        }

    def to_torch(self) -> None:
        """Copy the weights into PyTorch's module, for instance after training them here."""
        import torch

        with torch.no_grad():
            for name, tensor in self.weights.items():
                self._trained[name].copy_(torch.from_numpy(np.array(tensor.data)))

    def take_weights(self) -> None:
        """Copy the weights from PyTorch's module, for instance after training them there."""
        for name, tensor in self.weights.items():
            tensor.data = _array(self._trained[name])

    def _compare_output(self) -> None:
        import torch

        with torch.no_grad():
            expected = [_array(each) for each in _leaves(self._module(*self._example))]
        for own, theirs in zip(_leaves(self.output), expected, strict=True):
            value = np.asarray(own.data if isinstance(own, Tensor) else own)
            tolerance = 1e-12 if theirs.dtype == np.float64 else 1e-5
            if value.shape != theirs.shape or not _deviation(value, theirs) <= tolerance:
                raise ValueError(
                    f"from_torch: {_called(self._module)} gives other numbers in PyTorch than "
                    "here; what works in place or draws random numbers cannot be recorded"
                )


# --- PyTorch's side ---------------------------------------------------------------------------


def _trace(module: Any, example: Sequence[Any]) -> tuple[Any, dict[str, Any]]:
    """Return the graph of calls, and the tensors that it reads, by name."""
    import torch
    from torch import fx

    values: dict[Any, Any] = {}
    held = dict(_named_tensors(module))
    known = {id(tensor): name for name, tensor in held.items()}

    def step_value(node: Any) -> Any:
        """Return the value of a step for the example."""
        if node not in values:
            if node.op == "placeholder":
                places = (n for n in node.graph.nodes if n.op == node.op)
                values.update(zip(places, example, strict=False))
            elif node.op == "get_attr":
                values[node] = held[node.target]
            else:
                args, kwargs = fx.node.map_arg((node.args, node.kwargs), step_value)
                method = isinstance(node.target, str)
                call = getattr(args[0], node.target) if method else node.target
                values[node] = call(*args[method:], **kwargs)
        return values[node]

    class Proxy(fx.Proxy):
        def __len__(self) -> int:
            return len(step_value(self.node))

    class Tracer(fx.Tracer):
        """Follow branches that hang on shapes alone: those of the example decide them."""

        def call_module(self, m: Any, forward: Any, args: Any, kwargs: Any) -> Any:
            return forward(*args, **kwargs)  # no module is a step, and closed over ones are read

        def create_arg(self, a: Any) -> Any:
            if isinstance(a, torch.Tensor):
                name = known.setdefault(id(a), f"tensor{len(known)}")
                held[name] = a
                return self.create_node("get_attr", name, (), {})
            return super().create_arg(a)

        def to_bool(self, obj: Any) -> bool:
            value = step_value(obj.node)
            return super().to_bool(obj) if isinstance(value, torch.Tensor) else bool(value)

        def iter(self, obj: Any) -> Any:
            return iter([obj[i] for i in range(len(obj))])

        def proxy(self, node: Any) -> Any:
            return Proxy(node, self)

    try:
        graph = Tracer().trace(module)
    except fx.proxy.TraceError as error:
        raise TypeError(
            f"from_torch: {_called(module)} branches on values, which torch.fx cannot follow "
            f"({error}); pass the part without the branch"
        ) from error
    read = dict.fromkeys(node.target for node in graph.nodes if node.op == "get_attr")
    return graph, {name: held[name] for name in read}


def _named_tensors(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield the tensors that a module owns, or that a function reads from outside, by name."""
    import torch

    if isinstance(module, torch.nn.Module):
        yield from module.named_parameters()
        yield from module.named_buffers()
        return
    try:
        outside = inspect.getclosurevars(inspect.unwrap(module))
    except TypeError:  # a built-in function, which reads nothing
        return
    for name, value in {**outside.globals, **outside.nonlocals}.items():
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, torch.nn.Module):
            yield from ((f"{name}.{inner}", each) for inner, each in _named_tensors(value))


def _array(value: Any) -> Any:
    """Return an array for a tensor of PyTorch, and anything else as it is."""
    if not hasattr(value, "detach"):
        return value
    try:
        return value.detach().cpu().numpy().copy()
    except TypeError as error:
        raise TypeError(
            f"from_torch: a tensor holds {value.dtype} values, which NumPy does not have; "
            "convert the module and the example by .float() or .double()"
        ) from error


def _prepared(value: Any) -> Any:
    """Return an argument as a tensor of PyTorch of its own, or the number that it is."""
    import torch

    value = value.data if isinstance(value, Tensor) else value
    if not isinstance(value, torch.Tensor) and not np.ndim(value):
        return value
    tensor = torch.as_tensor(value).detach().clone()
    return tensor.requires_grad_(tensor.is_floating_point())


def _learns(value: Any) -> bool:
    return getattr(value, "requires_grad", False)


def _called(module: Any) -> str:
    return str(getattr(module, "__name__", type(module).__name__))


def _leaves(value: Any) -> list[Any]:
    return [e for each in value for e in _leaves(each)] if type(value) in (tuple, list) else [value]


def _deviation(own: Any, theirs: Any) -> float:
    """Return the largest difference, relative to the largest entry; infinities must agree."""
    if np.array_equal(own, theirs, equal_nan=True):
        return 0.0
    scale = np.max(np.abs(theirs), initial=0.0)
    return float(np.max(np.abs(own - theirs)) / (scale if scale > 0 else 1.0))


# --- calling ours -----------------------------------------------------------------------------


def _call(target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call what a function or a method of PyTorch is here."""
    name = target if isinstance(target, str) else target.__name__
    if getattr(target, "__module__", "") == "_operator":
        return target(*args)
    if name == "getattr" and args[1] in _ATTRIBUTES:
        return getattr(args[0], args[1], None)
    if name == "getattr" and args[1] in ("values", "indices"):  # of max along an axis
        return args[0][args[1] == "indices"]
    name = _OURS.get(name, name)
    ours: Any = next((room[name] for room in (_WRITTEN, vars(ops)) if name in room), None)
    if not inspect.isroutine(ours) and not isinstance(ours, Op):
        shown = f".{args[1]}" if name == "getattr" else name
        raise TypeError(
            f"from_torch: {shown} of PyTorch has no counterpart here; write that part with other "
            "functions, or pass the part behind it"
        )
    takes = inspect.signature(ours).parameters
    taken = {}
    for each, value in kwargs.items():
        argument = each if each in takes else _ARGUMENTS.get(each, each)
        if argument in takes:
            taken[argument] = value
        elif value is not None and value is not False and not _idle(each, value):
            raise TypeError(f"from_torch: {name} with {each}= has no counterpart here")
    return ours(*args, **taken)


def _idle(argument: str, value: Any) -> bool:
    return argument in _IDLE and _IDLE[argument] in (None, value)


def _spread(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """Return the variance or its root as PyTorch takes it: divided by N − 1 unless told."""

    def spread(
        x: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, correction: Any = 1
    ) -> Any:
        if isinstance(dim, bool):  # x.var(False)
            dim, unbiased = None, dim
        ddof = correction if unbiased is None else int(unbiased)
        return reduce(x, axis=_axes(dim), keepdims=keepdim, ddof=ddof)

    return spread


def _reduced(reduce: Any, pair: Any = None, places: Any = None) -> Callable[..., Any]:
    """Return a reduction with PyTorch's arguments; with one axis, max and min give places, too."""

    def reduced(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if isinstance(dim, (Tensor, np.ndarray)):  # torch.max(x, y)
            return pair(x, dim)
        values = reduce(x, axis=_axes(dim), keepdims=keepdim)
        alone = places is None or dim is None
        return values if alone else (values, places(x, axis=dim, keepdims=keepdim))

    return reduced


def _axes(dim: Any) -> Any:
    return tuple(dim) or None if isinstance(dim, (tuple, list)) else dim


def _sizes(sizes: Any) -> tuple[int, ...]:
    """Return sizes that PyTorch takes one by one or as one sequence."""
    one = len(sizes) == 1 and isinstance(sizes[0], (tuple, list))
    return tuple(sizes[0]) if one else tuple(sizes)


def _expand(x: Any, *sizes: Any) -> Any:
    shape = _sizes(sizes)
    own = (1,) * (len(shape) - x.ndim) + tuple(x.shape)
    return ops.broadcast_to(x, tuple(o if s == -1 else s for s, o in zip(shape, own, strict=True)))


def _flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    before, behind = x.shape[:start_dim], x.shape[end_dim:][1:]
    return ops.reshape(x, (*before, -1, *behind))


def _split(x: Any, size: Any, dim: int = 0) -> Any:
    length = x.shape[dim]
    ends = np.cumsum(size)[:-1] if isinstance(size, (tuple, list)) else range(size, length, size)
    return ops.split(x, [int(end) for end in ends], axis=dim)


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    z = weight @ x if x.ndim == 1 else x @ weight.T
    return z if bias is None else z + bias


def _softmax_cross_entropy(
    logits: Any, target: Any, reduction: str = "mean", label_smoothing: float = 0.0
) -> Any:
    classes = logits.shape[-1]
    if label_smoothing and target.ndim < logits.ndim:
        target = ops.one_hot(target, classes=classes, dtype=str(logits.dtype))
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / classes
    return ops.softmax_cross_entropy(logits, target, reduction)


def _over_entries(values: Any, reduction: str) -> Any:
    if reduction == "none":
        return values
    return ops.sum(values) if reduction == "sum" else ops.mean(values)


def _negative_log_likelihood(logs: Any, target: Any, reduction: str = "mean") -> Any:
    chosen = ops.one_hot(target, classes=logs.shape[-1], dtype=str(logs.dtype))
    return _over_entries(-ops.sum(chosen * logs, axis=-1), reduction)


def _divergence(logs: Any, target: Any, reduction: str = "mean") -> Any:
    terms = ops.xlogy(target, target) - target * logs
    if reduction == "batchmean":
        return ops.sum(terms) / logs.shape[0]
    return _over_entries(terms, reduction)


def _dropout(x: Any, p: float = 0.5, training: bool = True) -> Any:
    if training and p:
        raise TypeError(
            "from_torch: dropout draws a mask in training, which differs from call to call; "
            "call module.eval() first"
        )
    return x


def _scaled(x: Any, mean: Any, variance: Any, weight: Any, bias: Any, eps: float) -> Any:
    z = (x - mean) / ops.sqrt(variance + eps)
    z = z if weight is None else z * weight
    return z if bias is None else z + bias


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    axes = tuple(range(-len(shape), 0))
    mean, variance = (f(x, axis=axes, keepdims=True) for f in (ops.mean, ops.var))
    return _scaled(x, mean, variance, weight, bias, eps)


def _batch_norm(
    x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    axes = (0, *range(2, x.ndim))  # all but that of the channels
    if training:
        mean, variance = ops.mean(x, axis=axes), ops.var(x, axis=axes)
    shape = (-1,) + (1,) * len(axes[1:])
    mean, variance, weight, bias = (
        v if v is None else ops.reshape(v, shape) for v in (mean, variance, weight, bias)
    )
    return _scaled(x, mean, variance, weight, bias, eps)


def _norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    return ops.norm(x, 2 if p in (None, "fro") else p, axis=_axes(dim), keepdims=keepdim)


#: PyTorch's names for functions that have the same arguments, in the same order, here.
_RENAMED = (
    "absolute abs, acos arccos, acosh arccosh, asin arcsin, asinh arcsinh, atan arctan, "
    "atan2 arctan2, atanh arctanh, bmm matmul, mm matmul, mv matmul, mul multiply, sub subtract, "
    "div divide, true_divide divide, neg negative, pow power, eq equal, ne not_equal, lt less, "
    "le less_equal, gt greater, ge greater_equal, sgn sign, ger outer, clamp clip, "
    "cat concatenate, concat concatenate, unsqueeze expand_dims, transpose swapaxes, "
    "swapdims swapaxes, view reshape, detach stop_gradient, vector_norm norm, "
    "linalg_vector_norm norm, mse_loss mean_squared_error, l1_loss mean_absolute_error, "
    "binary_cross_entropy_with_logits sigmoid_cross_entropy, special_expit sigmoid, "
    "special_xlogy xlogy, special_logsumexp logsumexp"
)
_OURS = dict(pair.split() for pair in _RENAMED.split(", "))

#: What each other function of PyTorch is here, with its arguments in PyTorch's order.
_WRITTEN: dict[str, Callable[..., Any]] = {
    "add": lambda x, y, alpha=1: x + (y if alpha == 1 else alpha * y),
    "subtract": lambda x, y, alpha=1: x - (y if alpha == 1 else alpha * y),
    "rsqrt": lambda x: 1 / ops.sqrt(x),
    "addmm": lambda x, y, z, beta=1, alpha=1: beta * x + alpha * (y @ z),
    "erf": lambda x: 2 * ops.normal_cdf(x * math.sqrt(2)) - 1,
    "contiguous": lambda x: x,
    "clone": lambda x: x,
    "float": lambda x: ops.astype(x, "float32"),
    "double": lambda x: ops.astype(x, "float64"),
    "sum": _reduced(ops.sum),
    "mean": _reduced(ops.mean),
    "prod": _reduced(ops.prod),
    "amax": _reduced(ops.max),
    "amin": _reduced(ops.min),
    "max": _reduced(ops.max, ops.maximum, ops.argmax),
    "min": _reduced(ops.min, ops.minimum, ops.argmin),
    "std": _spread(ops.std),
    "var": _spread(ops.var),
    "sort": lambda x, dim=-1: (ops.sort(x, axis=dim), ops.argsort(x, axis=dim)),
    "norm": _norm,
    "reshape": lambda x, *sizes: ops.reshape(x, _sizes(sizes)),
    "flatten": _flatten,
    "repeat": lambda x, *sizes: ops.tile(x, _sizes(sizes)),
    "permute": lambda x, *dims: ops.transpose(x, _sizes(dims)),
    "t": lambda x: x.T,
    "expand": _expand,
    "split": _split,
    "chunk": lambda x, chunks, dim=0: _split(x, -(-x.shape[dim] // chunks), dim),
    "index_select": lambda x, dim, index: ops.take(x, index, axis=dim),
    "gather": lambda x, dim, index: ops.take_along_axis(x, index, axis=dim),
    "masked_fill": lambda x, mask, value: ops.where(mask, value, x),
    "size": lambda x, dim=None: x.shape if dim is None else x.shape[dim],
    "dim": lambda x: x.ndim,
    "embedding": lambda indices, weight: weight[indices],
    "linear": _linear,
    "dropout": _dropout,
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "silu": lambda x: x * ops.sigmoid(x),
    "softplus": lambda x, beta=1.0, threshold=20: ops.softplus(beta * x) / beta,
    "log_sigmoid": lambda x: -ops.softplus(-x),
    "leaky_relu": lambda x, negative_slope=0.01: ops.where(x > 0, x, negative_slope * x),
    "elu": lambda x, alpha=1.0: ops.where(x > 0, x, alpha * ops.expm1(ops.minimum(x, 0))),
    "cross_entropy": _softmax_cross_entropy,
    "nll_loss": _negative_log_likelihood,
    "kl_div": _divergence,
}
