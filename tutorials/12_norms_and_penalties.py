# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 12. Norms and penalties
#
# **Goal:** keep weights small or sparse on purpose, know what each penalty pulls at, and read a
# penalty as a belief about the weights.
#
# **Time:** 70 minutes.
#
# **Needs:** chapters 6, 9 and 11.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.charts import panels
from tinygrad_edu.experiments import decay, saturation
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Why punish weights?
#
# A network with many weights can fit its training data to the last digit, noise included. On new
# data the noise is another one. Large weights are a sign of this: they let the output jump between
# neighbouring examples. So we add a *penalty* to the loss, a term that grows with the weights. To
# say how, we need to measure the size of a vector.
#
# ## Norms
#
# The $\ell_p$ norm of a vector $z$ is
#
# $$\lVert z\rVert_p = \Big(\sum_i |z_i|^p\Big)^{1/p}.$$
#
# For $p = 2$ it is the usual length. For $p = 1$ it is the sum of the sizes. A norm has four
# properties: it is never negative; it is 0 for the zero vector only; twice the vector has twice the
# norm; and the norm of a sum is at most the sum of the norms.

# %%
rng = np.random.default_rng(0)
for p in (1, 1.5, 2, 3, 10):
    for _ in range(200):
        u, v, c = rng.standard_normal(4), rng.standard_normal(4), rng.standard_normal()
        assert tg.norm(u, p) > 0 == tg.norm(0 * u, p)
        assert_allclose(tg.norm(c * u, p), abs(c) * tg.norm(u, p))
        assert tg.norm(u + v, p) <= tg.norm(u, p) + tg.norm(v, p) + 1e-12
print("four properties hold for 200 random vectors and five values of p")

# %% [markdown]
# The vectors of norm at most 1 form the *unit ball* of a norm. Its border, the vectors of norm 1,
# is the picture of the norm.

# %%
angle = np.linspace(0, 2 * np.pi, 400)
circle = np.stack([np.cos(angle), np.sin(angle)])
figure, (panel,) = panels(width=4.2, height=4.0)
for p in (1, 2, 4):
    sizes = np.array([tg.norm(point, p) for point in circle.T])
    panel.plot(*(circle / sizes), label=f"p = {p}")
panel.set(aspect="equal", title="vectors of norm 1", xlabel="first entry", ylabel="second entry")
panel.legend(loc="center")
show(
    figure,
    "12-balls.svg",
    alt="The unit ball is a square on its corner for p = 1, a circle for 2, almost a square for 4.",
)

# %% [markdown]
# **Predict:** which entry of $z = (3, -4, 1)$ does the norm care for most? That is, which has the
# largest derivative, for $p = 1$, 2 and 10?
#
# <details><summary>Answer</summary>
#
# For $p = 1$ all the same: each derivative is the sign, ±1. For $p = 2$ they are proportional to
# the entries. For large $p$ almost only the largest entry counts.
#
# </details>

# %%
z = tg.Tensor([3.0, -4.0, 1.0], name="z")
for p in (1, 2, 10):
    found = tg.derive(tg.norm(z, p), wrt=z)
    print(f"p = {p:2}: {found.result!s:24} = {found.result.evaluate()}")
p = np.array(3.0)
print("any p > 1:", tg.derive(tg.norm(z, p), wrt=z).result)
assert str(tg.derive(tg.norm(z, 1), wrt=z).result) == "sign(z)"
assert str(tg.derive(tg.norm(z, 2), wrt=z).result) == "z/‖z‖₂"

# %% [markdown]
# The gradient of the length is the vector divided by its length: a vector of length 1 that points
# away from the origin. At the origin itself there is none.
#
# ## Two penalties, two pulls
#
# Minimising a penalty pulls every weight towards 0. Two penalties are used most:
#
# $$\lambda\lVert w\rVert_1 = \lambda\sum_i |w_i| \qquad\text{and}\qquad
# \frac{\lambda}{2}\lVert w\rVert_2^2 = \frac{\lambda}{2}\sum_i w_i^2 .$$
#
# Their gradients are $\lambda\,\mathrm{sign}(w)$ and $\lambda w$. The second is a spring: it pulls
# harder the further the weight is away. The first pulls with the same force everywhere.
#
# Let us see what that does to a single weight whose data want it at $c$, with the loss
# $\tfrac12(w - c)^2$.
#
# **Predict:** where is the minimum with each of the penalties, for $\lambda = 1$ and $c = 3$? And
# for $c = 0.5$?
#
# <details><summary>Answer</summary>
#
# With the spring, $w - c + \lambda w = 0$, so $w = c/(1 + \lambda)$: 1.5 and 0.25. With $\ell_1$
# and $w > 0$, $w - c + \lambda = 0$, so $w = c - \lambda = 2$. For $c = 0.5$ this would be
# negative, where the pull turns round. So the minimum is at 0 *exactly*.
#
# </details>


# %%
def shrink(w, threshold):
    """Move each entry towards 0 by the threshold, and stop there."""
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)


grid = np.linspace(-4, 4, 80_001)
for c in (3.0, 0.5):
    spring = grid[np.argmin((grid - c) ** 2 / 2 + grid**2 / 2)]
    push = grid[np.argmin((grid - c) ** 2 / 2 + np.abs(grid))]
    print(f"c = {c}: lowest at {spring:.3f} with the spring, at {abs(push):.3f} with ℓ1")
    assert_allclose([spring, push], [c / 2, shrink(c, 1.0)], atol=1e-3)

wanted = np.linspace(-3, 3, 301)
figure, (panel,) = panels(width=4.6, height=3.6)
panel.plot(wanted, wanted, ":", color="grey", label="no penalty")
panel.plot(wanted, wanted / 2, label="½w²")
panel.plot(wanted, shrink(wanted, 1.0), label="|w|")
panel.set(xlabel="where the data want the weight", ylabel="where it ends, λ = 1")
panel.legend()
show(
    figure,
    "12-shrink.svg",
    alt="The spring halves every weight; ℓ1 takes 1 from each, and sets those below 1 to 0.",
)

# %% [markdown]
# That is the difference in one picture. The spring makes a weight smaller by a factor, and never 0.
# $\ell_1$ takes the same amount from each, and what has less becomes exactly 0.
#
# ## On data
#
# 40 features, of which 5 count, and 50 noisy examples: almost as many weights as examples, and so a
# great temptation to fit the noise. We fit $z = Xw$ by descent on $\frac{1}{2N}\sum (z - y)^2$ plus
# a penalty.
#
# A plain step on $\lambda|w|$ jumps to and fro over 0 and never lands on it. A *proximal* step
# takes the step on the data, then moves each weight by at most $\eta\lambda$ towards 0, where it
# may stay. This is the function `shrink` from above.


# %%
def noisy(seed, features=40, examples=50):
    """Draw examples, of which five features count; return them, test data and the weights."""
    rng = np.random.default_rng(seed)
    true = np.zeros(features)
    true[:5] = [2.0, -1.6, 1.2, -0.9, 0.5]
    X, X_test = (rng.standard_normal((n, features)) for n in (examples, 1000))
    return X, X @ true + rng.standard_normal(examples), X_test, X_test @ true, true


def fit(X, y, l1=0.0, l2=0.0, rate=0.05, steps=3000):
    """Descend with one of the penalties, ℓ1 by proximal steps."""
    w = np.zeros(X.shape[1])
    for _ in range(steps):
        w = shrink(w - rate * (X.T @ (X @ w - y) / len(X) + l2 * w), rate * l1)
    return w


settings = {"none": {}, "spring": {"l2": 0.1}, "ℓ1": {"l1": 0.1}}
X, y, X_test, y_test, true = noisy(0)
weights = {name: fit(X, y, **options) for name, options in settings.items()}
figure, (panel,) = panels(width=7.0, height=3.2)
panel.plot(true, "_", color="black", markersize=12, label="true")
for (name, w), mark in zip(weights.items(), "ox^", strict=True):
    panel.plot(w, mark, markersize=5, label=name)
panel.set(xlabel="feature", ylabel="weight")
panel.legend(ncols=4)
show(
    figure,
    "12-sparse.svg",
    alt="Without a penalty some useless weights are as large as useful ones; the spring makes them "
    "smaller; with ℓ1 most of them are 0.",
)


# %% [markdown]
# How far can one trust one drawing of the noise? Here are ten.

# %%
results = {name: [] for name in settings}
for seed in range(10):
    X, y, X_test, y_test, true = noisy(seed)
    for name, options in settings.items():
        w = fit(X, y, **options)
        error = np.mean((X_test @ w - y_test) ** 2)
        results[name].append((error, np.abs(w).sum(), np.sum(w[5:] == 0), np.sum(w[:5] == 0)))
results = {name: np.array(rows) for name, rows in results.items()}
print("penalty   test error, lowest to highest   Σ|w|    useless weights at 0   useful ones at 0")
for name, rows in results.items():
    error, size, zeros, lost = rows.T
    print(
        f"{name:8}  {error.mean():5.2f}  ({error.min():.2f} to {error.max():.2f})"
        f"{size.mean():18.1f}{zeros.mean():15.1f} of 35{lost.mean():15.1f} of 5"
    )
none, spring, sparse = (rows[:, 0] for rows in results.values())
assert np.sum(spring < none) >= 9
assert (sparse < spring).all()
assert all((rows[:, 2] == 0).all() for name, rows in results.items() if name != "ℓ1")
assert (results["ℓ1"][:, 2] > 10).all()
assert (results["ℓ1"][:, 1] < results["spring"][:, 1]).all()
assert (results["spring"][:, 1] < results["none"][:, 1]).all()

# %% [markdown]
# The test error is measured without noise, so 0 would be perfect. The spring helps, and $\ell_1$
# helps much more. That is no law: this problem *is* sparse, and $\ell_1$ looks for sparse answers.
# It names the features that count, which is called feature selection. Where all features count a
# little, the spring is the better choice.
#
# ## Several penalties, several layers
#
# Penalties can be added. Some texts use the mean absolute error with both, and do not square the
# $\ell_2$ norm:
#
# $$J = \frac1N\sum_n |z_n - y_n| + \alpha\lVert w\rVert_1 + \beta\lVert w\rVert_2 .$$
#
# **Predict:** what are the three terms of the gradient?
#
# <details><summary>Answer</summary>
#
# $\frac1N X^\top\mathrm{sign}(z - y)$, $\alpha\,\mathrm{sign}(w)$ and $\beta\, w/\lVert w\rVert_2$.
# The absolute error passes on only the sign of each error.
#
# </details>

# %%
X, y = rng.standard_normal((6, 3)), rng.standard_normal(6)
w, α, β = tg.Tensor([0.5, -1.0, 2.0], name="w"), np.array(0.1), np.array(0.2)
z = X @ w
J = tg.mean_absolute_error(z, y) + α * tg.l1(w) + β * tg.l2(w)
print("∂J/∂w =", tg.derive(J, wrt=w).result)
assert str(tg.derive(J, wrt=w).result) == "α·sign(w) + β·w/‖w‖₂ + Xᵀ sign(z − y)/N"

# %% [markdown]
# A coefficient of 0 switches its term off.
#
# Two conventions differ from book to book, and both change what a number such as 0.001 means:
#
# - **Is there a ½?** With $\frac{\lambda}{2}\sum w^2$ the gradient is $\lambda w$. Keras's
#   `l2=0.001` means $0.001\sum w^2$, so the gradient is $0.002\,w$.
# - **Is it squared, and over what?** Squares of several layers add up, so it makes no difference
#   whether each layer is punished or all weights at once. The norms themselves do not add up: the
#   norm of all weights together is smaller than the sum of the norms.

# %%
layer = nn.Linear(3, 50, l2=0.001, rng=np.random.default_rng(0))
assert_allclose(layer.penalty().item(), 0.001 * (layer.W.data**2).sum())
assert_allclose(tg.gradients(layer.penalty(), layer.W), 0.002 * layer.W.data)

first, second = np.array([3.0]), np.array([4.0])
print("norm of all:", tg.l2([first, second]), "  sum of the norms:", tg.l2(first) + tg.l2(second))
assert tg.l2([first, second]) == 5
assert tg.l2(first) + tg.l2(second) == 7

# %% [markdown]
# ## Springs on a network
#
# *Weight decay* is the spring: adding $\frac{\lambda}{2}\sum w^2$ to the loss adds $\lambda w$ to
# the gradient. Here are the forces on three weights. The spring pulls harder at the first weight,
# which is further out.

# %%
w = tg.Tensor([2.0, -1.0, 0.5], name="w")
y = np.array([3.0, -1.0, 0.0])  # where the data want them
E = tg.sum_squared_error(w, y)
pulls = tg.forces(E, w, decay=0.5)
print(pulls)
show(
    pulls,
    "12-forces.svg",
    alt="Three weights with arrows for the force of the data, of the spring, and their sum.",
)
λ = np.array(0.5)
by_w = tg.derive(E + tg.weight_decay(w, λ), wrt=w)
print("gradient:", by_w.result)
assert_allclose(by_w.computed, (w.data - y) + 0.5 * w.data)

# %% [markdown]
# A spring has a second effect in networks with sigmoids. Large weights make large logits, and a
# sigmoid of a large logit is *saturated*: its slope $a(1 - a)$ is almost 0, and the unit learns no
# more. Small weights keep the units where they have a slope.
#
# Below, a network with a sigmoid layer is trained on Iris: without a spring, with a weak one and
# with a strong one, each for ten draws of the data. An output counts as saturated if it is below
# 0.05 or above 0.95.

# %%
found = saturation.run(decays=(0.0, 0.001, 0.01))
print(found.table())
weak_is_better = 0
for trained in found.every:
    free, weak, strong = trained[0.0], trained[0.001], trained[0.01]
    assert free.saturated > weak.saturated > strong.saturated
    assert free.slope < weak.slope < strong.slope
    assert strong.test_loss > weak.test_loss
    weak_is_better += weak.test_loss < free.test_loss
assert weak_is_better >= 7

# %% [markdown]
# In all ten draws a stronger spring leaves fewer units saturated, and a larger mean slope. What is
# that worth? Look at the test loss. With the weak spring it is lower than without one in most of
# the draws. With the strong one it is higher than with the weak one in all of them: too strong a
# spring keeps the network from fitting at all. How strong it should be is a question for a
# validation set (chapter 14).
#
# ## A penalty is a belief
#
# Where does a penalty come from? Chapter 9 found the squared error as minus the logarithm of a
# likelihood: of the targets, if the weights are given. Now say what you believe about the weights
# *before* you see data: each is normally distributed around 0 with deviation $\sigma_0$. This is
# the *prior*. Bayes' rule multiplies both:
#
# $$P(w \mid \text{data}) \;\propto\; P(\text{data} \mid w)\; P(w).$$
#
# The left side is the *posterior*: what you believe after the data. The weights for which it is
# largest are the *MAP* estimate, the maximum a posteriori. Take minus the logarithm, with noise of
# deviation $\sigma$ in the targets:
#
# $$-\log P(w \mid \text{data}) = \frac{1}{2\sigma^2}\sum_n (z_n - y_n)^2
# + \frac{1}{2\sigma_0^2}\sum_i w_i^2 + \text{constant}.$$
#
# Multiply by $\sigma^2$, which moves no minimum:
#
# $$\frac12\sum_n (z_n - y_n)^2 + \frac{\lambda}{2}\sum_i w_i^2, \qquad
# \lambda = \frac{\sigma^2}{\sigma_0^2}.$$
#
# So weight decay *is* a normal prior. Noisy data (large $\sigma$) and a firm belief in small
# weights (small $\sigma_0$) both make the spring stronger. The library proves the step from the
# first formula to the last:

# %%
X, y = rng.standard_normal((12, 3)), rng.standard_normal(12)
w = tg.Tensor([0.3, -1.0, 0.8], name="w")
σ, σ0 = np.array(0.5), np.array(1.5)
z = X @ w


def density(x, mean, deviation):
    """Compute the density of the normal distribution."""
    return tg.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


posterior = -tg.sum(tg.log(density(y, z, σ))) - tg.sum(tg.log(density(w, 0.0, σ0)))
penalised = tg.sum_squared_error(z, y) + tg.sum((w * σ / σ0) ** 2) / 2
proof = tg.prove(posterior, penalised, up_to=("constant", "positive factor"))
print(f"proved in {len(proof.steps)} steps")
assert proof.proved

# %% [markdown]
# **Check it on a problem with a known answer.** For $z = Xw$ the posterior is again a normal
# distribution, and its mean is $(X^\top X + \lambda I)^{-1}X^\top y$. Descent with the
# spring must end there.

# %%
strength = float((σ / σ0) ** 2)
mean = np.linalg.solve(X.T @ X + strength * np.eye(3), X.T @ y)
v = np.zeros(3)
for _ in range(2000):
    v = v - 0.03 * (X.T @ (X @ v - y) + strength * v)
print("posterior mean     ", mean)
print("descent with spring", v)
assert_allclose(v, mean, rtol=1e-10)

# %% [markdown]
# The same holds for the cross-entropy. Minimising it is maximum likelihood (chapter 6); with a
# normal prior on $W$ it becomes MAP, and the update of softmax regression gets the term $\lambda W$
# that ended chapter 11. Mind the 1/N again: beside a *sum* of losses the spring has strength
# $1/\sigma_0^2$, beside their *mean* it has $1/(N\sigma_0^2)$. The more data there are, the less
# the belief counts.
#
# $\ell_1$ is a belief, too. Its prior is the Laplace density $e^{-|w|/s}$, with a sharp peak at 0.

# %% [markdown]
# ## Decay or penalty? In Adam they differ
#
# One can shrink the weights in two ways.
#
# - **Penalty:** add $\frac{\lambda}{2}\sum w^2$ to the loss. The gradient becomes $g + \lambda w$.
# - **Decay:** leave the loss alone, and multiply the weights by $1 - \eta\lambda$ in each step.
#
# For plain gradient descent both are one: $w - \eta(g + \lambda w) = (1 - \eta\lambda)w - \eta g$.
#
# Adam (chapter 16) divides each entry of the gradient by its usual size, so that all weights take
# steps of about the same length $\eta$.
#
# **Predict:** what does this do to a penalty, and what to a decay?
#
# <details><summary>Answer</summary>
#
# The penalty is part of the gradient, so $g$ and $\lambda w$ are divided by the same number. Where
# they balance, they still do: the lowest point stays where it was. The decay is not divided, and
# $g$ is. So the balance moves. Where gradients are large, the decay becomes the stronger of the
# two.
#
# </details>

# %%
for seed in range(3):
    found = decay.run(decay=2.0, seed=seed)
    if seed == 0:
        print(found.table())
    by_penalty, by_decay = (found.paths["Adam"][how][-1] for how in decay.READINGS[:2])
    assert_allclose(by_penalty, found.minimum, atol=5e-3)
    assert (abs(by_decay) < 1 / 2.0 + 0.01).all()
    assert abs(by_decay - by_penalty).max() > 0.3

# %% [markdown]
# Adam with the penalty ends at the lowest point of the penalised loss, as SGD does. Adam with decay
# ends somewhere else. There is a reason for the numbers. A step of Adam has a length of about
# $\eta$ at most, however strong the data pull, and the decay takes $\eta\lambda|w|$ away. So no
# weight can stay beyond $1/\lambda = 0.5$.
#
# Neither is wrong. But they are two methods, and the same λ means two things. The decay of its own
# is called *AdamW*. In this library, `l2=` of an optimiser is the penalty, and `weight_decay=` is
# the decay.
#
# ## What to take with you
#
# | | penalty | gradient | effect | belief |
# |---|---|---|---|---|
# | weight decay | $\frac{\lambda}{2}\sum w^2$ | $\lambda w$ | smaller as a whole | normal |
# | $\ell_1$ | $\lambda\sum\lvert w\rvert$ | $\lambda\,\mathrm{sign}(w)$ | some at 0 | Laplace |

# %% [markdown]
# ## Exercises

# %%
show(exercise("12.1"))

# %%
show(exercise("12.2"))

# %%
show(exercise("12.3"))

# %%
show(exercise("12.4"))

# %%
show(exercise("12.5"))

# %%
show(exercise("12.6"))
