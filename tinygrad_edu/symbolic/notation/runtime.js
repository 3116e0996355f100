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
    const shape = together(xs), length = size(shape);
    if (!xs.every((x) => x.data.length === length || x.data.length === 1))
      return build(shape, (at) => f(...xs.map((x) => entry(x, at))));
    const data = Array(length); // entry by entry: no places are needed
    for (let i = 0; i < length; i++) data[i] = f(...xs.map((x) => x.data[x.data.length === 1 ? 0 : i]));
    return array(shape, data);
  };
  const reduce = (f) => (x, axis = null, keep = false) => {
    x = of(x);
    const all = x.shape.map((_, i) => i);
    const axes = axis === null ? all : [axis].flat().map((a) => (a + all.length) % all.length);
    const kept = all.filter((i) => !axes.includes(i));
    const shape = keep ? x.shape.map((l, i) => (axes.includes(i) ? 1 : l)) : kept.map((i) => x.shape[i]);
    if (!kept.length) return array(shape, [f(x.data)]);
    const inner = axes.map((i) => x.shape[i]);
    return build(shape, (at) => f(Array.from(places(inner), (within) => {
      const whole = all.map((i) => (axes.includes(i) ? within[axes.indexOf(i)] : at[keep ? i : kept.indexOf(i)]));
      return entry(x, whole);
    })));
  };
  const positions = (shape, index) => { // of x[index]: where each entry stands in x
    const dots = index.indexOf("...");
    const used = index.filter((part) => part !== null && part !== "...").length;
    const rest = Array.from({ length: shape.length - used }, () => [null, null, null]);
    const parts = dots < 0 ? [...index, ...rest] : [...index.slice(0, dots), ...rest, ...index.slice(dots + 1)];
    let axis = 0;
    const axes = parts.map((part) => {
      if (part === null) return { length: 1, start: 0, step: 0 };
      const length = shape[axis], stride = size(shape.slice(++axis));
      if (typeof part === "number") return { start: ((part + length) % length) * stride };
      const [from, to, by] = [part[0], part[1], part[2] ?? 1];
      const [least, most] = by > 0 ? [0, length] : [-1, length - 1];
      const clipped = (n, other) => (n === null ? other : Math.min(Math.max(n < 0 ? n + length : n, least), most));
      const start = clipped(from, by > 0 ? least : most), stop = clipped(to, by > 0 ? most : least);
      return { length: Math.max(0, Math.ceil((stop - start) / by)), start: start * stride, step: by * stride };
    });
    const free = axes.filter((each) => each.length !== undefined);
    const first = axes.reduce((n, each) => n + each.start, 0);
    return build(free.map((each) => each.length), (at) => at.reduce((n, i, k) => n + i * free[k].step, first));
  };
  const concatenate = (xs, axis) => {
    xs = xs.map(of);
    axis = (axis + xs[0].shape.length) % xs[0].shape.length;
    const whole = xs[0].shape.map((l, i) => (i === axis ? xs.reduce((n, x) => n + x.shape[axis], 0) : l));
    return build(whole, (at) => {
      let place = at[axis], k = 0;
      while (place >= xs[k].shape[axis]) place -= xs[k++].shape[axis];
      return entry(xs[k], at.map((i, n) => (n === axis ? place : i)));
    });
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
    const letters = [...right, ...Object.keys(lengths).filter((c) => !right.includes(c))];
    const steps = terms.map((term, n) => letters.map((c) => term.reduce((step, own, i) =>
      step + (own === c && xs[n].shape[i] > 1 ? size(xs[n].shape.slice(i + 1)) : 0), 0)));
    const shape = [...right].map((c) => lengths[c]), data = Array(size(shape)).fill(0);
    const walk = (depth, starts, place) => {
      if (depth === letters.length) {
        let product = 1;
        for (let n = 0; n < xs.length; n++) product *= xs[n].data[starts[n]];
        data[place] += product;
        return;
      }
      const length = lengths[letters[depth]];
      for (let i = 0; i < length; i++)
        walk(depth + 1, starts.map((start, n) => start + i * steps[n][depth]),
          depth < right.length ? place * length + i : place);
    };
    walk(0, xs.map(() => 0), 0);
    return array(shape, data);
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
  const is = (f) => map((x, y) => Number(Boolean(f(x, y))));
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
    concatenate,
    stack: (xs, axis) => concatenate(xs.map((x) => {
      x = of(x);
      const place = (axis + x.shape.length + 1) % (x.shape.length + 1);
      return array([...x.shape.slice(0, place), 1, ...x.shape.slice(place)], x.data);
    }), axis),
    reshape: (x, shape) => {
      x = of(x);
      const lengths = [shape].flat();
      return array(lengths.map((l) => (l < 0 ? x.data.length / -size(lengths) : l)), x.data);
    },
    getitem: (x, index) => {
      x = of(x);
      const found = positions(x.shape, index);
      return array(found.shape, found.data.map((place) => x.data[place]));
    },
    scatter_add: (g, index, shape) => {
      const data = Array(size(shape)).fill(0), found = positions(shape, index);
      found.data.forEach((place, k) => { data[place] += of(g).data[k]; });
      return array(shape, data);
    },
    cumsum: (x, axis) => {
      x = of(x);
      axis = (axis + x.shape.length) % x.shape.length;
      return build(x.shape, (at) => plus(Array.from({ length: at[axis] + 1 }, (_, k) => entry(x, at.with(axis, k)))));
    },
    floor: map(Math.floor), ceil: map(Math.ceil), trunc: map(Math.trunc),
    floor_divide: map((x, y) => Math.floor(x / y)), mod: map((x, y) => x - y * Math.floor(x / y)),
    fmax: map((x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.max(x, y))),
    fmin: map((x, y) => (Number.isNaN(x) ? y : Number.isNaN(y) ? x : Math.min(x, y))),
    logical_not: map((x) => Number(!x)), logical_and: is((x, y) => x && y), logical_or: is((x, y) => x || y),
    entries: (x, places_) => {
      x = of(x);
      const where = x.shape.map((_, i) => places_[i] ?? null);
      const free = where.map((p, i) => (p === null ? i : null)).filter((i) => i !== null);
      const whole = (at) => where.map((p, i) => (p === null ? at[free.indexOf(i)] : (p + x.shape[i]) % x.shape[i]));
      return build(free.map((i) => x.shape[i]), (at) => entry(x, whole(at)));
    },
  };
})();
