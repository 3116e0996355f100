"""See why the gradient is what it is: autograd on NumPy, with derivations and pictures.

Tensors are what you differentiate; NumPy arrays and Python numbers are constants.

>>> import tinygrad_edu as tg
>>> z = tg.Tensor([1.47, -0.39, 0.22])
>>> y = tg.Tensor([0.0, 1.0, 0.0])
>>> a = tg.softmax(z)
>>> L = tg.cross_entropy(a, y)
>>> L.backward()
>>> z.grad.round(2)
array([ 0.69, -0.89,  0.2 ])
>>> print(tg.derive(L, wrt=z).result)
a − y
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.op import op
from tinygrad_edu.ops import *
from tinygrad_edu.tensor import Tensor, name
from tinygrad_edu.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from tinygrad_edu import data, nn, optim, train
    from tinygrad_edu.check.definition import check_definition
    from tinygrad_edu.check.gradcheck import assert_gradients, gradcheck
    from tinygrad_edu.check.nonfinite import find_nonfinite
    from tinygrad_edu.program import compile
    from tinygrad_edu.symbolic.answers import check_answer
    from tinygrad_edu.symbolic.derive.derive import derive
    from tinygrad_edu.symbolic.notation.reader import parse
    from tinygrad_edu.symbolic.prove.prove import prove
    from tinygrad_edu.view.draw import draw
    from tinygrad_edu.view.insights.forces import forces
    from tinygrad_edu.view.insights.routes import routes
    from tinygrad_edu.view.insights.subnetworks import subnetwork, subnetworks
    from tinygrad_edu.view.page import explain

__all__ = [
    *ops.PUBLIC,
    "Tensor",
    "assert_gradients",
    "check_answer",
    "check_definition",
    "compile",
    "data",
    "derive",
    "draw",
    "explain",
    "find_nonfinite",
    "forces",
    "grad",
    "gradcheck",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "name",
    "nn",
    "op",
    "optim",
    "parse",
    "prove",
    "routes",
    "subnetwork",
    "subnetworks",
    "train",
    "value_and_grad",
    "vjp",
]

# Loaded when they are first asked for, so that importing the package costs little more than NumPy.
_LAZY = {
    "assert_gradients": "tinygrad_edu.check.gradcheck",
    "check_answer": "tinygrad_edu.symbolic.answers",
    "check_definition": "tinygrad_edu.check.definition",
    "compile": "tinygrad_edu.program",
    "data": "tinygrad_edu.data",
    "derive": "tinygrad_edu.symbolic.derive.derive",
    "draw": "tinygrad_edu.view.draw",
    "explain": "tinygrad_edu.view.page",
    "find_nonfinite": "tinygrad_edu.check.nonfinite",
    "forces": "tinygrad_edu.view.insights.forces",
    "gradcheck": "tinygrad_edu.check.gradcheck",
    "nn": "tinygrad_edu.nn",
    "optim": "tinygrad_edu.optim",
    "parse": "tinygrad_edu.symbolic.notation.reader",
    "prove": "tinygrad_edu.symbolic.prove.prove",
    "routes": "tinygrad_edu.view.insights.routes",
    "subnetwork": "tinygrad_edu.view.insights.subnetworks",
    "subnetworks": "tinygrad_edu.view.insights.subnetworks",
    "train": "tinygrad_edu.train",
}


def _show_in_notebook(tensor: Tensor, **options: Any) -> dict[str, str]:
    """Show a Tensor as its graph; pictures live on a floor above Tensors, so it is set here."""
    from tinygrad_edu.view.draw import notebook

    return notebook(tensor)


Tensor._repr_mimebundle_ = _show_in_notebook


def __getattr__(attribute: str) -> Any:
    if attribute == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("tinygrad_edu")
        except PackageNotFoundError:  # read from a folder that was not installed
            return "unknown"
    if attribute not in _LAZY:
        raise AttributeError(f"module 'tinygrad_edu' has no attribute {attribute!r}")
    module = import_module(_LAZY[attribute])
    whole = module.__name__ == f"{__name__}.{attribute}"
    value = module if whole else getattr(module, attribute)
    globals()[attribute] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
