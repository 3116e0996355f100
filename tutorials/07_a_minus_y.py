# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 7. Why the gradient is a − y
#
# **Goal:** derive $\partial L/\partial z = a - y$ on paper by two ways, let the machine derive it
# by a third, and say what it assumes.
#
# **Time:** 60 minutes, with paper and pencil.
#
# **Needs:** chapter 5 (softmax and its derivatives) and chapter 6 (cross-entropy).

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Look before you derive
#
# A network that chooses among $K$ classes ends in $K$ logits $z$. Softmax turns them into the
# activations $a$, and the cross-entropy $L$ says how far these are from the targets $y$:
#
# $$a_k = \frac{e^{z_k}}{\sum_i e^{z_i}}, \qquad L = -\sum_k y_k \log a_k .$$
#
# Training needs $\partial L/\partial z$: the direction in which each logit should move. We take
# three classes, and say that the second one is true.

# %%
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
y = np.array([0.0, 1.0, 0.0])
a = tg.softmax(z)
L = -tg.sum(y * tg.log(a))
print("a =", a.data)
print("y =", y)
print("L =", L.data)

# %% [markdown]
# Before any calculus, measure. Nudge one logit at a time by a tiny step to both sides, and see
# how much the loss changes.
#
# **Predict:** which of the three slopes are positive, and which is the steepest?
#
# <details><summary>Answer</summary>
#
# A higher logit of a wrong class makes the loss larger, so the slopes of the first and the third
# logit are positive. A higher logit of the true class makes it smaller, so the second is negative.
# It is also the steepest: the network gives the true class only 0.11, and 0.89 is missing.
#
# </details>


# %%
def loss_at(logits):
    """Compute the loss in plain NumPy."""
    return -np.sum(y * np.log(np.exp(logits) / np.exp(logits).sum()))


h = 1e-5
slopes = np.array(
    [(loss_at(z.data + h * e) - loss_at(z.data - h * e)) / (2 * h) for e in np.eye(3)]
)
print("measured slopes:", slopes)
print("a − y         :", a.data - y)
assert_allclose(slopes, a.data - y, rtol=1e-8)
assert slopes[0] > 0 > slopes[1]
assert abs(slopes).argmax() == 1

# %% [markdown]
# The slopes are $a - y$, to all digits shown. That is surprisingly simple. Softmax alone has nine
# derivatives, and the logarithm brings a division with it. Where did all of this go?
#
# We answer three times. The first way is the shortest, the second goes back step by step as a
# backward pass does, and the third is done by the machine.

# %% [markdown]
# ## First way: two lines
#
# Do not differentiate yet. Rewrite the loss first. The logarithm of a quotient is a difference,
# and the logarithm undoes the exponential:
#
# $$\log a_k = \log\frac{e^{z_k}}{\sum_i e^{z_i}} = z_k - \log\sum_i e^{z_i}.$$
#
# Put this into the loss. The second term is the same for all $k$, so it leaves the sum over $k$,
# and $\sum_k y_k$ remains beside it:
#
# $$L = -\sum_k y_k z_k + \Big(\sum_k y_k\Big)\log\sum_i e^{z_i}.$$
#
# A target is a distribution, $\sum_k y_k = 1$. So the loss is a function with a name, the
# *log-sum-exp* of the logits, minus a weighted sum of them:
#
# $$L = \log\sum_i e^{z_i} - \sum_k y_k z_k .$$
#
# No softmax is left. Now differentiate by $z_j$. For the first term, the outer derivative is one
# over the sum, and the inner one is $e^{z_j}$, since only one entry of the sum contains $z_j$. In
# the second term, only $y_j z_j$ contains $z_j$:
#
# $$\frac{\partial L}{\partial z_j} = \frac{e^{z_j}}{\sum_i e^{z_i}} - y_j = a_j - y_j .$$
#
# This is the first way. Softmax appears by itself, as the derivative of log-sum-exp.

# %% [markdown]
# Does the rewritten loss have the same value? A number cannot prove that it always has. But the
# library can try to join both sides by named laws, one at a time.

# %%
short = tg.log(tg.sum(tg.exp(z))) - tg.sum(y * z)
assert_allclose(short.data, L.data)
proof = tg.prove(L, short)
print(proof.text())
assert proof.proved
assert [each.statement for each in proof.assumptions if each.used] == ["Σy = 1"]

# %% [markdown]
# Read the steps from top to bottom: they are those that we took. One line near the end is no law
# of algebra: Σy = 1. It is true of our targets. We come back to it.
#
# What you derived can be judged as well, line by line. Write it as on paper:

# %%
mine = r"""
\frac{\partial L}{\partial z_j} = \frac{e^{z_j}}{\sum_i e^{z_i}} - y_j
                                = a_j - y_j
"""
judgement = tg.check_derivation(tg.derive(short, wrt=z), mine)
print(judgement)
assert judgement
assert judgement.shortest

# %% [markdown]
# ## Second way: through the Jacobian
#
# The first way needs an idea: rewrite before you differentiate. A backward pass works without it.
# It goes back through the functions one by one, here from $L$ to $a$ and from $a$ to $z$.
#
# Every logit influences every activation, because all of them stand below the fraction bar. So
# there are $K$ paths from $z_j$ to the loss, one through each $a_k$. Along a path we multiply, and
# over the paths we sum:
#
# $$\frac{\partial L}{\partial z_j} = \sum_k \frac{\partial L}{\partial a_k}\,
# \frac{\partial a_k}{\partial z_j}.$$
#
# **The loss.** Only one term of the sum $-\sum_k y_k\log a_k$ contains a given $a_k$, so
#
# $$\frac{\partial L}{\partial a_k} = -\frac{y_k}{a_k}.$$
#
# **Softmax.** Chapter 5 found, by the quotient rule, once for $j = k$ and once for $j \ne k$,
#
# $$\frac{\partial a_k}{\partial z_j} = a_k(\delta_{kj} - a_j),$$
#
# where Kronecker's delta $\delta_{kj}$ is 1 for $k = j$ and 0 otherwise.
#
# **Together.** Now four lines, and each does one thing:
#
# $$\begin{aligned}
# \frac{\partial L}{\partial z_j} &= -\sum_k \frac{y_k}{a_k}\, a_k(\delta_{kj} - a_j)
#     && \text{put both in}\\
# &= \sum_k y_k (a_j - \delta_{kj})
#     && a_k \text{ cancels}\\
# &= a_j \sum_k y_k - \sum_k y_k\,\delta_{kj}
#     && \text{multiply out; } a_j \text{ does not depend on } k\\
# &= a_j - y_j
#     && \textstyle\sum_k y_k = 1 \text{, and } \delta_{kj} \text{ picks one term}
# \end{aligned}$$
#
# The difficulty disappears in the second line. The logarithm divides by $a_k$, and softmax
# multiplies by the same $a_k$. This is why the two are used together.

# %%
mine = """
∂L/∂z_j = Σ_k ∂L/∂a_k · ∂a_k/∂z_j
        = −Σ_k y_k/a_k · a_k (δ_kj − a_j)
        = Σ_k y_k (a_j − δ_kj)
        = a_j Σ_k y_k − Σ_k y_k δ_kj
        = a_j − y_j
"""
by_hand = tg.derive(L, wrt=z)
judgement = tg.check_derivation(by_hand, mine)
print(judgement)
assert judgement
assert [line.verdict for line in judgement.lines] == ["right"] * 5

# %% [markdown]
# ### The same with numbers
#
# Let us see all nine terms of the first line. Row $k$ and column $j$ hold
# $\frac{\partial L}{\partial a_k}\frac{\partial a_k}{\partial z_j}$, and each column is summed.
#
# **Predict:** how many of the nine terms are not 0?
#
# <details><summary>Answer</summary>
#
# Three. With a one-hot target $\partial L/\partial a_k = -y_k/a_k$ is 0 except for the true class,
# so only its row is left. All three columns have an entry there: the loss looks at one activation
# only, but this one depends on all logits.
#
# </details>


# %%
def all_terms(targets):
    """Print the nine terms and the sums of their columns; return the sums."""
    dL_da = -targets / a.data
    da_dz = np.diag(a.data) - np.outer(a.data, a.data)
    terms = dL_da[:, None] * da_dz + 0.0  # which writes −0 as 0
    print(f"y = {targets}")
    for k in range(3):
        print(f"  k = {k}   ", "".join(f"{term:9.4f}" for term in terms[k]))
    print("  sum     ", "".join(f"{column:9.4f}" for column in terms.sum(axis=0)))
    return terms.sum(axis=0)


assert_allclose(all_terms(y), a.data - y)
soft = np.array([0.1, 0.7, 0.2])
assert_allclose(all_terms(soft), a.data - soft)

# %% [markdown]
# (The program counts classes from 0, as NumPy does.) The second table has targets that are not
# one-hot, for an example of which one is not quite certain. Now no term is 0, and the sums are
# $a - y$ again. One-hot targets make the work shorter, but the result does not need them.

# %% [markdown]
# ### The usual slip
#
# If you forget that softmax acts on the whole layer, you keep only the path with $k = j$:

# %%
slip = """
∂L/∂z_j = −y_j/a_j · a_j (1 − a_j)
        = −y_j (1 − a_j)
"""
judgement = tg.check_derivation(by_hand, slip)
print(judgement)
assert not judgement
assert judgement.first_wrong == 0

# %% [markdown]
# The second line follows from the first, but the first is wrong already. The largest disagreement
# is at the first logit. With this slip the gradient would be 0 there, and no wrong class would
# ever be pushed down.

# %% [markdown]
# ## Third way: the machine
#
# Now write the loss as a program, from the smallest operations. The library records them as a
# graph. It knows the derivative of exp, of log, of a sum and of a quotient, and laws such as
# $ab + ac = a(b + c)$. It knows nothing about softmax with cross-entropy.

# %%
e = tg.exp(z)
s = tg.sum(e)
a = e / s
L = -tg.sum(y * tg.log(a))
derivation = tg.derive(L, wrt=z)
print(derivation.text())
assert str(derivation.result) == "a − y"
assert_allclose(derivation.result.evaluate(), a.data - y)
assert all(step.residual < 1e-12 for step in derivation.steps)

# %% [markdown]
# There are four parts to read.
#
# - **where** repeats what was computed, by the names you gave.
# - **Backward** is the chain rule, one row for each arrow of the graph, from a node (here called
#   vertex) to one of its arguments. A gradient g comes in, the local rule is applied, the result
#   goes on. Find the row from log a to a: −y/a goes on. That is $\partial L/\partial a$ of the
#   second way.
# - **Algebra** starts from what the backward pass leaves, a large formula, and changes one thing
#   at a time. The words between two lines give the law, and the reason why it holds here. A ▸
#   marks a line that had to be found by trying; the others only tidy up.
# - **Assumptions** lists what is not a law. It was tested on the data.

# %%
row = next(r for r in derivation.chain if str(r.to) == "a")
print("∂L/∂a =", row.contribution)
assert str(row.contribution) == "−y/a"

# %% [markdown]
# The algebra can be watched. Each frame is the graph of a formula, and an outline marks the part
# that changes next. At the end three vertices are left: a, y and a minus sign.

# %%
show(
    tg.draw(derivation),
    "07-derivation.svg",
    alt="The graph of the gradient shrinks from frame to frame, until a, y and a minus remain.",
)

# %% [markdown]
# And here is all of it as a page to step through. Drag a logit and watch the bars. Which bar of
# $a - y$ is negative? What happens to the gradient when $a$ gets close to $y$?

# %%
show(
    tg.explain(L, wrt=z),
    "07-page.html",
    alt="A page with bars of z, e to the z, a and a − y, and all steps of the derivation.",
)

# %% [markdown]
# ### Vertex by vertex
#
# On a blackboard you would not carry the large formula along. You would stop at each vertex, write
# a letter for the gradient found so far, and shorten before you go on. The usual letter is δ: `δ_a`
# is short for $\partial L/\partial a$. (It is not the Kronecker delta, which has two indices.)

# %%
staged = tg.derive(L, wrt=z, staged=True)
print(staged.text())
assert str(staged.result) == "a − y"

# %% [markdown]
# ### Index by index
#
# Three classes are few enough to write every sum out. We take the logits one by one, and derive by
# the first of them.
#
# **Predict:** the sum s has $K = 3$ paths to the loss. What does each of them send back?
#
# <details><summary>Answer</summary>
#
# Class k sends $y_k/s$: first $-y_k/a_k$ by the logarithm, then $-a_k/s$ by the quotient, and $a_k$
# cancels. So s receives $(y_0 + y_1 + y_2)/s$, and this is where the whole Σy comes from.
#
# </details>

# %%
z0, z1, z2 = (tg.name(z[k], f"z{k}") for k in range(3))
e0, e1, e2 = tg.exp(z0), tg.exp(z1), tg.exp(z2)
total = e0 + e1 + e2
a0, a1, a2 = e0 / total, e1 / total, e2 / total
written_out = -(y[0] * tg.log(a0) + y[1] * tg.log(a1) + y[2] * tg.log(a2))
one = tg.derive(written_out, wrt=z0, names={"s": total, "L": written_out})
print(f"∂L/∂z0 = {one.start}")
for step in one.steps:
    print(f"       = {step.after!s:56} {step.rule}")
assert str(one.result) == "a0 − y₀"
assert_allclose(one.result.evaluate(), a0.data - y[0])

# %% [markdown]
# ## The assumption, switched off
#
# All three ways used $\sum_k y_k = 1$, each at one place.
#
# **Predict:** what is the gradient without it? Go back to the four lines of the second way.
#
# <details><summary>Answer</summary>
#
# $a_j \sum_k y_k - y_j$, or a·Σy − y.
#
# </details>

# %%
without = tg.derive(L, wrt=z, assume=())
print("∂L/∂z =", without.result)
assert str(without.result) == "a·Σy − y"

# %% [markdown]
# This is right for *all* targets. The library does not use an assumption that fails on your data.
# Here are targets that sum to 1.75:

# %%
y = np.array([0.5, 1.0, 0.25])
L_any = -tg.sum(y * tg.log(a))
any_targets = tg.derive(L_any, wrt=z)
(assumption,) = any_targets.assumptions
print("∂L/∂z =", any_targets.result)
print(f"{assumption.statement}: holds is {assumption.holds}, off by {assumption.deviation}")
print("true gradient", tg.gradients(L_any, z), " a − y", a.data - y)
assert str(any_targets.result) == "a·Σy − y"
assert not assumption.holds
assert_allclose(tg.gradients(L_any, z), a.data * y.sum() - y)
assert abs(tg.gradients(L_any, z) - (a.data - y)).max() > 0.5

# %% [markdown]
# There is another way to see that a − y cannot be right here. Add the same number to all logits:
# softmax does not change (chapter 5), so the loss does not change either, and the slopes must
# cancel each other in the sum. The entries of a·Σy − y sum to 0 for all targets. Those of a − y
# sum to 1 − Σy, which is 0 only if Σy = 1.
#
# Such targets occur in practice: several labels for one example, examples with weights, or a row
# of zeros where a label is missing. A program that returns a − y without a look at y is wrong for
# all of them.

# %%
print("sum of the true gradient", tg.gradients(L_any, z).sum().round(12) + 0.0)
print("sum of a − y            ", (a.data - y).sum().round(12))
assert_allclose(tg.gradients(L_any, z).sum(), 0, atol=1e-12)
assert_allclose((a.data - y).sum(), 1 - y.sum())

# %% [markdown]
# ## A batch
#
# The loss of $N$ examples is the mean of their losses. Logits, activations and targets become
# matrices $Z$, $A$ and $Y$ with a row for each example. Example $n$ occurs in its own loss alone,
# with the factor $1/N$.
#
# **Predict:** what is $\partial L/\partial Z$?
#
# <details><summary>Answer</summary>
#
# $(A - Y)/N$: row by row what we found, times $1/N$.
#
# </details>

# %%
rng = np.random.default_rng(0)
Z = tg.Tensor(rng.standard_normal((4, 3)), name="Z")
Y = np.eye(3)[[1, 0, 2, 1]]
A = tg.softmax(Z)
L_batch = tg.cross_entropy(A, Y)
batch = tg.derive(L_batch, wrt=Z)
print("∂L/∂Z =", batch.result, "  and with indices  ", batch.result.text(indices=True))
assert str(batch.result) == "(A − Y)/N"
assert_allclose(batch.computed, (A.data - Y) / 4)

# %% [markdown]
# ## What the gradient says
#
# Read $a - y$ once more, now as a command to the logits. A step of descent goes *against* the
# gradient, along $y - a$.
#
# - The true class is pulled up by $1 - a_{\text{true}}$, by what it lacks.
# - Every other class is pushed down by $a_k$, by what it wrongly has.
# - Pull and pushes balance: their sum is 0.
# - No entry is larger than 1, and the gradient does not vanish before the answer is right. A
#   network that is sure of a wrong class gets the strongest pull.
#
# The last point cannot be taken for granted. Take the squared error $\tfrac12\sum_k (a_k - y_k)^2$
# of the same activations: its gradient still contains softmax's own slope, and this is almost 0
# where the network is sure, whether right or wrong.

# %%
sure = tg.Tensor([12.0, 0.0, 0.0], name="z")  # sure of the first class
y = np.array([0.0, 1.0, 0.0])  # but the second is true
pull = tg.gradients(tg.softmax_cross_entropy(sure, y), sure)
faint = tg.gradients(tg.sum_squared_error(tg.softmax(sure), y), sure)
print(f"strongest pull: {abs(pull).max():.6f} by cross-entropy")
print(f"                {abs(faint).max():.6f} by the squared error")
assert abs(pull).max() > 0.99
assert abs(faint).max() < 1e-3

# %% [markdown]
# ## In short
#
# | way | what it needs | where Σy = 1 is used |
# |---|---|---|
# | log-sum-exp | rewrite first, then differentiate | before the derivative is taken |
# | Jacobian | $-y_k/a_k$ and $a_k(\delta_{kj} - a_j)$ | in the last line |
# | machine | the derivatives of exp, log, Σ and / | where Σy/s becomes 1/s |
#
# Remember the first if you want to find the result again. The second tells you what a network
# computes.

# %% [markdown]
# ## Exercises
#
# Write your answer into a file, and have it judged: `python -m tinygrad_edu exercise 7.1 mine.txt`.
# A number, a formula and a derivation go into a text file, a program into a Python file.

# %%
show(exercise("7.1"))

# %%
show(exercise("7.2"))

# %%
show(exercise("7.3"))

# %%
show(exercise("7.4"))

# %%
show(exercise("7.5"))

# %%
show(exercise("7.6"))

# %%
show(exercise("7.7"))

# %%
show(exercise("7.8"))
