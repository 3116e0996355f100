# %% [markdown]
# # 5. Losses, priors and optimisers
#
# Lecture topics: A4 (hidden activations), A12 (absolute and squared error), A13 (norms), A14 (a
# loss with two penalties), A18 (the Fashion-MNIST network), C2 (maximum likelihood and a prior),
# D2 (binary cross-entropy), D4 (losses as likelihoods), D5 (cross-entropy and divergence), D6
# (outliers and rare classes), D10 (weight decay as a prior), D12 (conjugate gradients), D13
# (natural gradients), D14 (six methods on one problem).
#
# The first tutorials built each graph by hand. The lectures' graphs are also there by name: `derive
# --list` and `prove --list` on the command line, `LECTURES` and `IDENTITIES` here.

# %%
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.experiments import (
    fashion,
    natural_gradient,
    optimizers,
    paraboloid,
    posterior,
)
from tinygrad_edu.lectures import IDENTITIES, LECTURES

pictures = Path("build/tutorials")
pictures.mkdir(parents=True, exist_ok=True)


def derived(name):
    """Derive a gradient of the lectures; it must equal the one that backward computes."""
    derivation = LECTURES[name].derive()
    assert_allclose(derivation.result.evaluate(), derivation.computed, rtol=1e-12, atol=1e-14)
    print(f"{LECTURES[name].title}\n    {derivation.result}")
    return derivation


# %% [markdown]
# ## Slopes of hidden units (A4)
#
# A hidden unit passes on g times the slope of its activation. ReLU's is 0 or 1, GELU's is smooth,
# tanh's vanishes on both sides.

# %%
x = np.array([-3.0, -1.0, 0.0, 1.0, 3.0])
print("x      ", x)
for activation in (tg.relu, tg.gelu, tg.tanh):
    slopes = tg.grad(lambda v, f=activation: f(v).sum())(x)
    print(f"{activation.__name__:7}", slopes.round(3))

# %% [markdown]
# ## Errors, norms, penalties (A12, A13, A14)
#
# The absolute error pulls with the same force however far it is, the squared error with a force
# that grows; ℓp norms with p > 1 pull most at the largest entry. A14 adds both penalties to the
# absolute error, its ℓ2 not squared.

# %%
for name in ("mae", "mse", "norm-1", "norm", "norm-p", "penalty"):
    derived(name)

# %% [markdown]
# ## Where the losses come from (D2, D4, D5)
#
# Least squares and binary cross-entropy are −log of a likelihood, the slides' "likelihood" without
# the log; σ drops out of the minimiser. Cross-entropy is the divergence plus an entropy that no
# weight can change, so both have one gradient.

# %%
derived("binary-ce")
for name in ("gaussian-likelihood", "bernoulli-likelihood", "cross-entropy-is-kl"):
    proof = IDENTITIES[name].prove()
    print(f"{IDENTITIES[name].title}: proved in {len(proof.steps)} steps")
    assert proof.proved
one, other = derived("kl-divergence"), derived("kl-cross-entropy")
assert_allclose(one.computed, other.computed, rtol=1e-12)

# %% [markdown]
# ## A prior is a spring (C2, D10)
#
# Minimising the cross-entropy with a one-hot target maximises the likelihood of the true class.
# With a Gaussian prior on the weights the lowest point is the most probable W, and the prior adds
# λW to the gradient. Where the posterior mean has a closed form, weight decay finds it, with
# λ = σ²/σ₀².

# %%
derived("softmax-regression-decay")
found = posterior.run()
print(found.table())
print("the picture:", found.save(pictures / "posterior.svg"))

# %% [markdown]
# ## Second order (D12, D13, D14)
#
# Conjugate gradients end after n steps in n dimensions, but for rounding. A natural gradient does
# not ask how the probability is written: linear changes leave each step as it is, others in the
# limit of small steps. On one problem, six methods are compared by steps and by cost.

# %%
found = paraboloid.run()
print(found.table())
print("the picture:", found.save(pictures / "paraboloid.svg"))

found = natural_gradient.run(halvings=2)
print(found.table())
assert_allclose([found.natural[name][1] for name in ("p", "logit")], [0.62, 0.6177], atol=5e-5)

found = optimizers.run(steps=100)
print(found.table())
print("the picture:", found.save(pictures / "optimisers.svg"))

# %% [markdown]
# ## The large network (A18)
#
# 784 pixels, 300 and 100 ReLU units, 10 classes. Trained on the real pictures it takes a few
# minutes: `python -m tinygrad_edu train fashion --dropout 0.2 --seeds 3` trains it with and
# without dropout, and says how sure the difference is.

# %%
model = fashion.network(0.2, np.random.default_rng(0))
print(model.summary())
loss = model.loss(model(np.zeros((2, 784), np.float32)), np.array([3, 7]))
print("the picture:", tg.draw(loss, fold=True).save(pictures / "fashion-network.svg"))
