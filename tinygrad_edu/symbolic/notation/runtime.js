// What formulas are computed with: an array is {shape, data}, spread as NumPy spreads it.
const $ = (() => {
  const array = (shape, data) => ({ shape, data });
  const of = (x) => {
    if (typeof x === "number") return array([], [x]);
    if (!Array.isArray(x)) return x;
    const parts = x.map(of);
    return array([parts.length, ...(parts[0]?.shape ?? [])], parts.flatMap((p) => p.data));
  };
  const size = (shape) => shape.reduce((a, b) => a * b, 1);
  const places = function* (shape) {
    const at = shape.map(() => 0);
    for (let left = size(shape); left > 0; left--) {
      yield at;
      for (let i = at.length - 1; i >= 0 && ++at[i] === shape[i]; i--) at[i] = 0;
    }
  };
  const entry = (x, at) => {
    const skip = at.length - x.shape.length;
    return x.data[x.shape.reduce((n, l, i) => n * l + (l === 1 ? 0 : at[skip + i]), 0)];
  };
  const build = (shape, f) => array(shape, Array.from(places(shape), (at) => f(at)));
  const together = (xs) => {
    const rank = Math.max(...xs.map((x) => x.shape.length));
    return Array.from({ length: rank }, (_, i) =>
      xs.map((x) => x.shape[i - rank + x.shape.length] ?? 1).find((l) => l !== 1) ?? 1);
  };
  const map = (f) => (...xs) => {
    xs = xs.map(of);
    return build(together(xs), (at) => f(...xs.map((x) => entry(x, at))));
  };
  const reduce = (f) => (x, axis = null, keep = false) => {
    x = of(x);
    const all = x.shape.map((_, i) => i);
    const axes = axis === null ? all : [axis].flat().map((a) => (a + all.length) % all.length);
    const kept = all.filter((i) => !axes.includes(i));
    const shape = keep ? x.shape.map((l, i) => (axes.includes(i) ? 1 : l)) : kept.map((i) => x.shape[i]);
    const inner = axes.map((i) => x.shape[i]);
    return build(shape, (at) => f(Array.from(places(inner), (within) => {
      const whole = all.map((i) => (axes.includes(i) ? within[axes.indexOf(i)] : at[keep ? i : kept.indexOf(i)]));
      return entry(x, whole);
    })));
  };
  const plus = (values) => values.reduce((a, b) => a + b, 0);
  const view = (x, order, present) => {
    x = of(x);
    const own = order[Symbol.iterator]();
    const from = present.map((there) => (there ? own.next().value : null));
    return build(from.map((i) => (i === null ? 1 : x.shape[i])),
      (at) => entry(x, x.shape.map((_, i) => at[from.indexOf(i)])));
  };
  const einsum = (subscripts, ...xs) => {
    xs = xs.map(of);
    const [left, right] = subscripts.split("->");
    const terms = left.split(",").map((term) => [...term]);
    const lengths = {};
    terms.forEach((term, n) => term.forEach((c, i) => { lengths[c] = Math.max(lengths[c] ?? 1, xs[n].shape[i]); }));
    const bound = Object.keys(lengths).filter((c) => !right.includes(c));
    return build([...right].map((c) => lengths[c]), (at) =>
      plus(Array.from(places(bound.map((c) => lengths[c])), (within) =>
        terms.reduce((p, term, n) => p * entry(xs[n], term.map((c) =>
          right.includes(c) ? at[right.indexOf(c)] : within[bound.indexOf(c)])), 1))));
  };
  const matmul = (...xs) => xs.map(of).reduce((a, b) => einsum(
    { "11": "a,a->", "21": "ab,b->a", "12": "a,ab->b", "22": "ab,bc->ac" }[`${a.shape.length}${b.shape.length}`], a, b));
  const T = (x) => { x = of(x); return x.shape.length < 2 ? x : view(x, [1, 0], [true, true]); };
  const erf = (x) => { // Abramowitz and Stegun 7.1.5 and 7.1.14, to the last digits
    const a = Math.abs(x);
    if (a > 3) {
      let f = 0;
      for (let n = 60; n > 0; n--) f = n / 2 / (a + f);
      return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + f));
    }
    let term = x, sum = x;
    for (let n = 1; n < 80; n++) { term *= -x * x / n; sum += term / (2 * n + 1); }
    return 2 / Math.sqrt(Math.PI) * sum;
  };
  const is = (f) => map((x, y) => Number(f(x, y)));
  const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  const most = reduce((v) => v.reduce((a, b) => (Number.isNaN(a) || a > b ? a : b), -Infinity));
  const least = reduce((v) => v.reduce((a, b) => (Number.isNaN(a) || a < b ? a : b), Infinity));
  const sum = reduce(plus);
  const add = map((...v) => plus(v)), mul = map((...v) => v.reduce((a, b) => a * b, 1));
  const neg = map((x) => -x), exp = map(Math.exp), log = map(Math.log), div = map((x, y) => x / y);
  const logsumexp = (x, axis = -1, keep = false) => {
    const top = most(x, axis, true);
    const found = add(top, log(sum(exp(add(x, neg(top))), axis, true)));
    return keep ? found : sum(found, axis);
  };
  const log_softmax = (x, axis = -1) => add(x, neg(logsumexp(x, axis, true)));
  const outer = (x, y) => einsum("a,b->ab", array([of(x).data.length], of(x).data), array([of(y).data.length], of(y).data));
  const eye = (n) => build([n, n], ([i, j]) => Number(i === j));
  return {
    of, add, mul, neg, exp, log, div, sum, view, einsum, matmul, T, outer, eye, logsumexp, log_softmax,
    pow: map(Math.pow), sqrt: map(Math.sqrt), abs: map(Math.abs), sign: map(Math.sign),
    where: map((c, x, y) => (c ? x : y)), maximum: map(Math.max), minimum: map(Math.min),
    clip: map((x, low, high) => Math.min(Math.max(x, low), high)),
    xlogy: map((x, y) => (x === 0 && !Number.isNaN(y) ? 0 : x * Math.log(y))),
    xdivy: map((x, y) => (x === 0 && y === 0 ? 0 : x / y)), stop_gradient: map((x) => x),
    tanh: map(Math.tanh), sinh: map(Math.sinh), cosh: map(Math.cosh), sin: map(Math.sin),
    cos: map(Math.cos), tan: map(Math.tan), arctan: map(Math.atan), arcsin: map(Math.asin),
    arccos: map(Math.acos), arcsinh: map(Math.asinh), arccosh: map(Math.acosh), arctanh: map(Math.atanh),
    arctan2: map(Math.atan2), hypot: map(Math.hypot), expm1: map(Math.expm1), log1p: map(Math.log1p),
    exp2: map((x) => 2 ** x), log2: map(Math.log2), log10: map(Math.log10), cbrt: map(Math.cbrt),
    logaddexp: map((x, y) => Math.max(x, y) + Math.log1p(Math.exp(-Math.abs(x - y)))),
    sigmoid: map((x) => Math.exp(-softplus(-x))), softplus: map(softplus),
    relu: map((x) => (x <= 0 ? 0 : x)), normal_cdf: map((x) => (1 + erf(x / Math.SQRT2)) / 2),
    normal_density: map((x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI)),
    equal: is((x, y) => x === y), not_equal: is((x, y) => x !== y), less: is((x, y) => x < y),
    less_equal: is((x, y) => x <= y), greater: is((x, y) => x > y), greater_equal: is((x, y) => x >= y),
    max: most, min: least, prod: reduce((v) => v.reduce((a, b) => a * b, 1)),
    mean: reduce((v) => plus(v) / v.length),
    softmax: (x, axis = -1) => exp(log_softmax(x, axis)),
    euclidean_norm: reduce((v) => Math.hypot(...v)),
    diag: (x) => { x = of(x); return x.shape.length < 2 ? mul(x, eye(x.data.length)) : einsum("aa->a", x); },
    ones: (n) => build([n], () => 1), one_hot: (y, n) => { y = of(y); return build([...y.shape, n], (at) => Number(entry(y, at.slice(0, -1)) === at.at(-1))); },
    entries: (x, places_) => {
      x = of(x);
      const where = x.shape.map((_, i) => places_[i] ?? null);
      const free = where.map((p, i) => (p === null ? i : null)).filter((i) => i !== null);
      const whole = (at) => where.map((p, i) => (p === null ? at[free.indexOf(i)] : (p + x.shape[i]) % x.shape[i]));
      return build(free.map((i) => x.shape[i]), (at) => entry(x, whole(at)));
    },
  };
})();
