"""Floor 1: the calculus table. Every operation, loss and penalty, each declared once."""

from tinygrad_edu.core.op import seal
from tinygrad_edu.ops import arithmetic, elementwise, linear, losses, penalties, reduce, shape
from tinygrad_edu.ops import dropout as _dropout
from tinygrad_edu.ops import softmax as _softmax
from tinygrad_edu.ops.arithmetic import *
from tinygrad_edu.ops.dropout import *
from tinygrad_edu.ops.elementwise import *
from tinygrad_edu.ops.linear import *
from tinygrad_edu.ops.losses import *
from tinygrad_edu.ops.penalties import *
from tinygrad_edu.ops.reduce import *
from tinygrad_edu.ops.shape import *
from tinygrad_edu.ops.softmax import *

#: The names of the public face, one module after the other.
PUBLIC: list[str] = [
    *arithmetic.__all__,
    *elementwise.__all__,
    *shape.__all__,
    *reduce.__all__,
    *linear.__all__,
    *_softmax.__all__,
    *losses.__all__,
    *penalties.__all__,
    *_dropout.__all__,
]

seal()
