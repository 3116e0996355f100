"""The whole idea in one file: why the gradient of softmax with cross-entropy is a − y.

An operation is declared once: what it computes, one rule per argument, how it is written. A rule is
read three ways: fed arrays, it gives numbers; fed Tensors, the graph of the gradient; fed formulas,
the derivation. So the three cannot disagree. Numbers and vectors suffice here; the package does the
same for matrices and many more operations, in the rooms that the headings name.

Run it: ``python tutorials/micro.py``. It needs NumPy and graphviz.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import Any

import graphviz
import numpy as np

# --- operations, declared once (core/op.py, ops/) -------------------------------------------------


class Op:
    """An operation: its notation, its forward on arrays, and a rule for each argument, or None."""

    def __init__(self, text: str, forward: Callable[..., Any], *rules: Any) -> None:
        self.text, self.forward, self.rules = text, forward, rules

    def __call__(self, *args: Any) -> Any:
        """Compute with arrays; what is computed with Tensors or formulas is recorded."""
        recorder = next((x for x in args if isinstance(x, Node)), None)
        return recorder.record(self, args) if recorder else self.forward(*args)


class Node:
    """What a rule can be fed beside arrays; its operators are the operations below."""

    __array_ufunc__ = None  # NumPy defers to the reflected operators
    record: Callable[..., Any]


# g is the gradient that has come to the result `out`; a rule sends it on to one argument.
add = Op("{} + {}", np.add, lambda g, out, x, y: g, lambda g, out, x, y: g)
subtract = Op("{} − {}", np.subtract, lambda g, out, x, y: g, lambda g, out, x, y: -g)
multiply = Op("{} ⊙ {}", np.multiply, lambda g, out, x, y: g * y, lambda g, out, x, y: g * x)
divide = Op("{}/{}", np.divide, lambda g, out, x, y: g / y, lambda g, out, x, y: -(g * out / y))
negative = Op("−{}", np.negative, lambda g, out, x: -g)
exp = Op("exp({})", np.exp, lambda g, out, x: g * out)
log = Op("log({})", np.log, lambda g, out, x: g / x)
total = Op("Σ{}", np.sum, lambda g, out, x: spread(g, x))
spread = Op("{}", lambda s, like: np.full(np.shape(like), s), lambda g, out, s, like: g, None)

for sign, op in {"add": add, "sub": subtract, "mul": multiply, "truediv": divide}.items():
    setattr(Node, f"__{sign}__", lambda x, y, op=op: op(x, y))
    setattr(Node, f"__r{sign}__", lambda x, y, op=op: op(y, x))
setattr(Node, "__neg__", lambda x: negative(x))  # noqa: B010  # as above

# --- Tensors: what was computed, and from what (core/node.py, core/graph.py, tensor.py) -----------


class Tensor(Node):
    """A number or a vector that remembers the operation and the arguments it came from."""

    serials = count()  # arguments exist before their results

    def __init__(self, data: Any, name: str = "", op: Op | None = None, args: Any = ()) -> None:
        self.data, self.name, self.op, self.args = np.asarray(data, float), name, op, args
        self.serial, self.grad = next(self.serials), np.zeros(np.shape(data))

    def record(self, op: Op, args: tuple[Any, ...]) -> Tensor:
        """Compute, and remember how."""
        return Tensor(op.forward(*map(numbers, args)), "", op, args)

    def backward(self) -> None:
        """Add the gradient of this number to `.grad` of all that it was made from."""
        for tensor, g in propagate(self, np.ones(()), numbers).items():
            tensor.grad = tensor.grad + g


def numbers(value: Any) -> Any:
    """Return the array of a Tensor; a number is its own."""
    return value.data if isinstance(value, Tensor) else value


def ancestors(output: Tensor) -> list[Tensor]:
    """Return all that a Tensor was made from, arguments first, itself last."""
    found, pending = {output}, [output]
    while pending:
        new = {x for x in pending.pop().args if isinstance(x, Tensor)} - found
        found |= new
        pending += new
    return sorted(found, key=lambda tensor: tensor.serial)


# --- the backward pass: one loop, three readings (core/backward.py) ------------------------------


def propagate(output: Tensor, seed: Any, read: Callable[[Any], Any]) -> dict[Tensor, Any]:
    """Send a gradient back; `read` says as what the rules are fed a Tensor."""
    totals = {output: seed}
    for tensor in reversed(ancestors(output)):
        if tensor not in totals:
            continue
        g = totals[tensor]
        for index, argument in enumerate(tensor.args):
            if isinstance(argument, Tensor) and tensor.op.rules[index]:
                part = vjp(tensor, index, g, read)
                totals[argument] = totals[argument] + part if argument in totals else part
    return totals


def vjp(tensor: Tensor, index: int, g: Any, read: Callable[[Any], Any]) -> Any:
    """Return what a Tensor hands of its gradient g to one argument, of the argument's shape."""
    part = tensor.op.rules[index](g, read(tensor), *map(read, tensor.args))
    return unbroadcast(part, tensor, tensor.args[index])


def unbroadcast(part: Any, tensor: Tensor, argument: Tensor) -> Any:
    """Add up where a number was spread over all entries."""
    return total(part) if tensor.data.ndim > argument.data.ndim else part


def gradients(output: Tensor, wrt: Tensor) -> Tensor:
    """Differentiate a number: the gradient is a graph, too."""
    return propagate(output, Tensor(1.0), lambda value: value)[wrt]


# --- formulas: sums of products of powers (symbolic/algebra, symbolic/notation) -------------------


@dataclass(frozen=True)
class Atom:
    """What is multiplied: a letter, an operation on a formula, or, without either, a sum."""

    op: Op | None
    inside: Any
    vector: bool = True

    def __str__(self) -> str:
        text = str(self.inside)
        bare = text.isalnum() or self.op in (exp, log)  # these bring parentheses
        return (self.op.text if self.op else "{}").format(text if bare else f"({text})")


LENGTH = Atom(None, "N", vector=False)


@dataclass(frozen=True)
class Formula(Node):
    """A sum of terms: atoms with their powers, and a coefficient.

    Multiplying out, collecting equal terms and cancelling x/x are in this form already.
    """

    terms: frozenset[tuple[frozenset[tuple[Atom, int]], float]]

    @property
    def vector(self) -> bool:
        """Whether any part of it is a vector."""
        return any(atom.vector for powers, _ in self.terms for atom, _ in powers)

    def record(self, op: Op, args: tuple[Any, ...]) -> Formula:
        """Apply an operation to formulas and numbers."""
        x, *more = (a if isinstance(a, Formula) else formula([((), a)]) for a in args)
        y = more[0] if more else x
        if op is negative or op is subtract:
            return formula([*(x.terms if op is subtract else ()), *((p, -c) for p, c in y.terms)])
        if op is add:
            return formula([*x.terms, *y.terms])
        if op is multiply:
            return formula([([*p, *q], c * d) for p, c in x.terms for q, d in y.terms])
        if op is divide:
            flipped = [([(atom, -k) for atom, k in p], 1 / c) for p, c in y.terms]
            group = Atom(None, y, y.vector)
            return x * (formula(flipped) if len(flipped) == 1 else formula([([(group, -1)], 1)]))
        if op is total:  # a number is added up as often as there are entries
            parts = [formula([row]) for row in x.terms]
            counted = [part * atomic(LENGTH) for part in parts if not part.vector]
            rest = sum((part for part in parts if part.vector), formula([]))
            return sum(counted, atomic(Atom(total, rest, vector=False)) if rest.terms else rest)
        return x if op is spread else atomic(Atom(op, x, x.vector))

    def evaluate(self, letters: dict[str, Any]) -> Any:
        """Put arrays in and get numbers; put Tensors in and get a graph."""
        whole: Any = 0.0
        for powers, c in ordered(self):
            product: Any = abs(c)
            for atom, k in powers:
                inside = atom.inside
                value = inside.evaluate(letters) if isinstance(inside, Formula) else letters[inside]
                value = atom.op(value) if atom.op else value
                for _ in range(abs(k)):
                    product = product * value if k > 0 else product / value
            whole = whole - product if c < 0 else whole + product
        return whole

    def __str__(self) -> str:
        text = ""
        for powers, c in ordered(self):
            above = [raised(atom, k) for atom, k in powers if k > 0]
            below = [raised(atom, -k) for atom, k in powers if k < 0]
            above = above if above and abs(c) == 1 else [f"{abs(c):.12g}", *above]
            text += (" − " if c < 0 else " + ") + beside(above)
            text += f"/({beside(below)})" if len(below) > 1 else "".join("/" + b for b in below)
        return text.removeprefix(" + ").removeprefix(" ") or "0"


def raised(atom: Atom, k: int) -> str:
    """Write a power; behind a Σ it would belong to what is added up."""
    text = f"({atom})" if atom.op is total and k > 1 else str(atom)
    return f"{text}^{k}" if k > 1 else text


def formula(terms: Iterable[tuple[Iterable[tuple[Atom, int]], float]]) -> Formula:
    """Collect powers of one atom, and terms with the same powers."""
    collected: dict[Any, float] = defaultdict(float)
    for powers, c in terms:
        found: dict[Atom, int] = defaultdict(int)
        for atom, k in powers:
            found[atom] += k
        collected[frozenset((atom, k) for atom, k in found.items() if k)] += c
    return Formula(frozenset((powers, c) for powers, c in collected.items() if c))


def letter(tensor: Tensor) -> Atom:
    """Return the letter of a Tensor that has a name."""
    return Atom(None, tensor.name, tensor.data.ndim > 0)


def atomic(atom: Atom) -> Formula:
    """Return the formula of one atom."""
    return formula([([(atom, 1)], 1.0)])


def beside(factors: list[str]) -> str:
    """Write a product; a Σ would reach over what follows it."""
    *others, last = factors
    return " ⊙ ".join([*(f"({x})" if x.startswith("Σ") else x for x in others), last])


def ordered(shown: Formula) -> list[tuple[list[tuple[Atom, int]], float]]:
    """Return the terms in the order in which they are written, those with a minus last."""
    rows = [(sorted(powers, key=lambda row: str(row[0])), c) for powers, c in shown.terms]
    return sorted(rows, key=lambda row: (row[1] < 0, str(row[0])))


# --- the derivation: one law, one step (symbolic/derive) ------------------------------------------


def rewritten(shown: Formula, law: Callable[[Atom], Formula]) -> Formula:
    """Put in place of each atom what a law makes of it."""
    whole = formula([])
    for powers, c in shown.terms:
        product = formula([((), c)])
        for atom, k in powers:
            if isinstance(atom.inside, Formula):
                atom = replace(atom, inside=rewritten(atom.inside, law))
            for _ in range(abs(k)):
                product = product * law(atom) if k > 0 else product / law(atom)
        whole = whole + product
    return whole


def out_of_sum(atom: Atom) -> Formula:
    """Σ(s·x + y) = s·Σx + Σy, where s is a number."""
    if atom.op is not total:
        return atomic(atom)
    whole = formula([])
    for powers, c in atom.inside.terms:
        vectors = [row for row in powers if row[0].vector]
        outside = formula([([row for row in powers if not row[0].vector], c)])
        whole = whole + outside * total(formula([(vectors, 1.0)]))
    return whole


def one_for_sum(what: Formula, atom: Atom) -> Formula:
    """Σy = 1, which is assumed of y."""
    return formula([((), 1.0)]) if atom == Atom(total, what, vector=False) else atomic(atom)


def named(shown: Formula, name: Atom, meaning: Formula) -> Formula:
    """Write a letter wherever a term holds all of its definition."""
    ((wanted, scale),) = meaning.terms
    terms = []
    for powers, c in shown.terms:
        holds = wanted and all(dict(powers).get(atom, 0) * k >= k * k for atom, k in wanted)
        swap = [(name, 1), *((atom, -k) for atom, k in wanted)] if holds else []
        terms.append(([*powers, *swap], c / scale if holds else c))
    return formula(terms)


def derive(output: Tensor, wrt: Tensor, ones: Iterable[Tensor] = ()) -> list[tuple[str, Formula]]:
    """Return a gradient as a formula, law by law; each of `ones` is assumed to sum to 1."""
    read: dict[Any, Formula] = {}
    laws: dict[str, Callable[[Formula], Formula]] = {}
    laws["numbers leave Σ"] = lambda shown: rewritten(shown, out_of_sum)
    for tensor in ones:
        law = partial(one_for_sum, atomic(letter(tensor)))
        laws[f"assumption Σ{tensor.name} = 1"] = partial(rewritten, law=law)
    for tensor in ancestors(output):
        if tensor.op:
            read[tensor] = tensor.op(*(read.get(x, x) for x in tensor.args))
        if tensor.name:
            if tensor.op and len(read[tensor].terms) == 1:
                law = partial(named, name=letter(tensor), meaning=read[tensor])
                laws[f"by definition {tensor.name} = {read[tensor]}"] = law
            read[tensor] = atomic(letter(tensor))
    start = propagate(output, formula([((), 1.0)]), lambda value: read.get(value, value))[wrt]
    steps = [("the chain rule", start)]
    while True:
        found = ((name, law(steps[-1][1])) for name, law in laws.items())
        step = next((step for step in found if step[1] != steps[-1][1]), None)
        if step is None:
            return steps
        steps.append(step)


# --- pictures (view/draw) -------------------------------------------------------------------------


def draw(output: Tensor) -> graphviz.Digraph:
    """Draw the graph that a Tensor was computed by."""
    picture = graphviz.Digraph(node_attr={"shape": "box", "style": "rounded"})
    called: dict[Any, str] = {}
    for tensor in ancestors(output):
        text = tensor.op.text.format(*(called.get(x, x) for x in tensor.args)) if tensor.op else ""
        called[tensor] = tensor.name or (text if text.isalnum() else f"({text})")
        title = " = ".join(filter(None, [tensor.name, text])) or "constant"
        picture.node(str(tensor.serial), f"{title}\n{np.round(tensor.data, 3)}")
        for argument in tensor.args:
            if isinstance(argument, Tensor):
                picture.edge(str(argument.serial), str(tensor.serial))
    return picture


# --- the lecture ----------------------------------------------------------------------------------


def main() -> None:
    """Derive a − y on three numbers, and draw the graph, its gradient, and what is left of it."""
    z, y = Tensor([1.47, -0.39, 0.22], "z"), Tensor([0.0, 1.0, 0.0], "y")
    e = exp(z)
    a = e / total(e)
    L = -total(y * log(a))
    for name, tensor in {"e": e, "a": a, "L": L}.items():
        tensor.name = name

    L.backward()
    print("numbers  ∂L/∂z =", z.grad.round(3))
    letters = {tensor.name: tensor for tensor in (z, y, e, a)}
    print("graph    ∂L/∂z =", gradients(L, z).data.round(3))
    print("formula  ∂L/∂z =")
    for law, shown in derive(L, z, ones=[y]):
        assert np.allclose(shown.evaluate(letters).data, z.grad, rtol=1e-12)
        print(f"    {shown!s:30} {law}")
    pictures = {"forward": L, "gradient": gradients(L, z), "result": shown.evaluate(letters)}
    for name, tensor in pictures.items():
        picture = draw(tensor)
        try:
            print("drawn   ", picture.render(outfile=f"build/micro/{name}.svg", cleanup=True))
        except graphviz.ExecutableNotFound:  # no Graphviz here to draw it with
            print("written ", picture.save(f"build/micro/{name}.dot"))


if __name__ == "__main__":
    main()
