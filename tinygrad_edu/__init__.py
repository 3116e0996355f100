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

The names that README and tutorials use follow, by what they are for; ``help(tg.softmax)`` explains
one. Everything else is reached by its name, too, such as ``tg.hypot``.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from tinygrad_edu.core.backward import gradients as gradients
from tinygrad_edu.core.op import op as op
from tinygrad_edu.elsewhere import lacks as _lacks
from tinygrad_edu.ops import *
from tinygrad_edu.tensor import Tensor as Tensor
from tinygrad_edu.tensor import name as name
from tinygrad_edu.transforms import *

if TYPE_CHECKING:
    from tinygrad_edu import data as data
    from tinygrad_edu import nn as nn
    from tinygrad_edu import optim as optim
    from tinygrad_edu import train as train
    from tinygrad_edu.check.definition import check_definition as check_definition
    from tinygrad_edu.check.gradcheck import assert_gradients as assert_gradients
    from tinygrad_edu.check.gradcheck import gradcheck as gradcheck
    from tinygrad_edu.check.nonfinite import find_nonfinite as find_nonfinite
    from tinygrad_edu.interop import from_torch as from_torch
    from tinygrad_edu.program import compile as compile
    from tinygrad_edu.symbolic.answers import check_answer as check_answer
    from tinygrad_edu.symbolic.answers import check_derivation as check_derivation
    from tinygrad_edu.symbolic.derive.derive import derive as derive
    from tinygrad_edu.symbolic.notation.reader import parse as parse
    from tinygrad_edu.symbolic.prove.prove import prove as prove
    from tinygrad_edu.view.draw import draw as draw
    from tinygrad_edu.view.insights.forces import forces as forces
    from tinygrad_edu.view.insights.routes import routes as routes
    from tinygrad_edu.view.insights.subnetworks import subnetwork as subnetwork
    from tinygrad_edu.view.insights.subnetworks import subnetworks as subnetworks
    from tinygrad_edu.view.page import explain as explain

#: What `dir` and `help` show, by what it is for. There is no ``__all__``: help would write out the
#: documentation of every name in it.
_SHOWN = {
    "Tensors": "Tensor name one_hot",
    "Entry by entry": (
        "abs clip exp gelu log maximum minimum relu sigmoid sign softplus sqrt tanh where xlogy"
    ),
    "Over axes": "logsumexp max mean min prod std sum var",
    "Shapes": ("broadcast_to concatenate expand_dims reshape squeeze stack swapaxes transpose"),
    "Products": "dot einsum matmul outer trace",
    "Probabilities": "entropy kl_divergence log_softmax softmax",
    "Losses": (
        "binary_cross_entropy cross_entropy mean_absolute_error mean_squared_error "
        "sigmoid_cross_entropy softmax_cross_entropy sum_squared_error"
    ),
    "Penalties": "dropout l1 l2 norm weight_decay",
    "Calculus": ("grad gradients hessian hvp jacobian jvp op stop_gradient value_and_grad vjp"),
    "Checks": "assert_gradients check_definition find_nonfinite gradcheck",
    "Why": (
        "check_answer check_derivation derive draw explain forces parse prove routes subnetwork "
        "subnetworks"
    ),
    "Programs": "compile",
    "Training": "data from_torch nn optim train",
}
__doc__ += "\n".join(f"\n{title}:\n    {names}" for title, names in _SHOWN.items()) + "\n"

# Loaded when they are first asked for, so that importing the package costs little more than NumPy.
_LAZY = {
    "assert_gradients": "tinygrad_edu.check.gradcheck",
    "check_answer": "tinygrad_edu.symbolic.answers",
    "check_definition": "tinygrad_edu.check.definition",
    "check_derivation": "tinygrad_edu.symbolic.answers",
    "compile": "tinygrad_edu.program",
    "data": "tinygrad_edu.data",
    "derive": "tinygrad_edu.symbolic.derive.derive",
    "draw": "tinygrad_edu.view.draw",
    "explain": "tinygrad_edu.view.page",
    "find_nonfinite": "tinygrad_edu.check.nonfinite",
    "from_torch": "tinygrad_edu.interop",
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


def _show_in_notebook(tensor: Tensor, **options: _Any) -> dict[str, str]:
    """Show a Tensor as its graph; pictures live on a floor above Tensors, so it is set here."""
    from tinygrad_edu.view.draw import notebook

    return notebook(tensor)


Tensor._repr_mimebundle_ = _show_in_notebook
# Modules that nobody means who types tg.tensor(x), tg.linear or tg.losses.
for _name in [n for n, v in globals().items() if repr(v).startswith("<module 'tinygrad_edu.ops.")]:
    del globals()[_name]
del globals()["tensor"], _name


def __getattr__(attribute: str) -> _Any:
    if attribute == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("tinygrad_edu")
        except PackageNotFoundError:  # read from a folder that was not installed
            return "unknown"
    if attribute not in _LAZY:
        raise _lacks(__name__, attribute, {*globals(), *_LAZY})
    module = _import_module(_LAZY[attribute])
    whole = module.__name__ == f"{__name__}.{attribute}"
    value = module if whole else getattr(module, attribute)
    globals()[attribute] = value
    return value


def __dir__() -> list[str]:
    return sorted(name for names in _SHOWN.values() for name in names.split())
