"""Random calls of the public face with random arguments: a right answer, or a clear complaint.

Each call takes a function, a method, an operator or one of NumPy's functions, and arguments of any
type, shape and dtype. It may end in a result, which must be the same on Tensors as on arrays and
have the gradient that finite differences have; or in one of the exceptions that the documentation
names, with a message that says which operation complains.
"""

import contextlib
import inspect
import math
import operator
import re
import signal
import traceback
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.samples import CASES
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.numpy_functions import FUNCTIONS

#: Calls whose result is not a function of the arrays alone.
NOT_ON_ARRAYS = {"Tensor", "name", "setattr", "stop_gradient", "operator.iadd", "operator.imul"}
DOCUMENTED = (TypeError, ValueError, AttributeError, IndexError)
#: Seconds after which a call counts as hanging.
PATIENCE = 20

# --- arguments -----------------------------------------------------------------------------------

SHAPES = [(), (1,), (2,), (3,), (4,), (2, 3), (3, 2), (3, 3), (1, 3), (2, 1, 3), (0,), (0, 3)]
DTYPES = ["f8", "f8", "f8", "f4", "f2", "i8", "u1", "i2", "?", ">f8", ">i4"]
#: What holds no real numbers.
STRANGE = ["c16", "U3", "S2", "O", "M8[D]", "m8[s]", [("a", "f8")], "g"]
WORDS = ["mean", "none", "sum", "text", "", "ij,jk", "ii", "tanh", "float32", "edge", "C", "中文"]
FUNCTIONS_OF_ONE = [
    tg.sum,
    tg.softmax,
    lambda x: x * x,
    lambda x: None,
    lambda x: (x, x),
    lambda x: 3.0,
    lambda x: x.data if isinstance(x, tg.Tensor) else x,
    lambda x, y: x @ y,
    lambda: 1.0,
    lambda x: x.no_such_method(),
]


def array(rng: np.random.Generator, dtypes: Any = DTYPES) -> Any:
    dtype, shape = dtypes[rng.integers(len(dtypes))], SHAPES[rng.integers(len(SHAPES))]
    x = np.asarray(rng.normal(size=shape) * rng.choice([1.0, 1.0, 3.0]))
    if rng.random() < 0.1 and x.size:
        x[rng.random(shape) < 0.5] = rng.choice([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, 1e-310])
    with np.errstate(all="ignore"):
        if dtype == "O":
            return np.array(x, dtype=object)
        if dtype == [("a", "f8")]:
            return np.zeros(shape, dtype)
        if "8[" in dtype:
            return np.nan_to_num(x, posinf=0, neginf=0).astype("i8").astype(dtype)
        return x.astype(dtype)


def tensor(rng: np.random.Generator) -> tg.Tensor:
    if rng.random() < 0.1:
        return tg.Tensor(array(rng)) > 0  # holds truth values
    t = tg.Tensor(array(rng), name=str(rng.choice(["x", "a b", "α"])))
    return t if rng.random() < 0.7 else t * 2.0


def whole(rng: np.random.Generator) -> int:
    return int(rng.integers(-3, 5))


KINDS: list[tuple[int, Any]] = [
    (8, tensor),
    (5, array),
    (1, lambda rng: array(rng, STRANGE)),
    (4, whole),
    (2, lambda rng: float(rng.normal())),
    (1, lambda rng: rng.choice([math.nan, math.inf, -math.inf, 1e308, -0.0, 5e-324])),
    (1, lambda rng: [10**30, -(10**30), 2**63, -(2**63) - 1, 10**400][rng.integers(5)]),
    (1, lambda rng: bool(rng.random() < 0.5)),
    (1, lambda rng: None),
    (1, lambda rng: WORDS[rng.integers(len(WORDS))]),
    (1, lambda rng: tuple(whole(rng) for _ in range(rng.integers(4)))),
    (1, lambda rng: [whole(rng) for _ in range(rng.integers(4))]),
    (1, lambda rng: [[1.0, 2.0], [3.0]]),
    (1, lambda rng: [tensor(rng) for _ in range(rng.integers(4))]),
    (1, lambda rng: rng.normal(size=(2, 3)).tolist()),
    (1, lambda rng: array(rng).view(np.recarray) if rng.random() < 0.3 else np.matrix("1 2; 3 4")),
    (1, lambda rng: np.ma.array([1.0, 2.0], mask=[0, 1])),
    (1, lambda rng: FUNCTIONS_OF_ONE[rng.integers(len(FUNCTIONS_OF_ONE))]),
    (
        1,
        lambda rng: [
            *(1j, b"bytes", object(), object, {}, {"y": np.ones(2)}, set(), slice(None, 2), ...),
            *(Decimal("0.5"), Fraction(1, 3), range(3), iter([1.0]), np.float32, NotImplemented),
            *(
                np.random.default_rng(0),
                np.int64(1),
                np.float32(2.5),
                np.bool_(True),
                np.array("a"),
            ),
            *(np.complex64(1j), np.datetime64("2020-01-01"), memoryview(b"ab"), tg, np.newaxis),
        ][rng.integers(24)],
    ),
]
WEIGHTS = np.array([weight for weight, _ in KINDS]) / sum(weight for weight, _ in KINDS)


def argument(rng: np.random.Generator) -> Any:
    return KINDS[rng.choice(len(KINDS), p=WEIGHTS)][1](rng)


def near(rng: np.random.Generator, value: Any) -> Any:
    """Something like an argument that fits."""
    if rng.random() < 0.8:
        return value
    if isinstance(value, tg.Tensor) and rng.random() < 0.5:
        return value.data
    return argument(rng)


# --- calls ---------------------------------------------------------------------------------------


@dataclass
class Call:
    """One call, which can be made again with arrays in the place of Tensors."""

    name: str
    function: Any
    args: list[Any]
    kwargs: dict[str, Any]

    def __call__(self, *args: Any) -> Any:
        return self.function(*(args or self.args), **self.kwargs)

    def __str__(self) -> str:
        given = [*map(shown, self.args), *(f"{k}={shown(v)}" for k, v in self.kwargs.items())]
        return f"{self.name}({', '.join(given)})"


def shown(value: Any) -> str:
    if isinstance(value, tg.Tensor | np.ndarray):
        data = value.data if isinstance(value, tg.Tensor) else value
        return f"{type(value).__name__}{data.shape}:{data.dtype} {data.tolist()!r}"[:120]
    return repr(value)[:60]


OPERATORS = {
    **{f"operator.{name}": getattr(operator, name) for name in ("add", "sub", "mul", "truediv")},
    **{f"operator.{name}": getattr(operator, name) for name in ("pow", "matmul", "mod", "and_")},
    **{
        f"operator.{name}": getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
    },
    **{f"operator.{name}": getattr(operator, name) for name in ("iadd", "imul", "floordiv")},
    **{f"operator.{name}": getattr(operator, name) for name in ("getitem", "contains", "setitem")},
    **{f"operator.{name}": getattr(operator, name) for name in ("neg", "pos", "abs", "invert")},
    **{f.__name__: f for f in (len, bool, float, int, complex, list, str, repr, hash, divmod)},
    # NumPy's arrays do not know round(); what they answer to np.round is meant.
    "round": lambda x, *n: np.round(x, *n) if isinstance(x, np.ndarray) else round(x, *n),
    **{f.__name__: f for f in (format, iter, sum, max, sorted, reversed, range, bytes)},
}
PROPERTIES = ("data", "grad", "name", "shape", "value", "T", "op")
METHODS = [n for n in dir(tg.Tensor) if n[0] != "_" and callable(getattr(tg.Tensor, n))]
PUBLIC = sorted(n for n in {*dir(tg), *tg.ops.PUBLIC} if callable(getattr(tg, n)))
PUBLIC.remove("assert_gradients")  # whose answer is an AssertionError
PUBLIC.remove("from_torch")  # which needs PyTorch, and takes nothing of ours
NUMPY = [
    f
    for part in (np, np.linalg, np.fft)
    for name in dir(part)
    if not name.startswith(("_", "save"))
    and (isinstance(f := getattr(part, name), np.ufunc) or hasattr(f, "_implementation"))
]
PRIVATE = REGISTRY.keys() - set(PUBLIC)
USUAL = [case for case in CASES if case.name not in PRIVATE]
KEYWORDS = ["axis", "keepdims", "out", "where", "dtype", "initial", "name", "seed", "reduction"]


def keywords(rng: np.random.Generator, function: Any) -> dict[str, Any]:
    if rng.random() < 0.6:
        return {}
    names = list(KEYWORDS)
    with contextlib.suppress(TypeError, ValueError):
        names += 3 * list(inspect.signature(function).parameters)
    chosen = rng.choice(names, size=rng.integers(1, 3))
    return {str(name): argument(rng) for name in chosen if name not in ("args", "kwargs", "path")}


def call(rng: np.random.Generator) -> Call:
    """Draw a call: often of an operation, with arguments near to ones that fit."""
    kind = rng.random()
    count = int(rng.choice([0, 1, 1, 1, 2, 2, 2, 3, 4]))
    if kind < 0.3:
        case = USUAL[rng.integers(len(USUAL))]
        args = [near(rng, a) for a in case.arguments(seed=int(rng.integers(1000)))]
        attributes = {
            k: v if rng.random() < 0.6 else argument(rng) for k, v in case.attributes.items()
        }
        extra = keywords(rng, case.function) if rng.random() < 0.3 else {}
        return Call(case.name, case.function, args, {**attributes, **extra})
    if kind < 0.6:
        name = PUBLIC[rng.integers(len(PUBLIC))]
        function = getattr(tg, name)
        return Call(name, function, [argument(rng) for _ in range(count)], keywords(rng, function))
    if kind < 0.75:
        name = METHODS[rng.integers(len(METHODS))]
        function = getattr(tg.Tensor, name)
        args = [tensor(rng), *(argument(rng) for _ in range(count))]
        return Call(name, function, args, keywords(rng, function))
    if kind < 0.88:
        function = NUMPY[rng.integers(len(NUMPY))]
        args = [tensor(rng), *(argument(rng) for _ in range(count))]
        rng.shuffle(args) if rng.random() < 0.2 else None
        return Call(function.__name__, function, args, keywords(rng, function))
    if kind < 0.92:
        name = PROPERTIES[rng.integers(len(PROPERTIES))]
        return Call(name, setattr, [tensor(rng), name, argument(rng)], {})
    name = list(OPERATORS)[rng.integers(len(OPERATORS))]
    args = [tensor(rng), *(argument(rng) for _ in range(min(count, 2)))]
    if len(args) == 2 and rng.random() < 0.5:
        args.reverse()
    return Call(name, OPERATORS[name], args, {})


# --- judging what comes out ----------------------------------------------------------------------

KNOWN = {*PUBLIC, *REGISTRY, *METHODS, *OPERATORS, *PROPERTIES, "seed", "names"}


def names_the_op(call: Call, error: BaseException) -> bool:
    """Whether the message says which operation complains."""
    message = str(error)
    own = call.name.removeprefix("operator.").strip("_")
    start = re.match(r"(?:np\.)?(?:linalg\.|fft\.)?(\w+)[:. (]", message)
    return own in message or bool(start and start[1] in KNOWN)


def raised_by_python(error: BaseException) -> bool:
    """Whether Python or NumPy complains, before the package is called at all."""
    frames = traceback.extract_tb(error.__traceback__)
    return not any("tinygrad_edu" in f.filename and "tests" not in f.filename for f in frames)


def outcome(call: Call) -> tuple[Any, str]:
    """The result, and what is wrong with how the call ended; nothing if it is well."""
    try:
        with np.errstate(all="ignore"):
            return call(), ""
    except DOCUMENTED as error:
        inside = traceback.extract_tb(error.__traceback__)[-1]
        if names_the_op(call, error) or raised_by_python(error):
            return None, ""
        return (
            None,
            f"{type(error).__name__} without a name: {error} [{inside.filename}:{inside.lineno}]",
        )
    except Hang as error:
        return None, f"hangs: {error}"
    except Exception as error:
        inside = traceback.extract_tb(error.__traceback__)[-1]
        return None, f"{type(error).__name__}: {error} [{inside.filename}:{inside.lineno}]"


class Hang(Exception):
    """A call took too long."""


def arrays_of(value: Any) -> Any:
    if isinstance(value, tg.Tensor):
        return np.array(value.data)
    if isinstance(value, list | tuple):
        return type(value)(map(arrays_of, value))
    return value


def tensors_of(value: Any) -> list[tg.Tensor]:
    if isinstance(value, tg.Tensor):
        return [value]
    return [t for v in value for t in tensors_of(v)] if isinstance(value, list | tuple) else []


def wrong_answer(call: Call, out: Any) -> str:
    """Compare a Tensor with what the same call gives on arrays; its gradients with differences."""
    given = [*call.args, *call.kwargs.values()]
    once = any(isinstance(a, np.random.Generator) or hasattr(a, "__next__") for a in given)
    if not isinstance(out, tg.Tensor) or once or call.name in NOT_ON_ARRAYS:
        return ""
    kwargs = {name: arrays_of(value) for name, value in call.kwargs.items()}
    args = list(map(arrays_of, call.args))
    if call.function is getattr(tg.Tensor, call.name, None):
        args[0] = tg.Tensor(args[0])
    try:
        with np.errstate(all="ignore"):
            expected = arrays_of(call.function(*args, **kwargs))
    except Exception as error:
        if call.function in FUNCTIONS:  # NumPy's own function, which may take less
            return ""
        return f"on arrays {type(error).__name__}: {error}"
    found = out.data
    if np.shape(expected) != found.shape or found.dtype.kind not in "fiub":
        return f"{found.dtype}, shape {found.shape}; on arrays {np.shape(expected)}"
    dtypes = [a.dtype for a in (*args, found) if hasattr(a, "dtype") and a.dtype.kind == "f"]
    precision = max((np.finfo(d).eps for d in dtypes), default=1e-15)
    with np.errstate(all="ignore"):
        close = {"rtol": 1e4 * precision, "atol": 1e3 * precision, "equal_nan": True}
        if not np.allclose(found, expected, **close):
            return f"{found}, on arrays {expected}"
    return wrong_gradient(call, out)


def wrong_gradient(call: Call, out: tg.Tensor) -> str:
    """Check the shape and dtype of every gradient, and one direction where it can be measured."""
    xs = [t for t in call.args if isinstance(t, tg.Tensor) and t.dtype.kind == "f"]
    if out.dtype.kind != "f" or not xs:
        return ""
    rng = np.random.default_rng(len(xs))
    seed = rng.normal(size=out.shape).astype(out.dtype)
    try:
        with np.errstate(all="ignore"):
            found = tg.gradients(out, xs, seed)
    except Exception as error:
        return f"its gradient: {type(error).__name__}: {error}"
    for x, gradient in zip(xs, found, strict=True):
        if (gradient.shape, gradient.dtype) != (x.shape, x.dtype):
            return f"gradient {gradient.shape}:{gradient.dtype} for {x.shape}:{x.dtype}"
    if out.dtype != np.float64 or any(
        x.dtype != np.float64 or (abs(x.data) > 1e6).any() for x in xs
    ):
        return ""
    directions = [rng.choice([-1.0, 1.0], x.shape) * rng.uniform(0.5, 1, x.shape) for x in xs]
    slope, doubt = measured(call, xs, directions, seed)
    total = float(sum((g * d).sum() for g, d in zip(found, directions, strict=True)))
    if doubt < 1e-3 * (1 + abs(slope)) and not abs(total - slope) <= 1e-5 + 10 * doubt:
        return f"gradient {total} along a direction, and {slope} by differences"
    return ""


def measured(call: Call, xs: Any, directions: Any, seed: Any) -> tuple[float, float]:
    """The slope of seed·f along a direction, and how well it is known: not at all at a kink."""

    def along(h: float) -> float:
        moved = {id(x): tg.Tensor(x.data + h * d) for x, d in zip(xs, directions, strict=True)}
        return float((call(*(moved.get(id(a), a) for a in call.args)).data * seed).sum())

    try:
        with np.errstate(all="ignore"):
            h = 1e-4
            far, near, middle = (along(h), along(-h)), (along(h / 2), along(-h / 2)), along(0.0)
    except Exception:
        return 0.0, math.inf  # beside the point the call is refused: probabilities, for example
    wide, narrow = (far[0] - far[1]) / (2 * h), (near[0] - near[1]) / h
    kink = abs(near[0] + near[1] - 2 * middle) / h  # the slopes of the two sides differ by this
    best = (4 * narrow - wide) / 3
    doubt = abs(wide - narrow) + kink + 1e-15 * abs(middle) / h
    return (best, doubt) if math.isfinite(best + doubt) else (0.0, math.inf)


@pytest.fixture
def patience(untraced):
    """Interrupt a call that does not end."""

    def interrupt(*_):
        raise Hang

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda: signal.alarm(PATIENCE)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.filterwarnings("ignore")  # of NumPy, about what wrong arguments do
@pytest.mark.parametrize(
    "seeds", [range(2000), pytest.param(range(2000, 12_000), marks=pytest.mark.deep)], ids=len
)
def test_random_calls(seeds, patience, figures):
    wrong, answered = [], 0
    for seed in seeds:
        drawn = call(np.random.default_rng([seed, 4]))
        text = str(drawn)  # before the call, which may use up an iterator
        patience()
        out, complaint = outcome(drawn)
        answered += out is not None
        complaint = complaint or wrong_answer(drawn, out)
        if complaint:
            wrong.append(f"{seed}: {text}: {complaint}")
    figures.append(f"random calls: {len(seeds)}, of which {answered} had an answer")
    assert wrong == []
    assert answered > len(seeds) / 5


# --- what random calls have found ----------------------------------------------------------------

T = tg.Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: tg.roll(T, np.ones((2, 3))), "roll: an argument does not fit"),
        (lambda: tg.norm(T, 1j), "norm: an argument does not fit"),
        (lambda: tg.stack(2), "stack: an argument does not fit: 'int' object is not iterable"),
        (lambda: tg.entropy([0.5, 0.5], np.ones(2)), "entropy: an argument does not fit"),
        (lambda: tg.sum(T, axis=10**30), "sum: an argument does not fit: Python int too large"),
        (lambda: tg.maximum(T, 10**400), "maximum: an argument holds object values"),
        (lambda: tg.stack([10**30, tg.Tensor(1.0)]), "stack: an argument holds object values"),
        (lambda: tg.sum(10**400), "sum: an argument holds object values"),
        (lambda: tg.add(3, -(2**63) - 1), "add: an argument holds object values"),
        (lambda: T.count(axis=0.5), r"count: axis 0.5 of a tensor of shape \(2, 3\)"),
        (lambda: T.item(), r"item: a Tensor of shape \(2, 3\)"),
        (lambda: complex(T), r"item: a Tensor of shape \(2, 3\)"),
        (lambda: setattr(tg.Tensor(1.0), "grad", "text"), "grad: holds <U4 values"),
        (lambda: setattr(tg.Tensor(1.0), "data", [[1], [1, 2]]), "data: no array of numbers"),
        (lambda: T.backward([[1], [1, 2]]), "seed: no array of numbers"),
        (lambda: np.ones_like(T, T), "np.ones_like: an argument does not fit"),
        (lambda: tg.vjp(0, 1.0), "vjp: f is a int; pass a function"),
        (lambda: tg.grad("x"), "grad: f is a str; pass a function"),
        (lambda: tg.derive(T, wrt=T, names=[1]), "names: a list; pass a dict"),
        (lambda: tg.flip(T, (0, -2)), "flip: axis .* names one twice"),
        (lambda: tg.take(T, None), "take: indices of object values"),
        (lambda: tg.rint(np.ones(2), where=False), "rint: no attribute 'where'"),
        (lambda: tg.exp(np.ones(2), out=np.ones(2)), "exp: no attribute 'out'"),
        (lambda: T[np.ones((0, 3))], "getitem: an index is a whole number"),
    ],
)
def test_complaints_name_the_operation(wrong, complaint):
    with pytest.raises((TypeError, ValueError, IndexError), match=f"^{complaint}"):
        wrong()


def test_a_mask_is_no_mask_for_take():
    """NumPy takes truth values as the places 0 and 1."""
    t = tg.Tensor([5.0, 6.0])
    assert tg.take(t, [True, False]).data.tolist() == np.take(t.data, [True, False]).tolist()


def test_truth_values_beside_a_tensor_have_a_slope():
    t = tg.Tensor([1.0, 2.0])
    for f in (tg.hypot, tg.arctan2):
        expected = tg.gradients(f(1.0, t).sum(), t)
        assert tg.gradients(f(True, t).sum(), t).tolist() == expected.tolist()
