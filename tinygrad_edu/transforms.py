"""Functions of arrays, turned into functions that compute derivatives.

Every transform wraps its inputs in fresh vertices, so that nested ones never confuse what is
being differentiated. What the function was recorded to depend on decides what comes out: a Tensor
that comes from outside, as an argument, by keyword or closed over, gives Tensors, still in its
graph; else there are arrays. A Tensor that the function makes itself is its own affair.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import depends_on, differentiable
from tinygrad_edu.core.node import Node, Traced, next_serial
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.tensor import Tensor, leaf

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]

_CLOSED: Mapping[str, Any] = MappingProxyType({})  # the attributes of a leaf that nobody can reach


def _refuse_strange(name: str, f: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse keywords that the function does not take, by the name of the transform."""
    try:
        signature = inspect.signature(f)
    except ValueError:  # a function of C that does not tell
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}: {error}, among the arguments that are passed on") from None


class _Call:
    """One call of a function, with fresh vertices for the inputs numbered `numbers`.

    Vertices are numbered in the order in which they are made: a leaf that is older than the call
    comes from outside.
    """

    def __init__(
        self,
        name: str,
        f: Function,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        numbers: Sequence[int] = (0,),
    ) -> None:
        _refuse_no_function(f, name)
        self.began = next_serial()
        self.given = _any_vertex((*args, *kwargs.values()))
        if kwargs:
            _refuse_strange(name, f, args, kwargs)
        inputs = list(args)
        for n in numbers:
            inputs[n] = _fresh(args[n])
        self.inputs: list[Tensor] = [inputs[n] for n in numbers]
        out = f(*inputs, **kwargs)
        if isinstance(out, tuple | list | dict) or out is None:
            raise TypeError(
                f"{name}: the function returned a {type(out).__name__}; return one tensor "
                "(tg.stack joins several)"
            )
        self.out: Any = out if isinstance(out, Node) else leaf(out)  # constant in its inputs

    def reaches_outside(self, x: Node) -> bool:
        """Whether a gradient of `x` passes to a Tensor that was there before the call."""
        order = differentiable(x)
        outside = [
            node
            for node in order
            if node.op is None and node.serial < self.began and node.attributes is not _CLOSED
        ]
        return bool(outside) and x in depends_on(order, outside)

    def result(self, x: Any, *given: Any) -> Any:
        """Return a Tensor where one was given or is reached, else an array that the caller owns."""
        if not isinstance(x, Node):
            return x
        linked = self.given or _any_vertex(given) or self.reaches_outside(x)
        return x if linked else x.value if isinstance(x.value, Traced) else np.array(x.value)

    def derivatives(self, output: Node, wrt: Sequence[Node], seeds: Sequence[Any]) -> list[Any]:
        """Return the gradients of `output` for each seed, as a graph where they may need one."""
        graph = self.given or _any_vertex(seeds) or self.reaches_outside(output)
        return [gradients(output, wrt, seed, graph=graph) for seed in seeds]


def _any_vertex(values: Iterable[Any]) -> bool:
    return any(isinstance(value, Node) for value in values)


def _fresh(x: Any) -> Tensor:
    """Return a vertex of its own for an input: a leaf, or, for a Tensor, an alias in its graph."""
    if isinstance(x, Node):
        return cast("Tensor", ops.reshape(x, shape=x.shape))
    return leaf(x)


def _direction(name: str, v: Any, start: Tensor) -> Any:
    """Return what to differentiate along, of the shape and dtype of the input."""
    direction: Any = v if isinstance(v, Node | Traced) else np.asarray(v, dtype=start.dtype)
    if direction.shape != start.shape:
        raise ValueError(
            f"{name}: v has shape {direction.shape} and x {start.shape}; make them equal"
        )
    return direction


def _refuse_no_function(f: Any, name: str) -> None:
    if not callable(f):
        mend = "pass a function of arrays or Tensors"
        if isinstance(f, Node):
            mend = "pass the function that computed it, or write tg.gradients(loss, wrt)"
        raise TypeError(f"{name}: f is a {type(f).__name__}; {mend}")


@guided
def value_and_grad(f: Function, argnum: int | tuple[int, ...] = 0) -> Function:
    """Make a function that returns the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        From arrays or Tensors to a result with one entry.
    argnum : int or tuple of int, optional
        Which positional arguments to differentiate with respect to.

    Returns
    -------
    callable
        With the arguments of `f`; returns ``(value, gradient)``, the gradient a tuple if
        `argnum` is one.

    Raises
    ------
    ValueError
        On the call, if the result has several entries.

    Notes
    -----
    One backward pass, whatever the number of inputs (Griewank and Walther 2008, section 3.2).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.value_and_grad(lambda x: x**3)(2.0)
    (array(8.), array(12.))
    """
    _refuse_no_function(f, "value_and_grad")
    numbers = argnum if isinstance(argnum, tuple) else (argnum,)

    @functools.wraps(f, assigned=("__name__", "__doc__"), updated=())
    def differentiate(*args: Any, **kwargs: Any) -> Any:
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise ValueError(f"grad: argnum {n} of a call with {len(args)} argument(s)")
        if len({n % len(args) for n in numbers}) < len(numbers):
            raise ValueError(f"grad: argnum {argnum} names an argument twice; name each once")
        call = _Call("grad", f, args, kwargs, numbers)
        (found,) = call.derivatives(call.out, call.inputs, [None])
        slopes = tuple(map(call.result, found))
        return call.result(call.out), slopes if isinstance(argnum, tuple) else slopes[0]

    differentiate.made_by = "value_and_grad", f, argnum  # type: ignore[attr-defined]  # for compile
    return differentiate


@guided
def grad(f: Function, argnum: int | tuple[int, ...] = 0) -> Function:
    """Make the gradient function of a function with one result.

    Parameters
    ----------
    f : callable
        From arrays or Tensors to a result with one entry.
    argnum : int or tuple of int, optional
        Which positional arguments to differentiate with respect to.

    Returns
    -------
    callable
        With the arguments of `f`; returns the gradient, of the argument's shape. It can be
        differentiated again.

    Raises
    ------
    ValueError
        On the call, if the result has several entries.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.grad(tg.grad(lambda x: x**3))(2.0)
    array(12.)
    """
    _refuse_no_function(f, "grad")
    both = value_and_grad(f, argnum)

    @functools.wraps(f, assigned=("__name__", "__doc__"), updated=())
    def differentiate(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    differentiate.made_by = "grad", f, argnum  # type: ignore[attr-defined]  # for compile
    return differentiate


def vjp(f: Function, *x: Any, **kwargs: Any) -> tuple[Any, Function]:
    """Compute a function and what pulls a gradient of its result back to its inputs.

    Parameters
    ----------
    f : callable
        From arrays or Tensors to one tensor.
    *x : array_like or Tensor
        Where to linearise.
    **kwargs
        What `f` takes by keyword.

    Returns
    -------
    value : ndarray or Tensor
        f(x).
    pull_back : callable
        From a seed u of the result's shape to uᵀJ: one array per input, a single one for a
        single input.

    Raises
    ------
    ValueError
        From `pull_back`, if the seed has another shape.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> a, pull_back = tg.vjp(tg.softmax, [0.0, 1.0, 2.0])
    >>> pull_back([1.0, 0.0, 0.0]).round(4)
    array([ 0.0819, -0.022 , -0.0599])
    """
    call = _Call("vjp", f, x, kwargs, range(len(x)))
    for start in call.inputs:
        if start.op is None:
            start.attributes = _CLOSED  # by which `pull_back` alone can differentiate now

    def pull_back(seed: Any = None) -> Any:
        (found,) = call.derivatives(call.out, call.inputs, [seed])
        slopes = tuple(call.result(each, seed) for each in found)
        return slopes if len(x) != 1 else slopes[0]

    return call.result(call.out), pull_back


@guided
def jvp(f: Function, x: Any, v: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Compute a function and its derivative along a direction.

    Parameters
    ----------
    f : callable
        From one array or Tensor to one tensor.
    x : array_like or Tensor
        Where.
    v : array_like or Tensor
        The direction, of the shape of `x`.
    **kwargs
        What `f` takes by keyword.

    Returns
    -------
    value : ndarray or Tensor
        f(x).
    tangent : ndarray or Tensor
        J v, of the shape of f(x).

    Raises
    ------
    ValueError
        If `v` has another shape than `x`.

    Notes
    -----
    uᵀJ is linear in u, so its own reverse pass along v gives J v: forward mode from the same
    rules.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.jvp(lambda x: x**2, [1.0, 3.0], [1.0, 0.0])
    (array([1., 9.]), array([2., 0.]))
    """
    call = _Call("jvp", f, (x,), kwargs)
    (start,), out = call.inputs, call.out
    direction = _direction("jvp", v, start)
    dummy = Tensor(np.ones(out.shape, out.dtype))
    pulled = gradients(out, start, dummy, graph=True)
    ((tangent,),) = call.derivatives(pulled, [dummy], [direction])
    return call.result(out, v), call.result(tangent, v)


@guided
def jacobian(f: Function) -> Function:
    """Make the function that computes all partial derivatives of a function of one array.

    Parameters
    ----------
    f : callable
        From one array or Tensor to one tensor.

    Returns
    -------
    callable
        With the arguments of `f`, of which the first is x; returns J, of shape
        f(x).shape + x.shape.

    Raises
    ------
    TypeError
        On the call, if the function does not return one tensor.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.jacobian(tg.softmax)([0.0, 0.0])
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    _refuse_no_function(f, "jacobian")

    def differentiate(x: Any, *others: Any, **kwargs: Any) -> Any:
        call = _Call("jacobian", f, (x, *others), kwargs)
        (start,), out = call.inputs, call.out
        shape = out.shape + start.shape
        seeds = np.eye(out.size, dtype=out.dtype).reshape(out.size, *out.shape)
        rows = [row for (row,) in call.derivatives(out, [start], list(seeds))]
        if not rows:
            return call.result(Tensor(np.zeros(shape, start.dtype)))
        return call.result(ops.reshape(ops.stack(rows), shape=shape))

    return differentiate


@guided
def hessian(f: Function) -> Function:
    """Make the function that computes all second derivatives of a function of one array.

    Parameters
    ----------
    f : callable
        From one array or Tensor to a result with one entry.

    Returns
    -------
    callable
        With the arguments of `f`, of which the first is x; returns H, of shape
        x.shape + x.shape.

    Raises
    ------
    ValueError
        On the call, if the result has several entries.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.hessian(lambda x: (x**3).sum())([1.0, 2.0])
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    _refuse_no_function(f, "hessian")
    return jacobian(grad(f))


@guided
def hvp(f: Function, x: Any, v: Any, **kwargs: Any) -> Any:
    """Multiply the Hessian of a function by a vector, without forming it.

    Parameters
    ----------
    f : callable
        From one array or Tensor to a result with one entry.
    x : array_like or Tensor
        Where.
    v : array_like or Tensor
        Of the shape of `x`.
    **kwargs
        What `f` takes by keyword.

    Returns
    -------
    ndarray or Tensor
        H v, of the shape of `x`.

    Raises
    ------
    ValueError
        If the result has several entries or `v` has another shape than `x`.

    Notes
    -----
    H v = ∇(∇f · v) (Pearlmutter 1994): two backward passes, whatever the size of x.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.hvp(lambda x: (x**3).sum(), [1.0, 2.0], [1.0, 1.0])
    array([ 6., 12.])
    """
    call = _Call("hvp", f, (x,), kwargs)
    (start,) = call.inputs
    direction = _direction("hvp", v, start)
    slope = ops.sum(gradients(call.out, start, graph=True) * direction)
    ((product,),) = call.derivatives(slope, [start], [None])
    return call.result(product, v)
