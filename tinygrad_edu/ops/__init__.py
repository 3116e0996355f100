"""Floor 1: the calculus table. Every operation, loss and penalty, each declared once."""

from tinygrad_edu.core.op import seal
from tinygrad_edu.ops import (
    activations,
    arithmetic,
    cross_entropies,
    elementwise,
    exponentials,
    hyperbolic,
    joining,
    linear,
    losses,
    penalties,
    pick,
    piecewise,
    rearrange,
    reduce,
    running,
    shape,
    statements,
    targets,
    trigonometric,
)
from tinygrad_edu.ops import documentation as documentation  # what help shows
from tinygrad_edu.ops import dropout as _dropout
from tinygrad_edu.ops import operators as operators  # what Python's operators record
from tinygrad_edu.ops import softmax as _softmax
from tinygrad_edu.ops.activations import *
from tinygrad_edu.ops.arithmetic import *
from tinygrad_edu.ops.cross_entropies import *
from tinygrad_edu.ops.dropout import *
from tinygrad_edu.ops.elementwise import *
from tinygrad_edu.ops.exponentials import *
from tinygrad_edu.ops.hyperbolic import *
from tinygrad_edu.ops.joining import *
from tinygrad_edu.ops.linear import *
from tinygrad_edu.ops.losses import *
from tinygrad_edu.ops.penalties import *
from tinygrad_edu.ops.pick import *
from tinygrad_edu.ops.piecewise import *
from tinygrad_edu.ops.rearrange import *
from tinygrad_edu.ops.reduce import *
from tinygrad_edu.ops.running import *
from tinygrad_edu.ops.shape import *
from tinygrad_edu.ops.softmax import *
from tinygrad_edu.ops.statements import *
from tinygrad_edu.ops.targets import *
from tinygrad_edu.ops.trigonometric import *

#: The names of the public face, one module after the other.
PUBLIC: list[str] = [
    *arithmetic.__all__,
    *elementwise.__all__,
    *activations.__all__,
    *trigonometric.__all__,
    *hyperbolic.__all__,
    *exponentials.__all__,
    *piecewise.__all__,
    *statements.__all__,
    *shape.__all__,
    *rearrange.__all__,
    *joining.__all__,
    *pick.__all__,
    *reduce.__all__,
    *running.__all__,
    *linear.__all__,
    *_softmax.__all__,
    *targets.__all__,
    *cross_entropies.__all__,
    *losses.__all__,
    *penalties.__all__,
    *_dropout.__all__,
]

seal()
