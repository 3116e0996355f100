# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 5. Softmax
#
# **Goal:** know the softmax by heart: what it does, why it is made of exponentials, how to compute
# it safely, and its derivatives, found by hand.
#
# **Time:** 60 minutes.
#
# **Needs:** chapters 1, 3 and 4; the quotient rule.

# %%
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## From scores to probabilities
#
# A network that chooses one of $K$ classes ends in $K$ numbers, the *logits* $z_1, \dots, z_K$: a
# score for each class, of any size and sign. We want probabilities. They must be positive, they
# must sum to 1, and a higher score must give a higher probability.
#
# Two simple ideas fail. Dividing by the sum, $z_k/\sum_i z_i$, goes wrong as soon as a score is
# negative. Giving everything to the largest score (*argmax*) gives probabilities of 0 and 1, and
# cannot be trained with.
#
# **Predict:** what is the derivative of the argmax by a score?
#
# <details><summary>Answer</summary>
#
# Nudge a score a little, and the winner stays the winner: the derivative is 0. The argmax jumps
# only where the two largest scores are equal, and there it has no derivative. A gradient of 0 says
# nothing about the way to go. So argmax is used after training, to read off the answer, and never
# before a loss.
#
# </details>

# %%
scores, h = np.array([1.47, -0.39, 0.22]), 1e-3
for nudge in h * np.eye(3):
    assert np.argmax(scores + nudge) == np.argmax(scores - nudge)
print("argmax", np.argmax(scores), "whichever score is nudged")

# %% [markdown]
# The *softmax* makes the scores positive by the exponential function, and then divides by the sum:
#
# $$a_k = \frac{e^{z_k}}{\sum_i e^{z_i}}.$$
#
# These are the shares of chapter 3, with $e^{z_k}$ for what each puts in. In three pictures, for
# the logits $(1.47, -0.39, 0.22)$:

# %%
figure, bars = panels(1, 3, width=2.6, height=2.4)
steps = {"z": scores, "e^z": np.exp(scores), r"a = e^z / \sum e^z": tg.softmax(scores)}
for bar, (formula, values) in zip(bars, steps.items(), strict=True):
    drawn = bar.bar(["1", "2", "3"], values)
    bar.bar_label(drawn, fmt="%.2f", padding=2)
    bar.axhline(0, color="black", linewidth=0.8)
    bar.set(title=f"${formula}$")
    bar.margins(y=0.2)
show(
    figure,
    "05-three-steps.svg",
    alt="Bars of the three logits, of their exponentials 4.35, 0.68 and 1.25, and of the "
    "probabilities 0.69, 0.11 and 0.20.",
)

# %% [markdown]
# And in code, for several rows of logits:


# %%
def simple_softmax(z):
    e = np.exp(z)
    return e / e.sum()


table = [[1.47, -0.39, 0.22], [5.0, 6.0, 4.0], [0.9, 0.8, 1.1], [-2.0, 2.0, -3.0]]
rounded = []
for z in table:
    a = simple_softmax(np.array(z))
    rounded.append(a.round(2))
    print(f"{z!s:20}  e^z {np.exp(z).round(2)!s:24}  a {a.round(2)}")
    assert (a > 0).all()
    assert_allclose(a.sum(), 1)
    assert_array_equal(np.argsort(a), np.argsort(z))  # the order stays
assert_array_equal(rounded[0], [0.69, 0.11, 0.20])

# %% [markdown]
# **Predict:** look at the last row. Its probabilities, as printed, sum to 1.01. Is the softmax
# wrong?
#
# <details><summary>Answer</summary>
#
# No, the rounding is. To four decimals they are 0.0179, 0.9756 and 0.0066, and unrounded they sum
# to 1. Each was rounded up.
#
# </details>

# %%
print(simple_softmax(np.array(table[3])))
assert_allclose(rounded[3].sum(), 1.01)
assert_array_equal(simple_softmax(np.array(table[3])).round(4), [0.0179, 0.9756, 0.0066])

# %% [markdown]
# Two more things to notice. Equal logits share equally, $1/K$ each. And the softmax acts on the
# whole layer, not on one unit: raise one logit, and *all* probabilities move.

# %%
assert_allclose(tg.softmax([7.0, 7.0, 7.0, 7.0]), 1 / 4)

start = np.array([1.47, -0.39, 0.22])
raised = np.linspace(-4, 5, 200)
moved = np.array([tg.softmax([z2, start[0], start[2]]) for z2 in raised])
figure, (panel,) = panels(width=6.4, height=3.2)
for column, label in ((1, "a₁ (z₁ = 1.47)"), (0, "a₂ (z₂ moves)"), (2, "a₃ (z₃ = 0.22)")):
    panel.plot(raised, moved[:, column], label=label)
panel.axvline(start[1], color="grey", linewidth=0.8)
panel.set(xlabel="z₂", ylabel="probability")
panel.legend()
show(
    figure,
    "05-one-logit.svg",
    alt="The three probabilities while z₂ grows from −4 to 5: a₂ climbs from 0 to 1 in the shape "
    "of an S, and a₁ and a₃ fall.",
)

# %% [markdown]
# ## Only differences matter
#
# Add the same number $c$ to all logits. Each $e^{z_k}$ becomes $e^{z_k + c} = e^c e^{z_k}$, and the
# factor $e^c$ cancels:
#
# $$\frac{e^{z_k + c}}{\sum_i e^{z_i + c}} = \frac{e^c\, e^{z_k}}{e^c \sum_i e^{z_i}} = a_k.$$
#
# **Predict:** what is the softmax of $(1000, 1001)$? And do $(1, 2)$ and $(10, 20)$ give the same?
#
# <details><summary>Answer</summary>
#
# The same as of $(0, 1)$: $1/(1 + e) \approx 0.27$ and $e/(1 + e) \approx 0.73$. But $(1, 2)$ and
# $(10, 20)$ differ: their differences are 1 and 10. What matters is the difference, not the ratio.
#
# </details>

# %%
for logits in ([0.0, 1.0], [1000.0, 1001.0], [1.0, 2.0], [10.0, 20.0]):
    print(f"softmax{tuple(logits)!s:18} = {tg.softmax(logits)}")
assert_allclose(tg.softmax([1000.0, 1001.0]), tg.softmax([0.0, 1.0]))
assert_array_equal(tg.softmax([1000.0, 1001.0]).round(2), [0.27, 0.73])
assert tg.softmax([10.0, 20.0])[1] > 0.9999 > tg.softmax([1.0, 2.0])[1]

# %% [markdown]
# The library proves the equation by the same laws:

# %%
z, c = tg.Tensor(start, name="z"), tg.Tensor(2.0, name="c")
proof = tg.prove(tg.softmax(z + c), tg.softmax(z))
print(proof)
assert proof.proved

# %% [markdown]
# ## How to compute it
#
# Our function took the formula at its word. `tg.softmax` gave $(0.27, 0.73)$ for $(1000, 1001)$.
#
# **Predict:** what does `simple_softmax` give?
#
# <details><summary>Answer</summary>
#
# $e^{1000}$ is too large for a floating-point number and becomes infinite. Infinity divided by
# infinity is `nan`, "not a number".
#
# </details>

# %%
with np.errstate(over="ignore", invalid="ignore"):
    print("as it stands:", simple_softmax(np.array([1000.0, 1001.0])))
    assert np.isnan(simple_softmax(np.array([1000.0, 1001.0]))).all()

# %% [markdown]
# The mend is the equation above, with $c = -\max_i z_i$. Then the largest logit is 0 and no power
# exceeds $e^0 = 1$. Very negative ones become 0, which is what they should be.


# %%
def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


print("shifted:     ", softmax(np.array([1000.0, 1001.0])))
assert_allclose(softmax(np.array([1000.0, 1001.0])), tg.softmax([1000.0, 1001.0]))
assert_allclose(softmax(start), simple_softmax(start))

# %% [markdown]
# Does the shift change the gradient? The largest logit depends on the logits, too, so there is a
# new path through it. But the softmax does not move with a common shift $c$. Its derivative by $c$
# is zero, the new path brings nothing, and the gradient stays what it was.

# %%
shifted = tg.derive(tg.softmax(z + c), wrt=c)
print("by the shift:", shifted.result)
assert str(shifted.result) == "0"

# %% [markdown]
# ## Why the exponential?
#
# Other functions make numbers positive as well: $z^2 + 1$, or the softplus $\log(1 + e^z)$. Why
# $e^z$? Suppose that we divide $\varphi(z_k)$ by the sum, for some positive $\varphi$, and ask
# that **only differences matter**. Then the ratio of two probabilities,
# $\varphi(z_1)/\varphi(z_2)$, must not change when both logits grow by $c$. With $z_2 = 0$ this
# says
#
# $$\frac{\varphi(z_1 + c)}{\varphi(c)} = \frac{\varphi(z_1)}{\varphi(0)}:$$
#
# adding logits *multiplies* $\varphi$ (up to the constant $\varphi(0)$). The continuous functions
# that turn sums into products are the exponentials, $\varphi(z) = C\, e^{z/T}$. The $C$ cancels,
# and one number $T$ is free.

# %%
candidates = {
    "z² + 1": lambda z: z**2 + 1,
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "e^z": np.exp,
    "e^(z/5)": lambda z: np.exp(z / 5),
}
for name, phi in candidates.items():
    before, after = phi(start) / phi(start).sum(), phi(start + 3) / phi(start + 3).sum()
    same = np.allclose(before, after)
    print(f"{name:9} {before} → {after}  {'the same' if same else 'changed'}")
    assert same == name.startswith("e^")

# %% [markdown]
# The free number is called the *temperature*: $a = \operatorname{softmax}(\mathbf z/T)$. Physics
# knows it from Boltzmann, who gave a state of energy $E$ the probability $e^{-E/T}/\sum e^{-E/T}$.
# A low temperature freezes the choice to the best, a high one makes all classes alike.
#
# **Predict:** what does the softmax become for $T \to 0$, and what for $T \to \infty$?
#
# <details><summary>Answer</summary>
#
# For $T \to 0$ the differences $z_i/T - z_k/T$ grow without bound, and the largest logit takes all:
# the argmax. For $T \to \infty$ all logits go to 0, and each class gets $1/K$.
#
# </details>

# %%
figure, bars = panels(1, 3, width=2.6, height=2.4)
for bar, T in zip(bars, (0.2, 1.0, 10.0), strict=True):
    a = tg.softmax(start / T)
    bar.bar(["1", "2", "3"], a)
    bar.set(title=f"T = {T:g}", ylim=(0, 1.05))
    print(f"T = {T:4}: {a}")
show(
    figure,
    "05-temperature.svg",
    alt="Bars of the three probabilities: at T = 0.2 the first is nearly 1, at T = 1 it is 0.69, "
    "at T = 10 the three are nearly equal.",
)
assert tg.softmax(start / 0.2)[0] > 0.99
assert np.ptp(tg.softmax(start / 10)) < 0.1

# %% [markdown]
# ## Two classes: the sigmoid
#
# With two classes, fix the first logit at 0 and call the second $z$. Then
#
# $$a_2 = \frac{e^z}{e^0 + e^z} = \frac{1}{e^{-z} + 1} = \sigma(z).$$
#
# So the sigmoid is a softmax of two classes; and as only differences matter, any two logits give
# $\sigma(z_2 - z_1)$. In the proof below, entries are counted from 0, as in Python: the second one
# has the index 1.

# %%
x = tg.Tensor(0.7, name="x")
proof = tg.prove(tg.softmax(tg.stack([0.0, x]))[1], tg.sigmoid(x))
print(proof)
assert proof.proved
assert_allclose(tg.softmax([1.3, 2.0])[1], tg.sigmoid(0.7))

# %% [markdown]
# ## The derivatives, by hand
#
# Three outputs, three inputs: nine derivatives $\partial a_k/\partial z_j$. Take pen and paper.
# Write $e_k = e^{z_k}$ and $s = \sum_i e_i$, so that $a_k = e_k/s$. The quotient rule says
#
# $$\frac{\partial a_k}{\partial z_j} = \frac{1}{s^2}\left(\frac{\partial e_k}{\partial z_j}\, s -
#   e_k\, \frac{\partial s}{\partial z_j}\right).$$
#
# The sum contains every $e_i$, and only $e_j$ moves with $z_j$, so $\partial s/\partial z_j = e_j$
# in all cases. The numerator moves only if it is its own logit that moves. So there are two cases.
#
# **The logit of the same class, $j = k$.** Here $\partial e_k/\partial z_k = e_k$, and
#
# $$\frac{\partial a_k}{\partial z_k} = \frac{e_k s - e_k e_k}{s^2}
#   = \frac{e_k}{s} \cdot \frac{s - e_k}{s} = a_k\,(1 - a_k).$$
#
# **The logit of another class, $j \ne k$.** Here $\partial e_k/\partial z_j = 0$, and
#
# $$\frac{\partial a_k}{\partial z_j} = \frac{0 - e_k e_j}{s^2}
#   = -\frac{e_k}{s} \cdot \frac{e_j}{s} = -a_k a_j.$$
#
# **Both in one line.** The Kronecker delta is 1 in the first case and 0 in the second:
#
# $$\boxed{\;\frac{\partial a_k}{\partial z_j} = a_k\,(\delta_{kj} - a_j)\;}$$
#
# Put in $j = k$ and $j \ne k$ and you get the two cases back. As a matrix, with $\mathbf a$ on the
# diagonal of the first part, the Jacobian is
#
# $$J = \operatorname{diag}(\mathbf a) - \mathbf a\, \mathbf a^\top.$$
#
# **Predict:** which signs do the nine numbers have? What is the sum of a row, and of a column?
#
# <details><summary>Answer</summary>
#
# Positive on the diagonal, negative elsewhere: a logit helps its own class and takes from the
# others. Each column sums to 0, since the probabilities always sum to 1 (as with the shares of
# chapter 3). Each row sums to 0, since raising all logits alike changes nothing. And $J$ is
# symmetric.
#
# </details>

# %%
a = tg.softmax(start)
J = tg.jacobian(tg.softmax)(start)
print(J)
assert_allclose(J, np.diag(a) - np.outer(a, a))
for k in range(3):
    for j in range(3):
        assert_allclose(J[k, j], a[k] * (1 - a[k]) if j == k else -a[k] * a[j])
assert_allclose(J.sum(axis=0), 0, atol=1e-15)
assert_allclose(J.sum(axis=1), 0, atol=1e-15)
assert_allclose(J, J.T)

# %% [markdown]
# ## On the way back
#
# In a network a gradient $g_k = \partial L/\partial a_k$ arrives at the probabilities. Sum over the
# paths, and let δ pick:
#
# $$\frac{\partial L}{\partial z_j} = \sum_k g_k\, a_k\,(\delta_{kj} - a_j)
#   = g_j a_j - a_j \sum_k g_k a_k = a_j \Bigl( g_j - \sum_k a_k g_k \Bigr).$$
#
# The sum $\sum_k a_k g_k$ is the mean of $\mathbf g$, weighted by the probabilities. So each logit
# gets its share $a_j$ of how far $g_j$ is from the mean. No matrix was built.
#
# **Predict:** what arrives at the logits if all $g_k$ are equal?
#
# <details><summary>Answer</summary>
#
# Each equals the mean, so nothing: 0. Raising all probabilities at once is not possible; their sum
# is 1.
#
# </details>

# %%
z = tg.Tensor(start, name="z")
a = tg.softmax(z)
back = tg.derive(a, wrt=z)
print("on the way back:", back.result, "    as a matrix:", back.jacobian())
assert str(back.result) == "a ⊙ (g − Σ(a ⊙ g))"
assert str(back.jacobian()) == "diag(a) − a aᵀ"

g = np.array([0.3, -1.0, 2.0])
by_hand = a.data * (g - np.sum(a.data * g))
assert_allclose(by_hand, g @ J)
assert_allclose(by_hand, tg.gradients(a, z, seed=g))
assert_allclose(tg.gradients(a, z, seed=[5.0, 5.0, 5.0]), 0, atol=1e-14)

# %% [markdown]
# With a temperature there is one more step, $\mathbf z \to \mathbf z/T$, and so one more factor
# $1/T$ on the way back.

# %%
T = np.array(2.0)
warm = tg.softmax(z / T)
print("with a temperature:", tg.derive(warm, wrt=z, names={"a": warm}).result)
assert_allclose(
    tg.gradients(warm, z, seed=g), warm.data * (g - np.sum(warm.data * g)) / T, atol=1e-15
)

# %% [markdown]
# ## The usual mistake
# If you know $\sigma' = \sigma(1 - \sigma)$, you may be tempted to write $a_j(1 - a_j)\,g_j$ for
# the softmax, too. This is the diagonal of the Jacobian alone. It forgets the paths through the sum
# $s$, by which each logit reaches every probability. The library judges answers, and names the
# usual mistakes:

# %%
verdict = tg.check_answer(back, "a ⊙ (1 − a) ⊙ g")
print(verdict)
assert not verdict

# %%
show(
    tg.draw(a, expand=True),
    "05-two-paths.svg",
    alt="The softmax opened: z goes into exp, and from there two paths lead to the division: "
    "one straight, one through the sum.",
)

# %% [markdown]
# For the sigmoid of a single logit the formula is right: there the other logit is fixed at 0.
#
# ## What to take with you
#
# - $a_k = e^{z_k}/\sum_i e^{z_i}$: positive, sum 1, order kept, only differences matter.
# - Compute it with the largest logit subtracted.
# - $\partial a_k/\partial z_j = a_k(\delta_{kj} - a_j)$: the quotient rule in two cases.
# - On the way back: $a_j (g_j - \sum_k a_k g_k)$.
#
# Derive the last two again tomorrow, on an empty sheet.
#
# ## Exercises

# %%
show(exercise("5.1"))

# %%
show(exercise("5.2"))

# %%
show(exercise("5.3"))

# %%
show(exercise("5.4"))

# %%
show(exercise("5.5"))

# %%
show(exercise("5.6"))
