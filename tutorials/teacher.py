# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # For the teacher
#
# What to project, how long it takes, what students ask, and where the usual sources slip. Every
# picture below is made by the line above it.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## A plan
#
# The minutes are for class, with the students predicting before each result is shown. The time at
# the head of a chapter is for reading alone. Which slide of which lecture a chapter serves is
# listed in *Where the lectures are taught*.
#
# | chapter | minutes | project |
# |---|---|---|
# | 1 Derivatives on a graph | 45 | the graph with its gradients; let the class fill in one arrow at a time |
# | 2 Build the engine | 60 | an empty editor: write the fifty lines with them, and let the wrong order fail |
# | 3 Vectors and Jacobians | 45 | the graph with several paths, and the delta that picks an entry |
# | 4 Output layers and losses | 45 | the table of heads, the curve that one hidden layer draws |
# | 5 Softmax | 60 | the live page with its bars; derive j = k and j ≠ k on the board |
# | 6 Cross-entropy | 45 | the three predictions for one flower, and the curve of −log |
# | 7 Why the gradient is a − y | 90 | the page step by step; the switch for Σy = 1 at the end |
# | 8 Checking gradients | 45 | a wrong rule, and the report that names it |
# | 9 The sigmoid, and several labels | 45 | both losses over the logit |
# | 10 Stability | 30 | the table of routes |
# | 11 Softmax regression, by hand | 60 | the training loop in plain NumPy, and the five claims |
# | 12 Norms and penalties | 60 | the unit balls, the two pulls on one weight |
# | 13 Dropout | 45 | one network, and all those that dropout trains in it |
# | 14 Validation and early stopping | 30 | the curve that turns up |
# | 15 A network that knows shirts from shoes | 45 | loss and accuracy where they part |
# | 16 Curvature | 60 | the paths of the optimisers on one valley |
# | 17 An operation of your own | 45 | an operation of the students' choice |
# | 18 What the machine writes | 30 | the three programs side by side |
#
# For a single lecture of 90 minutes take chapter 7, with the picture of chapter 5 before it and the
# table of chapter 10 after it. Chapters 1 to 3 can be left out where backpropagation is known.
#
# **On the projector.** A page made by `tg.explain` steps by the arrow keys; `P` sets it for a
# projector, and `?` lists the keys. `python -m tinygrad_edu explain softmax-ce --open` opens one
# from a terminal, and the reference of the book has one for every equation of the lectures. A page
# prints as a handout. `tg.draw(…).save("name.svg")` gives a picture for slides that has no ground
# of its own and follows light and dark.

# %% [markdown]
# ## What students ask
#
# ### Where does the 1/N go?
#
# Into the loss, and from there into the gradient, once. In the graph the mean is a vertex of its
# own, and its arrow back carries 1/N.

# %%
Z = tg.Tensor([[1.47, -0.39, 0.22], [0.3, 0.1, -0.5]], name="Z")
Y = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
for reduction in ("mean", "sum"):
    L = tg.softmax_cross_entropy(Z, Y, reduction=reduction)
    print(f"{reduction:>4}: ∂L/∂Z =", tg.derive(L, wrt=Z).result)
mean = tg.softmax_cross_entropy(Z, Y)
assert_allclose(2 * tg.gradients(mean, Z), tg.softmax(Z.data) - Y)

# %%
show(
    tg.draw(mean, gradients=True, names={"Y": Y, "L": mean}),
    "teacher-mean.svg",
    alt="Logits and targets go into softmax cross-entropy, which makes one loss for each of two "
    "examples; the mean makes one number of them, and sends back a half to each.",
)

# %% [markdown]
# A rate that was good with the mean is N times too large with the sum. Slips to look for: 1/N in
# the update and not in the loss, or in both; the length of the whole set where the batch was meant.
#
# ### Why is my softmax Jacobian only a diagonal?
#
# Because softmax was treated as if it acted on each unit alone, as a sigmoid does. Its sum joins
# all units: raising one logit lowers every other activation.

# %%
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
y = np.array([0.0, 1.0, 0.0])
a = tg.name(tg.softmax(z), "a")
jacobian = tg.jacobian(tg.softmax)(z.data)
print(tg.derive(a, wrt=z).jacobian(), "is")
print(jacobian)
assert_allclose(jacobian, np.diag(a.data) - np.outer(a.data, a.data))

figure, (whole, wrong) = panels(across=2, width=3.2, height=3.0)
for panel, shown, title in (
    (whole, jacobian, "the Jacobian"),
    (wrong, np.diag(np.diag(jacobian)), "only its diagonal"),
):
    panel.imshow(shown, cmap="RdBu_r", vmin=-0.25, vmax=0.25)
    panel.set(title=title, xticks=range(3), yticks=range(3), xlabel="by logit", ylabel="of a")
    panel.grid(visible=False)
show(
    figure,
    "teacher-jacobian.svg",
    alt="Two grids of three by three: the Jacobian of softmax has positive entries on its diagonal "
    "and negative ones everywhere else; in the other grid only the diagonal is left.",
)

# %% [markdown]
# With the diagonal alone, the gradient of the loss becomes −y(1 − a): wrong classes are never
# pushed down. The library knows the slip by name.

# %%
L = tg.cross_entropy(a, y)
verdict = tg.check_answer(tg.derive(L, wrt=z), "−y·(1 − a)")
print(verdict)
assert not verdict
assert "diagonal" in str(verdict)

# %% [markdown]
# ### Why NaN?
#
# Nearly always log(0), and then infinity times 0. Let the student ask which operation made it.

# %%
with np.errstate(all="ignore"):
    far = tg.Tensor([800.0, 0.0], name="z")
    likely = tg.name(tg.softmax(far), "a")
    loss = -tg.sum(np.array([0.0, 1.0]) * tg.log(likely))
    print(tg.find_nonfinite(loss))
    assert not np.isfinite(tg.gradients(loss, far)).all()
routes = tg.routes(z, y)
print(routes)

# %%
sizes = np.linspace(0, 1200, 121)
with np.errstate(all="ignore"):
    naive = [-np.log(tg.softmax(np.array([size, 0.0]))[1]) for size in sizes]
stable = [tg.softmax_cross_entropy(np.array([size, 0.0]), np.array([0.0, 1.0])) for size in sizes]
figure, (panel,) = panels(width=6.0, height=3.0)
panel.plot(sizes, stable, label="softmax_cross_entropy(z, y)")
panel.plot(sizes, naive, "--", label="−log(softmax(z))")
panel.set(xlabel="largest logit", ylabel="loss")
panel.legend()
show(
    figure,
    "teacher-nan.svg",
    alt="The fused loss grows in a straight line with the logit. The logarithm of softmax follows "
    "it to about 745, and ends there: beyond, it is infinite.",
)
assert np.isinf(naive[-1])
assert_allclose(stable[-1], 1200)

# %% [markdown]
# The mend is algebra, not a small number added inside the logarithm: with log a + 10⁻⁷ the loss is
# finite, and its gradient is wrong where it matters most.
#
# ### L2 or weight decay?
#
# For plain gradient descent they are one, for Adam they are two methods.

# %%
w0 = np.array([3.0, -0.5])


def after(make, **options):
    """Return the weights after fifty steps on ½Σ(w·(10, 0.1) − 1)²."""
    w = tg.Tensor(w0, name="w")
    optimizer = make([w], lr=0.01, **options)
    for _ in range(50):
        loss = tg.sum_squared_error(w * np.array([10.0, 0.1]), np.ones(2))
        optimizer.step([tg.gradients(loss, w)])
    return w.data


print("SGD  ", after(tg.optim.SGD, l2=0.5), after(tg.optim.SGD, weight_decay=0.5))
print("Adam ", after(tg.optim.Adam, l2=0.5), after(tg.optim.AdamW, weight_decay=0.5))
assert_allclose(after(tg.optim.SGD, l2=0.5), after(tg.optim.SGD, weight_decay=0.5))
assert abs(after(tg.optim.Adam, l2=0.5) - after(tg.optim.AdamW, weight_decay=0.5)).max() > 0.01

# %%
w = tg.Tensor([3.0, -0.5, 0.2], name="w")
E = tg.sum_squared_error(w, np.array([1.0, 1.0, 0.0]))
show(
    tg.forces(E, w, decay=0.5),
    "teacher-forces.svg",
    alt="For each of three weights an arrow of the data and an arrow of the spring; the spring "
    "pulls each weight towards 0, and harder the further away it is.",
)

# %% [markdown]
# Also ask what the student's framework means by the number. Keras's `l2=0.001` is 0.001 Σw² without
# a half, PyTorch's `weight_decay` of SGD and Adam is the penalty with the half, that of AdamW the
# decay.
#
# ### Why not MSE?
#
# With a sigmoid or softmax on top, the squared error's gradient has the slope of the activation as
# a factor. Where the network is surely wrong, that slope is almost 0.

# %%
s, t = tg.Tensor([-4.0], name="s"), np.array([1.0])
a = tg.name(tg.sigmoid(s), "a")
print("squared error:", tg.derive(tg.sum_squared_error(a, t), wrt=s).result)
print("cross-entropy:", tg.derive(tg.sigmoid_cross_entropy(s, t), wrt=s).result)

logits = np.linspace(-8, 8, 161)
activations = tg.sigmoid(logits)
figure, (panel,) = panels(width=6.0, height=3.0)
panel.plot(logits, activations - 1, label="cross-entropy: a − y")
panel.plot(logits, (activations - 1) * activations * (1 - activations), "--", label="squared error")
panel.set(xlabel="logit, where yes is true", ylabel="gradient by the logit")
panel.legend()
show(
    figure,
    "teacher-mse.svg",
    alt="The gradient of cross-entropy goes from minus one at very wrong logits up to 0 at right "
    "ones. That of the squared error is almost 0 at both ends.",
)
gone, left = (activations - 1) * activations * (1 - activations), activations - 1
assert abs(gone[0]) < 1e-3
assert left[0] < -0.99

# %% [markdown]
# The squared error is no mistake: outliers cost it less (chapter 9), and from a neutral start it is
# not slower. Cross-entropy is what the likelihood of labels asks for.
#
# ### Must the targets sum to 1?
#
# For a − y, yes. Without it the gradient is a·Σy − y. One-hot targets and smoothed ones do sum to 1,
# the rows of several labels do not.

# %%
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
y = np.array([0.0, 1.0, 0.0])
a = tg.name(tg.softmax(z), "a")
L = -tg.sum(y * tg.log(a))
derivation = tg.derive(L, wrt=z, names={"a": a})
print(derivation.result, "and without the assumption", tg.derive(L, wrt=z, assume=()).result)
show(
    tg.draw(derivation),
    "teacher-assumption.svg",
    alt="Frames of a derivation that ends in a minus y; one of its steps is the assumption that "
    "the targets sum to 1.",
)

# %% [markdown]
# ## Where the usual sources slip
#
# Lecture notes and slides that circulate on this matter share some slips. A student who reads both
# will ask.
#
# | the source says | what holds |
# |---|---|
# | softmax(−2, 2, −3) = (0.02, 0.98, 0.01) | each is rounded right, but they sum to 1.01: the values are .0179, .9756, .0066 |
# | k = 1 for Setosa, with the target (0, 1, 0) | that is the *second* entry; scikit-learn gives Setosa the class 0, so its target is (1, 0, 0) |
# | repeat steps 2 to 5: forward, loss, backward | one step is missing: update the weights |
# | softmax depends on relative differences | on absolute ones: adding 1000 to all logits changes nothing, multiplying them by 2 does |
# | with dropout never all units drop at once | n units all drop with probability pⁿ |
# | dropout zeroes units, and nothing is scaled at inference | then training must scale by 1/(1 − p), which goes unsaid |
# | sums over m and n, over i and k, in one formula | classes k (and j), examples n; see *Notation* |
# | the derivation ends at Σₖ yₖ(aⱼ − δₖⱼ) | one line is missing, and it needs Σy = 1: aⱼ − yⱼ |
# | J without 1/N, its update with 1/N | either both or none |
# | exp(z) are the unnormalised log-probabilities | z are; exp(z) are unnormalised probabilities |
# | the likelihood is a sum of logarithms | that is the *log*-likelihood |
# | cross-entropy converges faster than the squared error | from a wrong start, yes; from a neutral one it need not (chapter 6) |

# %%
assert_allclose(tg.softmax(np.array([-2.0, 2.0, -3.0])).round(4), [0.0179, 0.9756, 0.0066])
assert_allclose(tg.softmax(np.array([-2.0, 2.0, -3.0])).round(2).sum(), 1.01)
assert_allclose(tg.softmax(np.array([1.0, 2.0]) + 1000), tg.softmax(np.array([1.0, 2.0])))

# %% [markdown]
# ## Exercises and grading
#
# Every chapter ends with exercises. `python -m tinygrad_edu exercise` lists them, `exercise 7.3`
# shows one, and `exercise 7.3 answer.py` judges an answer: exit status 0 (right), 1 (wrong) or 2
# (cannot be read).
# [Sheets and grading](../docs/grading.md) tells how a class gets sheets and marks.
# A derivation is judged line by line by `tg.check_derivation`, in text, index notation or LaTeX.
