"""Check a certificate of a derivation or a proof: python tools/verify.py FILE.

It needs the standard library alone, and trusts nothing but its own arithmetic: it draws points and
sizes and computes in the integers modulo 2^61 - 1, with functions as random letters. In a
derivation the start must be the chain rule of the graph by the local rules, these must be the
derivatives of what the vertices compute, both sides of each step must be equal, by the laws that it
names, and the end must be the last form. In a proof both sides must be what the graphs compute.
It prints "accepted" and what it took as given, or "refused" and the first reason, with status 1.
"""
# fmt: off

import functools, hashlib, itertools, json, math, pathlib, random, sys
from fractions import Fraction as F

P, ROOTS = (1 << 61) - 1, 720720  # the prime; e^x is a power with the exponent ROOTS, so that it has roots
SIZES, MORE = ((2, 3), (4, 5), (6, 7)), 10  # of lengths, at three points; points where signs decide

ODD, EVEN = ("sin", "sinh", "tan", "tanh"), ("cos", "cosh")

class Refused(Exception): """Why a certificate does not hold."""
class Again(Refused): """A division by zero: another point has to be drawn."""
def need(condition, reason):
    if not condition: raise Refused(reason)
def inverse(value):
    if not value % P: raise Again
    return pow(value, -1, P)
fraction = functools.cache(F)
rational = functools.cache(lambda text: F(text).numerator * pow(F(text).denominator, -1, P))
class D:
    """A number with a tangent, v + t·ε: what is computed with it carries its derivative along."""
    def __init__(self, v, t=0): self.v, self.t = v % P, t % P
    def __add__(self, other): return D(self.v + other.v, self.t + other.t)
    def __mul__(self, other): return D(self.v * other.v, self.v * other.t + self.t * other.v)
    def __neg__(self): return D(-self.v, -self.t)
    def raised(self, n, power=lambda v, n: pow(v if n >= 0 else inverse(v), abs(int(n)), P)):
        return D(power(self.v, n), self.t and n and self.t * rational(n) * power(self.v, n - 1))

class Point:
    """Sizes, numbers for letters, and random functions."""
    def __init__(self, cert, seed, size, sums=(), laws=(), ties=False):
        self.seed, self.random, self.given = seed, random.Random(seed), cert["letters"]
        turn = self.random.randrange(2)  # two lengths are told apart by one of the three sizes
        self.lengths = {name: each["length"] if each["fixed"] else SIZES[size][(n >> size ^ turn) & 1]
                        for n, (name, each) in enumerate(cert["lengths"].items())}
        self.laws = [LAWS[law] for law in laws]
        self.memo, self.arrays, self.vague, self.piecewise = {}, {}, False, False
        one, other = self.random.randrange(1, P), self.random.randrange(1, P)
        self.pool = (0, one, P - one, other) if ties else range(P)
        for letter, axis in sums:
            x = self.drawn(letter)  # without an axis it is symmetric
            self.arrays[letter] = {i: x[min(i, i[::-1])] for i in x} if axis is None else one_along(x, axis)
    def length(self, label): return 1 if label is None else self.lengths[label.split(":")[0].split("@")[0]]
    def places(self, axes): return itertools.product(*(range(self.length(label)) for label in axes))
    def drawn(self, letter):
        places = list(self.places(self.given[letter]["axes"]))
        if self.given[letter]["mask"]:  # both values, where there is room for both
            return dict(zip(places, map(D, self.random.sample([0, 1] * len(places), len(places)))))
        return {i: D(self.random.choice(self.pool)) for i in places}
    def once(self, key, make):
        if key not in self.memo: self.memo[key] = make()
        return self.memo[key]
    def letter(self, number):
        axes, meaning = self.given[number]["axes"], self.given[number]["definition"]
        if number not in self.arrays: self.arrays[number] = self.array(meaning, axes) if meaning else self.drawn(number)
        return self.arrays[number]
    def array(self, tree, axes):
        """Return the entries of a formula over axes, by their places."""
        need(set(self.free(tree)) <= set(axes), "a formula has an index that its axes lack")
        return {i: self.value(tree, dict(zip(axes, i))) for i in self.places(axes)}
    def free(self, tree):
        """Return the free indices of a formula."""
        def find():
            own = {"delta": tree[1:], "letter": tree[-1], "whole": tree[-1]}
            inside = own[tree[0]] if tree[0] in own else itertools.chain(*map(self.free, parts_of(tree)))
            return sorted({a for a in inside if a and "@" not in a} - {tree[1] if tree[0] == "sum" else None})
        return self.once(("free", id(tree)), find)
    def value(self, tree, at):
        key = (id(tree), *(at[label] for label in self.free(tree)))
        return self.once(key, lambda: self.compute(self.meant(tree), at))
    def meant(self, tree):
        """Return a formula after all laws that apply to it as a whole."""
        other = self.once(("meant", id(tree)), lambda: next((t for law in self.laws if (t := law(tree))), None))
        return tree if other is None else self.meant(other)
    def compute(self, tree, at):
        kind, first, *rest = tree
        def place(label): return 0 if label is None else int(label.split("@")[1]) if "@" in label else at[label]
        if kind in ("number", "length"): return D(rational(first) if kind == "number" else self.lengths[first])
        if kind == "delta": return D(place(first) == place(rest[0]))
        if kind == "letter":
            own, axes = iter(rest[0]), self.given[first]["axes"]
            return self.letter(first)[tuple(0 if a is None else place(next(own)) for a in axes)]
        if kind == "sum": return sum((self.value(rest[0], {**at, first: i}) for i in range(self.length(first))), D(0))
        if kind == "total": return sum((self.value(term, at) for term in first), D(0))
        if kind == "product": return math.prod((self.power(b, fraction(n), at) for b, n in rest[0]), start=D(rational(first)))
        if kind == "apply": return self.function(first, rest[0], [self.value(a, at) for a in rest[1]])
        need(kind == "whole", f"{kind} is no kind of formula")
        attributes, arguments, inside, axes = rest
        arrays = [self.array(a, labels) for a, labels in zip(arguments, inside)]
        key = (first, repr(attributes), repr([[(i, x.v) for i, x in a.items()] for a in arrays]))
        def find():
            atoms = {i: D(self.atom(*key, i)) for i in self.places(axes)}
            return one_along(atoms, -1) if first == "one_hot" else arranged(self, first, attributes, arrays, [*atoms]) or atoms
        moved = repr([[x.t for x in a.values()] for a in arrays])  # the same numbers may have other tangents
        return self.once((key, moved, *axes), find)[tuple(map(place, axes))]
    def power(self, base, n, at):
        if n.denominator == 1 or not called(self.meant(base), "exp"): return self.raised(self.value(base, at), n)
        x = self.value(self.meant(base)[3][0], at)  # the root of e^x that is a power of e^x as well
        return D(found := self.exp(x.v, n), found * x.t * rational(n))
    def raised(self, x, n): return x.raised(n) if n.denominator == 1 else x.raised(n, self.root)
    def root(self, value, n):
        """Raise to a power: of a square by its positive root, or else by an atom; then it is vague."""
        if not value: return 0 if n > 0 else inverse(0)
        found, odd = value, n.denominator
        while odd % 2 == 0 and pow(found, (P - 1) // 2, P) == 1:
            half = pow(found, (P + 1) // 4, P)
            found, odd = (half if self.sign(half) > 0 else P - half), odd // 2
        if odd > 1: self.vague, found = True, self.atom("root", n.denominator, value)
        return pow(value, int(n), P) * pow(found, (n - int(n)).numerator, P) % P
    def atom(self, *key):
        return int.from_bytes(hashlib.blake2b(repr((self.seed, key)).encode(), digest_size=16).digest(), "big") % P
    def exp(self, value, n=F(1)):
        return pow(self.atom("exp", (n * ROOTS).denominator, value), (n * ROOTS).numerator, P) if value else 1
    def turned(self, value): return (value > 0) * (1 if value < P - value else -1)
    def sign(self, value):
        """Return a random sign, opposite for opposite numbers, 0 for 0."""
        return (1 if self.atom("sign", min(value, P - value)) & 1 else -1) * self.turned(value)
    def less(self, x, y):
        self.piecewise = True
        return self.sign((x.v - y.v) % P) < 0
    def function(self, name, attributes, values):
        if name in ENTRY: return ENTRY[name](self, *values)
        x, key = values[0], [value.v for value in values]
        y = self.exp(x.v) if name == "exp" else (name, key) != ("log", [1]) and self.atom(name, sorted(attributes.items()), key)
        if name in ODD + EVEN: y = self.atom(name, min(x.v, P - x.v)) * (1 if name in EVEN else self.turned(x.v))
        return D(y, x.t and name in SLOPES and x.t * SLOPES[name](self, x.v, y))
def without(place, axis): return place[:axis % len(place)] + place[axis % len(place) + 1:]
def line_of(array, i, axis): return [j for j in array if without(j, axis) == without(i, axis)]
def row_of(array, i, axis): return [array[j] for j in line_of(array, i, axis)]
def one_along(array, axis):
    """Let the entries along an axis sum to 1: the first is what the others leave."""
    return {i: x if i[axis] else D(1) + -sum(row_of(array, i, axis), -x) for i, x in array.items()}
def parts_of(tree):
    """Return the formulas inside that have the same indices."""
    if tree[0] == "product": return [base for base, _ in tree[2]]
    return {"total": tree[1], "sum": tree[2:], "apply": tree[-1]}.get(tree[0], [])

# --- operations: what they compute, entry by entry, and on whole arrays -----------------------------
def larger(p, x, y): return y if p.less(x, y) else x
ENTRY = {
    "add": lambda p, x, y: x + y, "subtract": lambda p, x, y: x + -y, "negative": lambda p, x: -x,
    "multiply": lambda p, x, y: x * y, "divide": lambda p, x, y: x * y.raised(-1),
    "xdivy": lambda p, x, y: x * y.raised(-1), "sqrt": lambda p, x: p.raised(x, F(1, 2)),
    "xlogy": lambda p, x, y: x * p.function("log", {}, [y]), "maximum": larger,
    "minimum": lambda p, x, y: -larger(p, -x, -y), "where": lambda p, c, x, y: x if c.v else y,
    "clip": lambda p, x, low, high: -larger(p, -larger(p, x, low), -high),
    "abs": lambda p, x: -x if p.less(x, D(0)) else x, "sign": lambda p, x: D(p.less(D(0), x) - p.less(x, D(0))),
    "less": lambda p, x, y: D(p.less(x, y)), "less_equal": lambda p, x, y: D(not p.less(y, x)),
    "greater": lambda p, x, y: D(p.less(y, x)), "greater_equal": lambda p, x, y: D(not p.less(x, y)),
    "equal": lambda p, x, y: D(x.v == y.v), "not_equal": lambda p, x, y: D(x.v != y.v),
    "stop_gradient": lambda p, x: D(x.v), "astype": lambda p, x: x, "broadcast_to": lambda p, x: x,
}
SLOPES = {  # the derivatives of functions, from the argument and the value
    "exp": lambda p, x, y: y, "log": lambda p, x, y: inverse(x), "tanh": lambda p, x, y: 1 - y * y,
    "sin": lambda p, x, y: p.function("cos", {}, [D(x)]).v, "cos": lambda p, x, y: -p.function("sin", {}, [D(x)]).v,
    "sinh": lambda p, x, y: p.function("cosh", {}, [D(x)]).v, "cosh": lambda p, x, y: p.function("sinh", {}, [D(x)]).v,
}
FOLDS = {"prod": ENTRY["multiply"], "product_of_others": ENTRY["multiply"], "max": larger, "min": ENTRY["minimum"]}
def lengths(array): return [1 + max(column) for column in zip(*array)]
def spread(i, array):
    """Return the place of an entry in an array of fewer or shorter axes."""
    return tuple(k * (n > 1) for k, n in zip(i[len(i) - len(next(iter(array))):], lengths(array)))
def picked(index, array):
    """Return the places that an index of places and slices takes, each with what it becomes; none for another index."""
    if not all(isinstance(k, int) or (k and k[0] == "slice") for k in index): return []
    index = [*index, *[["slice", None, None, None]] * (len(lengths(array)) - len(index))]
    taken = [[k % n] if isinstance(k, int) else range(n)[slice(*k[1:])] for k, n in zip(index, lengths(array))]
    kept = [n for n, k in enumerate(index) if not isinstance(k, int)]
    return [(tuple(way[n][0] for n in kept), tuple(j for _, j in way)) for way in itertools.product(*map(enumerate, taken))]
def reduced(places, x, axis, keepdims):
    ndim = len(next(iter(x)))
    gone = range(ndim) if axis is None else [a % ndim for a in ([axis] if isinstance(axis, int) else axis)]
    return [(tuple(k * (n not in gone) for n, k in enumerate(i) if keepdims or n not in gone), v) for i, v in x.items()]
def joined(places, *arrays, axis):
    rows = [(a, n) for a in arrays for n in range(lengths(a)[axis])]
    return [(i, a[(*i[:axis], n, *i[axis + 1:])]) for i in places for a, n in [rows[i[axis]]]]
def scattered(places, x, *others, index, shape):
    taken = picked(index, places)
    return [(i, D(0)) for i in places if taken] + [(j, x[i]) for i, j in taken]
def multiplied(places, x, y):
    fits = len(next(iter(x))) <= 2 >= len(next(iter(y)))
    return [(i[:-1] + j[1:], v * w) for i, v in x.items() for j, w in y.items() if fits and i[-1] == j[0]]
MOVES = {  # where entries go, with what; of those that go to one place the sum is taken, or what FOLDS says
    **dict.fromkeys(("sum", "prod", "max", "min"), reduced),
    **dict.fromkeys(("reshape", "expand_dims", "squeeze"), lambda places, x, **attributes: zip(places, x.values())),
    "concatenate": joined, "scatter_add": scattered, "matmul": multiplied,
    "sum_to": lambda places, x, **attributes: [(spread(i, places), v) for i, v in x.items()],
    "getitem": lambda places, x, *others, index: [(i, x[j]) for i, j in picked(index, x)],
    "transpose": lambda places, x, axes=None: [(tuple(i[n] for n in axes or range(len(i))[::-1]), v) for i, v in x.items()],
    "stack": lambda places, *xs, axis: [(i, (x := xs[i[axis]])[spread(without(i, axis), x)]) for i in places],
    "cumsum": lambda places, x, axis: [(i, x[j]) for i in places for j in line_of(x, i, axis) if j[axis] <= i[axis]],
    "product_of_others": lambda places, x, axis: [(i, D(1) if j == i else x[j]) for i in places for j in line_of(x, i, axis)],
}
def arranged(p, name, attributes, arrays, places):
    """Compute an operation that is known here on arrays, else return None."""
    found, fold = {}, FOLDS.get(name, ENTRY["add"])
    if name in ENTRY or name in SLOPES:
        found = {i: p.function(name, {}, [a[spread(i, a)] for a in arrays]) for i in places}
    elif name == "softmax":
        e = {i: p.function("exp", {}, [v]) for i, v in arrays[0].items()}
        found = {i: v * sum(row_of(e, i, attributes["axis"]), D(0)).raised(-1) for i, v in e.items()}
    for i, v in MOVES[name](places, *arrays, **attributes) if name in MOVES else ():
        found[i] = fold(p, found[i], v) if i in found else v
    return found if len(found) == len(places) else None

# --- laws: each writes a formula in simpler functions, or returns None ------------------------------
def called(tree, *names): return tree[0] == "apply" and tree[1] in names
def app(name, *arguments): return ["apply", name, {}, list(arguments)]
def parts(tree): return (F(tree[1]), [(b, F(n)) for b, n in tree[2]]) if tree[0] == "product" else (F(1), [(tree, F(1))])
def product(scale, *factors): return ["product", str(scale), [[base, str(n)] for base, n in factors]]
def on(name, law):
    """Make a law of one for the argument of a function: of x, of its number, and of its factors."""
    return lambda t: law(t[3][0], *parts(t[3][0])) if called(t, name) else None
def two(x, sign): return ["total", [app("exp", x), product(sign, (app("exp", product(-1, (x, 1))), 1))]]
def log(base, n=1): return product(n, (app("log", base), 1))

LAWS = {
    "softmax": lambda t: None,  # it is computed as e^x over its sum
    "log undoes exp": on("log", lambda x, c, f: x[3][0] if called(x, "exp") else None),
    "exp undoes log": on("exp", lambda x, c, f: x[3][0] if called(x, "log") else None),
    "exp of a sum": on("exp", lambda x, c, f: x[0] == "total" and product(1, *((app("exp", y), 1) for y in x[1]))),
    "exp of a multiple": on("exp", lambda x, c, f: f and c != 1 and product(1, (app("exp", product(1, *f)), c))),
    "log of a power": on("log", lambda x, c, f: product(1, (x[3][1], 1), (log(x[3][0]), 1)) if called(x, "power") else c == 1 and [n for _, n in f] not in ([], [1]) and len(f) == 1 and log(*f[0])),
    "log of a product": on("log", lambda x, c, f: c > 0 and len(f) + (c != 1) > 1 and ["total", [log(*factor) for factor in f + [(["number", str(c)], 1)] * (c != 1)]]),
    "power": lambda t: called(t, "power") and app("exp", product(1, (t[3][1], 1), (log(t[3][0]), 1))),
    "tanh as exp": on("tanh", lambda x, c, f: product(1, (two(x, -1), 1), (two(x, 1), -1))),
    "sinh": on("sinh", lambda x, c, f: product(F(1, 2), (two(x, -1), 1))),
    "cosh": on("cosh", lambda x, c, f: product(F(1, 2), (two(x, 1), 1))),
    "tan": on("tan", lambda x, c, f: product(1, (app("sin", x), 1), (app("cos", x), -1))),
    "sigmoid as exp": on("sigmoid", lambda x, c, f: product(1, (["total", [["number", "1"], app("exp", product(-1, (x, 1)))]], -1))),
    "log of Π": on("log", lambda x, c, f: x[:2] == ["whole", "prod"] and len(x[4][0]) == 1 and ["sum", x[4][0][0], log(x[3][0])]),
}

# --- the checks -------------------------------------------------------------------------------------
def same(one, other, reason): need({i: x.v for i, x in one.items()} == {i: x.v for i, x in other.items()}, reason)
def computed(p, vertex, values, axes):
    """Return what a vertex computes from values of its arguments, or None where that is not known."""
    arguments = [values[a] if isinstance(a, int) else {(): p.value(a, {})} for a in vertex["arguments"]]
    if vertex["op"] == "power" and isinstance(vertex["arguments"][1], list):
        return {i: p.raised(x, F(vertex["arguments"][1][1])) for i, x in arguments[0].items()}
    return arranged(p, vertex["op"], vertex["attributes"], arguments, list(p.places(axes)))
def check_graph(p, cert, given):
    """Check what the vertices compute, and the start, or the two sides."""
    vertices, roots, values = cert["graph"]["vertices"], cert["graph"]["roots"], []
    axes = [cert["letters"][vertex["letter"]]["axes"] for vertex in vertices]
    for vertex, own in zip(vertices, axes):
        if vertex["op"]:
            found = p.arrays[vertex["letter"]] = p.array(vertex["meaning"], own)
            known = computed(p, vertex, values, own) or given.add(f"what {vertex['op']} computes") or found
            same(known, found, f"a vertex is not what {vertex['op']} computes")
            for name in vertex["names"]: same(p.letter(name), found, f"{cert['letters'][name]['name']} is not the vertex that it names")
        values.append(p.letter(vertex["letter"]))
    for side, name in (("start", "left"), ("right", "right")):
        if name in roots: same(p.array(cert[side], cert["axes"]), values[roots[name]], f"the {name} side is not what its graph computes")
    if cert["kind"] == "derivation":
        same(p.array(cert["start"], cert["axes"]), chain_rule(p, cert, values, axes, given), "the start is not the chain rule of the graph")
def chain_rule(p, cert, values, axes, given):
    """Return the gradient that the local rules give, each compared with the derivative of its vertex."""
    vertices, (output, wrt) = cert["graph"]["vertices"], (cert["graph"]["roots"][root] for root in ("output", "wrt"))
    rules, depends = {(rule["of"], rule["argument"]): rule for rule in cert["graph"]["rules"]}, {wrt}
    depends |= {n for n, v in enumerate(vertices) for a in v["arguments"] if isinstance(a, int) and a in depends and not depends.add(n)}
    seed = cert["graph"]["seed"]
    need(seed == ["number", "1"] or seed[0] == "letter", "what comes in is neither 1 nor a letter")
    arrived = {output: p.array(seed, axes[output])}
    for of in range(output, wrt, -1):
        for place, a in enumerate(vertices[of]["arguments"] if of in arrived and of in depends else ()):
            if not isinstance(a, int) or a not in depends: continue
            part, rule, op = {i: D(0) for i in values[a]}, rules.get((of, place)), vertices[of]["op"]
            moved = {i: D(x.v, p.random.randrange(P)) for i, x in values[a].items()}
            slots = {"arguments": [-1 if n == place else b for n, b in enumerate(vertices[of]["arguments"])]}
            known = computed(p, {**vertices[of], **slots}, [*values, moved], axes[of])
            g = {i: D(x.v, p.random.randrange(P) if known else x.v) for i, x in arrived[of].items()}
            need(rule or known, f"there is no rule for an argument of {op}")
            if rule:  # the tangent of what comes in goes through the rule as well
                p.arrays[rule["incoming"]] = g
                part = p.array(rule["rule"], axes[a])
            if known:
                went = sum(g[i].t * x.t for i, x in known.items()) - sum(part[i].t * x.t for i, x in moved.items())
                need(went % P == 0, f"a rule of {op} is not its derivative")
            else:
                need(all(x.v == x.t for x in part.values()), f"a rule of {op} is not linear")
                given.add(f"the rule of {op}")
            if rule: arrived[a] = {i: arrived.get(a, {}).get(i, D(0)) + D(x.v) for i, x in part.items()}
    return arrived[wrt]
def check(cert):
    """Return what is taken as given, if a certificate holds; else raise."""
    need(cert["format"] == "tinygrad_edu certificate 1", "this is no certificate")
    given = {f"{letter['name']} is 0 or 1" for letter in cert["letters"] if letter["mask"]}
    given |= {f"the length {name} is {each['length']}" for name, each in cert["lengths"].items() if each["fixed"]}
    given |= {a["statement"] for a in cert["assumptions"] if not a["drawn"]}
    drawn = [(cert["letters"][letter]["name"], axis) for a in cert["assumptions"] for letter, axis in a["drawn"]]
    given |= {f"{name} {'is symmetric' if axis is None else f'sums to 1 along axis {axis}'}" for name, axis in drawn}
    forms = [cert["start"], *(step["after"] for step in cert["steps"])]
    need(forms == [*(step["before"] for step in cert["steps"]), cert["end"]], "a step, or the end, is not what was there before")
    for size in range(3): agree(lambda seed, ties: Point(cert, seed, size), lambda p: check_graph(p, cert, given))
    steps, stated = list(cert["steps"]), {None: [], **{a["statement"]: a["drawn"] for a in cert["assumptions"]}}
    if "right" in cert:
        dropped = letters(cert, cert["factor"]) + letters(cert, cert["constant"])
        need(set(dropped).isdisjoint(cert["varying"]), "what was dropped varies")
        end = ["total", [product(1, (cert["factor"], 1), (cert["right"], 1)), cert["constant"]]]
        steps.append({"rule": "the right side", "before": cert["end"], "after": end, "exact": True, "laws": [], "assumption": None})
    for number, step in enumerate(steps, start=1):
        where, sums = f"step {number}, {step['rule']}", stated.get(step["assumption"])
        need(step["exact"], f"{where}, is claimed on numbers alone")
        need(set(step["laws"]) <= LAWS.keys(), f"{where}, needs a law that is not known here")
        need(sums is not None, f"{where}, rests on an assumption that is not stated")
        def both(p): return (p.array(step[side], cert["axes"]) for side in ("before", "after"))
        for size in range(3):
            agree(lambda seed, ties: Point(cert, seed, size, sums, step["laws"], ties and step["assumption"] is None),
                  lambda p: same(*both(p), f"{where}: before and after differ"))
    return given
def letters(cert, tree):
    found = [tree[1]] if tree[0] == "letter" else itertools.chain(*(letters(cert, part) for part in parts_of(tree)))
    return [x for n in found for x in [n, *letters(cert, cert["letters"][n]["definition"] or ["number", "0"])]]
def agree(point, run):
    """Run a check at a point where all is defined; where signs decide at several."""
    agreed, wanted = 0, 1
    for seed in range(60):
        p = point(seed, wanted > 1 and seed % 2 == 1)
        try: run(p)
        except Refused as error:
            if p.vague or isinstance(error, Again): continue
            raise
        agreed, wanted = agreed + 1, MORE if p.piecewise else 1
        if agreed >= wanted: return
    raise Refused("no point shows it to be true")
def main(path):
    try: given = check(cert := json.loads(pathlib.Path(path).read_text(encoding="utf-8")))
    except (Refused, KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError) as error:
        print(f"refused: {error if isinstance(error, Refused) else f'no well-formed certificate ({error!r})'}")
        return 1
    print(f"accepted: {cert['about']}, {len(cert['steps'])} steps", *(f"given: {g}" for g in sorted(given)), sep="\n")
    return 0

if __name__ == "__main__": sys.exit(main(*sys.argv[1:]))
