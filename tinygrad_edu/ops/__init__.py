"""Floor 1: the calculus table. Every operation, loss and penalty, each declared once."""

from tinygrad_edu.core.op import Public, seal
from tinygrad_edu.ops import documentation as documentation  # what help shows
from tinygrad_edu.ops import operators as operators  # what Python's operators record
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

#: The names of all that is declared here.
PUBLIC: list[str] = [name for name, value in globals().items() if isinstance(value, Public)]

seal()
