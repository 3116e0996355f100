"""tinygrad_edu: see why the gradient is what it is."""

from tinygrad_edu import ops
from tinygrad_edu.core.gradients import gradients
from tinygrad_edu.core.op import op
from tinygrad_edu.ops import *
from tinygrad_edu.tensor import Tensor, name
from tinygrad_edu.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from tinygrad_edu.symbolic.derive import derive
