"""Functions of arrays, turned into functions that compute derivatives.

Every transform wraps its inputs in fresh Tensors, so that nested ones never confuse what is
being differentiated. Arrays and numbers give arrays; Tensors give Tensors, still in the graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.gradients import gradients
from tinygrad_edu.core.node import Node
from tinygrad_edu.tensor import Tensor

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Function = Callable[..., Any]


def _fresh(x: Any) -> Tensor:
    """Return a vertex of its own for an input: a leaf, or, for a Tensor, an alias in its graph."""
    if isinstance(x, Node):
        return cast("Tensor", ops.reshape(x, shape=x.shape))
    return Tensor(x)


def _result(x: Any, *given: Any) -> Any:
    """Return a Tensor where any input was one, else an array that the caller owns."""
    if any(isinstance(g, Node) for g in given):
        return x
    return np.array(x.value) if isinstance(x, Node) else np.asarray(x)


def _refuse_no_function(f: Any, name: str) -> None:
    if not callable(f):
        raise TypeError(f"{name}: f is a {type(f).__name__}; pass a function of arrays or Tensors")


def _output(f: Function, args: tuple[Any, ...], name: str) -> Any:
    _refuse_no_function(f, name)
    out = f(*args)
    if isinstance(out, tuple | list | dict) or out is None:
        raise TypeError(
            f"{name}: the function returned a {type(out).__name__}; return one tensor (tg.stack "
            "joins several)"
        )
    return out if isinstance(out, Node) else Tensor(out)  # constant in its inputs


def _derivative(out: Tensor, wrt: Any, seed: Any, given: tuple[Any, ...]) -> Any:
    graph = any(isinstance(g, Node) for g in given)
    return gradients(out, wrt, seed, graph=graph)


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
    _refuse_no_function(f, "grad")
    numbers = argnum if isinstance(argnum, tuple) else (argnum,)

    @functools.wraps(f, assigned=("__name__", "__doc__"), updated=())
    def differentiate(*args: Any, **kwargs: Any) -> Any:
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise ValueError(f"grad: argnum {n} of a call with {len(args)} argument(s)")
        if len({n % len(args) for n in numbers}) < len(numbers):
            raise ValueError(f"grad: argnum {argnum} names an argument twice; name each once")
        inputs = list(args)
        wrt = []
        for n in numbers:
            inputs[n] = _fresh(args[n])
            wrt.append(inputs[n])
        out = _output(functools.partial(f, **kwargs), tuple(inputs), "grad")
        found = _derivative(out, wrt, None, args)
        return _result(out, *args), tuple(found) if isinstance(argnum, tuple) else found[0]

    return differentiate


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
    both = value_and_grad(f, argnum)

    def differentiate(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return differentiate


def vjp(f: Function, *x: Any) -> tuple[Any, Function]:
    """Compute a function and what pulls a gradient of its result back to its inputs.

    Parameters
    ----------
    f : callable
        From arrays or Tensors to one tensor.
    *x : array_like or Tensor
        Where to linearise.

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
    inputs = [_fresh(each) for each in x]
    out = _output(f, tuple(inputs), "vjp")

    def pull_back(seed: Any = None) -> Any:
        found = _derivative(out, inputs, seed, (*x, seed))
        return tuple(found) if len(x) != 1 else found[0]

    return _result(out, *x), pull_back


def jvp(f: Function, x: Any, v: Any) -> tuple[Any, Any]:
    """Compute a function and its derivative along a direction.

    Parameters
    ----------
    f : callable
        From one array or Tensor to one tensor.
    x : array_like or Tensor
        Where.
    v : array_like or Tensor
        The direction, of the shape of `x`.

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
    start = _fresh(x)
    out = _output(f, (start,), "jvp")
    dummy = Tensor(np.ones(out.shape, out.dtype))
    pulled = gradients(out, start, dummy, graph=True)
    direction = v if isinstance(v, Node) else np.asarray(v, dtype=start.dtype)
    if direction.shape != start.shape:
        raise ValueError(f"jvp: v has shape {direction.shape} and x {start.shape}; make them equal")
    return _result(out, x, v), _derivative(pulled, dummy, direction, (x, v))


def jacobian(f: Function) -> Function:
    """Make the function that computes all partial derivatives of a function of one array.

    Parameters
    ----------
    f : callable
        From one array or Tensor to one tensor.

    Returns
    -------
    callable
        From x to J, of shape f(x).shape + x.shape.

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

    def differentiate(x: Any) -> Any:
        start = _fresh(x)
        out = _output(f, (start,), "jacobian")
        seeds = np.eye(max(out.size, 1), dtype=out.dtype)[: out.size]
        rows = [_derivative(out, start, seed.reshape(out.shape), (x,)) for seed in seeds]
        shape = out.shape + start.shape
        if not rows:
            return _result(Tensor(np.zeros(shape, start.dtype)), x)
        if isinstance(x, Node):
            return ops.reshape(ops.stack(rows), shape=shape)
        return np.stack(rows).reshape(shape)

    return differentiate


def hessian(f: Function) -> Function:
    """Make the function that computes all second derivatives of a function of one array.

    Parameters
    ----------
    f : callable
        From one array or Tensor to a result with one entry.

    Returns
    -------
    callable
        From x to H, of shape x.shape + x.shape.

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
    return jacobian(grad(f))


def hvp(f: Function, x: Any, v: Any) -> Any:
    """Multiply the Hessian of a function by a vector, without forming it.

    Parameters
    ----------
    f : callable
        From one array or Tensor to a result with one entry.
    x : array_like or Tensor
        Where.
    v : array_like or Tensor
        Of the shape of `x`.

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
    start = _fresh(x)
    direction = v if isinstance(v, Node) else np.asarray(v, dtype=start.dtype)
    if direction.shape != start.shape:
        raise ValueError(f"hvp: v has shape {direction.shape} and x {start.shape}; make them equal")
    first = gradients(_output(f, (start,), "hvp"), start, graph=True)
    return _derivative(ops.sum(first * direction), start, None, (x, v))
