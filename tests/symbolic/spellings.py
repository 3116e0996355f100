"""Right answers as people type them: each spelling of the language, on small derivations."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tests.symbolic.exercises import ONE_HOT, named

RNG = np.random.default_rng(0)
LOGITS, TARGET = [1.47, -0.39, 0.22], [0.0, 1.0, 0.0]


def softmax():
    z, y = named("z", LOGITS), named("y", TARGET)
    a = tg.name(tg.softmax(z), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), z


def layer(wrt):
    X, W = named("X", RNG.normal(size=(4, 5))), named("W", RNG.normal(size=(5, 3)))
    b, Y = named("b", RNG.normal(size=3)), named("Y", ONE_HOT)
    A = tg.name(tg.softmax(X @ W + b), "A")
    return tg.name(tg.cross_entropy(A, Y), "L"), {"W": W, "b": b, "X": X}[wrt]


def example():
    W, x = named("W", RNG.normal(size=(3, 5))), named("x", RNG.normal(size=5))
    b, y = named("b", RNG.normal(size=3)), named("y", TARGET)
    a = tg.name(tg.softmax(W @ x + b), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), W


def vector_jacobian():
    z = named("z", LOGITS)
    return tg.name(tg.softmax(z), "a"), z


def quadratic():
    x, A = named("x", RNG.normal(size=4)), named("A", RNG.normal(size=(4, 4)))
    return tg.name(x @ A @ x, "q"), x


def cubic():
    M = named("M", RNG.normal(size=(3, 3)))
    return tg.name(tg.trace(M @ M @ M), "t"), M


def squares():
    X, w = named("X", RNG.normal(size=(4, 5))), named("w", RNG.normal(size=5))
    t = named("t", RNG.normal(size=4))
    return tg.name(((X @ w - t) ** 2).mean(), "L"), w


def ridge():
    X, w = named("X", RNG.normal(size=(4, 5))), named("w", RNG.normal(size=5))
    t, λ = named("t", RNG.normal(size=4)), named("λ", 0.3)
    return tg.name(tg.sum_squared_error(X @ w, t) + tg.weight_decay(w, λ), "L"), w


def sigmoid():
    s, t = named("s", [0.3, -1.0, 0.8]), named("t", [0.0, 1.0, 1.0])
    z = tg.name(tg.sigmoid(s), "z")
    return tg.name(-(t * tg.log(z) + (1 - t) * tg.log(1 - z)).sum(), "L"), s


def network(function, first, second, targets=None):
    X, W = named("X", RNG.normal(size=(4, 5))), named(first, RNG.normal(size=(5, 6)))
    V, Y = named(second, RNG.normal(size=(6, 3))), named("Y", ONE_HOT)
    U = tg.name(X @ W, "U") if function is tg.relu else X @ W
    H = tg.name(function(U), "H")
    A = tg.name(tg.softmax(H @ V), "A")
    return tg.name(tg.cross_entropy(A, Y if targets is None else targets), "L"), W


def labels():
    y = np.array([0, 2, 1, 1])
    return *network(tg.tanh, "W1", "W2", y), {"y": y}


def warm():
    z, y, T = named("z", LOGITS), named("y", TARGET), named("T", 2.0)
    a = tg.name(tg.softmax(z / T), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), z


def warm_layer():
    X, W = named("X", RNG.normal(size=(4, 5))), named("W", RNG.normal(size=(5, 3)))
    Y, T = named("Y", ONE_HOT), named("T", 2.0)
    A = tg.name(tg.softmax(X @ W / T), "A")
    return tg.name(tg.cross_entropy(A, Y), "L"), W


def length():
    x = named("x", [3.0, -4.0, 12.0])
    return tg.norm(x), x


def gauss():
    x, μ = named("x", [0.3, -1.0, 0.8]), named("μ", [0.1, 0.2, 0.3])
    σ = named("σ", [1.0, 2.0, 0.5])
    return tg.name((((x - μ) / σ) ** 2).sum() / 2, "L"), μ


def hat():
    x, y = named("x̂", [0.3, -1.0, 0.8]), named("y", [0.1, 0.2, 0.3])
    return tg.name(tg.sum_squared_error(x, y), "L"), x


def mean():
    z = named("z", [1.0, 2.0, 3.0])
    return z.mean(), z


def masked():
    A, D = named("A", RNG.normal(size=(3, 3))), named("D", RNG.normal(size=(3, 3)))
    return A * D @ named("x", RNG.normal(size=3)), D


def smoothed():
    z, y, ε = named("z", LOGITS), named("y", TARGET), named("ε", 0.1)
    q = tg.name((1 - ε) * y + ε / 3, "q")
    a = tg.name(tg.softmax(z), "a")
    return tg.name(-(q * tg.log(a)).sum(), "L"), z


def scaled_rows():
    A, z = named("A", RNG.normal(size=(3, 3))), named("z", RNG.normal(size=3))
    return tg.name(named("b", RNG.normal(size=3)) * (A @ z), "u"), z


def pairs():
    W, f = named("W", RNG.normal(size=(3, 3))), named("f", RNG.normal(size=3))
    return tg.name((W * (f[:, None] - f[None, :]) ** 2).sum() / 2, "E"), f


def one_entry():
    z = named("z", [0.3, -1.0, 0.5])
    return tg.log(tg.name(tg.softmax(z), "p"))[1], z


def table():
    return named("Z", RNG.normal(size=(4, 3)))


def column_sums():
    b = named("b", RNG.normal(size=3))
    return (b * table()).sum(), b


def row_sums():
    c = named("c", RNG.normal(size=4))
    return (c[:, None] * table()).sum(), c


def spread():
    Z = table()
    return (named("c", RNG.normal(size=4))[:, None] * Z).sum(), Z


def running():
    x, w = named("x", RNG.normal(size=4)), named("w", RNG.normal(size=4))
    return tg.name((w * tg.cumsum(x)).sum(), "L"), x


def softplus():
    s = named("s", [0.3, -1.0, 0.8])
    return tg.name(tg.softplus(s).sum(), "L"), s


def logistic(wrt):
    X, w = named("X", RNG.normal(size=(4, 5))), named("w", RNG.normal(size=5))
    b, y = named("b", 0.3), named("y", [0.0, 1.0, 1.0, 0.0])
    p = tg.name(tg.sigmoid(X @ w + b), "p")
    return tg.binary_cross_entropy(p, y), {"w": w, "b": b}[wrt]


def deep(wrt):
    X, W1 = named("X", RNG.normal(size=(4, 5))), named("W1", RNG.normal(size=(5, 6)))
    b1, W2 = named("b1", RNG.normal(size=6)), named("W2", RNG.normal(size=(6, 3)))
    Z1 = tg.name(X @ W1 + b1, "Z1")
    A1 = tg.name(tg.sigmoid(Z1), "A1")
    A2 = tg.name(tg.softmax(A1 @ W2), "A2")
    return tg.cross_entropy(A2, named("Y", ONE_HOT)), {"W1": W1, "b1": b1, "W2": W2}[wrt]


def predictions():
    X, θ = named("X", RNG.normal(size=(6, 3))), named("θ", RNG.normal(size=3))
    ŷ = tg.name(X @ θ, "ŷ")
    return ((ŷ - named("y", RNG.normal(size=6))) ** 2).mean(), θ


def rectified():
    z, u = named("z", [0.3, -1.0, 0.8]), named("u", [1.0, 2.0, 3.0])
    return (u * tg.relu(z)).sum(), z


def class_labels():
    Z = named("Z", RNG.normal(size=(4, 3)))
    y = np.array([0, 2, 1, 1])
    return tg.softmax_cross_entropy(Z, y), Z, {"y": y}


def rows_of_logits():
    Z = named("Z", RNG.normal(size=(4, 3)))
    return tg.softmax_cross_entropy(Z, named("Y", ONE_HOT)), Z


def distance():
    A, B = named("A", RNG.normal(size=(3, 4))), named("B", RNG.normal(size=(3, 4)))
    return tg.sum_squared_error(A, B), A


def far_rows():
    X, c = named("X", RNG.normal(size=(4, 3))), named("c", RNG.normal(size=3))
    return tg.norm(X - c, axis=1).sum(), c


def log_sum_exp():
    x = named("x", RNG.normal(size=4))
    return tg.logsumexp(x), x


BUILT = {
    "logistic_weights": lambda: logistic("w"),
    "logistic_bias": lambda: logistic("b"),
    "first_layer": lambda: deep("W1"),
    "first_bias": lambda: deep("b1"),
    "second_layer": lambda: deep("W2"),
    "weights": lambda: layer("W"),
    "bias": lambda: layer("b"),
    "inputs": lambda: layer("X"),
    "gated": lambda: network(tg.relu, "W_1", "W_2"),
    "two_layers": lambda: network(tg.tanh, "W1", "W2"),
}

TYPED = {
    "softmax": [
        "a - y",
        "a_j - y_j",
        "aⱼ − yⱼ",
        "a_{j} - y_{j}",
        "∂L/∂z = a − y",
        "∂L/∂z_j = a_j − y_j",
        "∂L/∂z_i = a_i - y_i",
        r"\frac{\partial L}{\partial z} = a - y",
        r"\frac{\partial L}{\partial z_j} = a_j - y_j",
        "$a - y$",
        r"\[ a - y \]",
        r"\begin{align*} \frac{\partial L}{\partial z} &= a\sum_k y_k - y \\ &= a-y \end{align*}",
        r"\boldsymbol{a}-\boldsymbol{y}",
        r"\vec{a}-\vec{y}",
        "np.exp(z)/np.exp(z).sum() - y",
        "e^z/∑e^z − y",
        "e^{z}/Σ e^{z} - y",
        r"\frac{e^{z}}{\sum e^{z}} - y",
        r"\frac{e^{z_j}}{\sum_k e^{z_k}} - y_j",
        r"\frac{\exp(z_j)}{\sum_{k=1}^{K} \exp(z_k)} - y_j",
        r"\sum_{k=1}^{K} y_k (a_j - \delta_{jk})",
        r"\sum_{k=1}^K y_k \left( a_j - \delta_{kj} \right)",
        "Σₖ yₖ·(aⱼ − δₖⱼ)",
        "sum_k y_k (a_j - δ_kj)",
        r"\operatorname{softmax}(z) - y",
        r"\mathrm{softmax}(z) - y",
        r"\text{softmax}(z)_j - y_j",
        "softmax(z)_j - y_j",
        "softmax(z_j) - y_j",
        "Softmax(z) - y",
        "a·Σy − y",
        "a*y.sum() - y",
        "a (1ᵀ y) - y",
        r"a \, \mathbf{1}^\top y - y",
        "a·(yᵀ 1) − y",
        "(diag(a) - a a^T)(-y/a)",
        "(np.diag(a) - np.outer(a, a)) @ (-y/a)",
        "-(np.diag(a) - np.outer(a, a)).T.dot(y/a)",
        "(diag(a) − a aᵀ)ᵀ (−y / a)",
        "a − I y",
        "a - np.eye(3) @ y",
        "exp(log_softmax(z)) - y",
        "exp(z − log Σexp(z)) − y",
        "np.exp(z - np.log(np.exp(z).sum())) - y",
        "a-y.data",
        "tg.softmax(z) - y",
        "torch.softmax(z, dim=0) - y",
        "scipy.special.softmax(z) - y",
        "∇_z L = a − y",
        "dz = a - y",
        r"\delta = a - y",
        r"\dfrac{\mathrm{d}L}{\mathrm{d}z} = {\bf a} - {\bf y}.",
        r"\begin{pmatrix} a_0 - y_0 \\ a_1 - y_1 \\ a_2 - y_2 \end{pmatrix}",
        "z.grad = a - y",
        r"\nabla_z L = a - y",
        "[a₀ − y₀, a₁ − y₁, a₂ − y₂]",
        "np.array([a[0]-y[0], a[1]-y[1], a[2]-y[2]])",
    ],
    "weights": [
        "Xᵀ(A − Y)/N",
        "X.T @ (A-Y) / N",
        "X.T.dot(A-Y)/len(X)",
        "X.T.dot(A - Y)/X.shape[0]",
        "np.matmul(X.T, A - Y)/N",
        "matmul(X.T, A-Y)/n",
        "X'(A-Y)/N",
        "X^T (A - Y)/N",
        "1/N X^T (A-Y)",
        r"\frac{1}{N}X^\top(A-Y)",
        r"\frac{1}{N} X^{\top} (A - Y)",
        r"\frac{1}{N}\mathbf{X}^{T}\left(\mathbf{A}-\mathbf{Y}\right)",
        r"\frac{X^\top (A-Y)}{N}",
        r"\frac{\partial L}{\partial W} = \frac1N X^\top (A - Y)",
        r"\frac{1}{N}\sum_{n=1}^{N} X_{ni}(A_{nj} - Y_{nj})",
        r"\frac{1}{N}\sum_n X_{ni}(A_{nj}-Y_{nj})",
        "Σₙ(Xₙᵢ·(Aₙⱼ − Yₙⱼ))/N",
        "Σₙ Xₙᵢ (Aₙⱼ − Yₙⱼ)/N",
        "sum_n X_ni (A_nj - Y_nj) / N",
        "∂L/∂W_ij = Σ_n X_ni (A_nj − Y_nj)/N",
        "∂L/∂W_{dk} = 1/N Σ_n X_{nd} (A_{nk} − Y_{nk})",
        "np.einsum('nd,nk->dk', X, A - Y)/N",
        "((A-Y).T @ X).T/N",
        "np.transpose(X) @ (A - Y) / N",
        "(X.T@A - X.T@Y)/N",
        "XᵀA/N − XᵀY/N",
        r"X^\top\cdot(A-Y)/N",
        "Xᵀ·(A − Y)/N",
        "1/N(X.T @ (A - Y))",
        "X.T @ (softmax(X W + b) − Y)/N",
        "X.T @ (np.exp(X@W+b)/np.exp(X@W+b).sum(axis=1, keepdims=True) - Y)/N",
        "X.T @ (np.exp(X@W+b)/np.exp(X@W+b).sum(axis=1)[:,None] - Y)/N",
        "X.T @ ((A-Y)/N)",
        r"\frac1N \sum_n x_n (a_n - y_n)^\top",
    ],
    "bias": [
        "(A-Y).sum(axis=0)/N",
        "(A-Y).sum(0)/N",
        "np.sum(A-Y, axis=0)/N",
        "np.sum(A-Y, 0)/len(A)",
        "(A-Y).mean(axis=0)",
        "np.mean(A - Y, axis=0)",
        "mean(A-Y, axis=0)",
        "Σₙ(A − Y)/N",
        "1ᵀ(A − Y)/N",
        "ones^T (A-Y)/N",
        "(A−Y)ᵀ 1/N",
        "np.ones(N) @ (A - Y)/N",
        "(A-Y).T @ np.ones(len(A)) / len(A)",
        r"\frac{1}{N}\mathbf{1}^\top(A-Y)",
        r"\frac{1}{N}(A-Y)^\top\mathbf{1}",
        r"\frac1N\sum_{n=1}^N (A_{nj} - Y_{nj})",
        r"\frac{1}{N}\sum_n (A_{nk}-Y_{nk})",
        "1/N Σ_n (A_nj − Y_nj)",
        "Σ_n(A_nj - Y_nj)/N",
        "(1/N)·Σₙ(Aₙⱼ − Yₙⱼ)",
        "sum(A-Y, axis=0)/N",
        "∂L/∂b_j = Σ_n(A_nj − Y_nj)/N",
        r"\frac1m \sum_{i=1}^m (a^{(i)} - y^{(i)})",
        r"\frac1N \sum_n (\mathrm{softmax}(W^\top x_n + b) - y_n)",
    ],
    "inputs": [
        "(A − Y) Wᵀ/N",
        "(A-Y) @ W.T / N",
        "(A-Y).dot(W.T)/len(X)",
        r"\frac{1}{N}(A-Y)W^\top",
        "Σₖ (Aₙₖ − Yₙₖ) Wⱼₖ/N",
        "∂L/∂X_nd = Σ_k (A_nk − Y_nk) W_dk / N",
        "(W (A-Y)ᵀ)ᵀ/N",
    ],
    "example": [
        "(a − y) xᵀ",
        "(a-y) x^T",
        "(a-y)x'",
        "(a - y) x.T",
        "(a-y) @ x.T",
        "outer(a-y, x)",
        "np.outer(a - y, x)",
        "(a-y) ⊗ x",
        r"(a-y) \otimes x",
        r"(a - y) x^\top",
        r"(a - y)\,x^{\top}",
        "(a-y)[:,None]*x",
        "(a-y)[:, None] * x[None, :]",
        "(a-y).reshape(-1,1) * x",
        "(a - y)[:, np.newaxis] * x",
        "(a-y)[:,None] @ x[None,:]",
        "np.einsum('i,j->ij', a-y, x)",
        "(a_i - y_i) x_j",
        "∂L/∂W_ij = (a_i − y_i) x_j",
        r"\frac{\partial L}{\partial W_{ij}} = (a_i - y_i) x_j",
        "x_j (a_i − y_i)",
        "a xᵀ − y xᵀ",
        "(x (a−y)ᵀ)ᵀ",
        "diag(a-y) 1 xᵀ",
        "np.expand_dims(a-y, 1) * x",
    ],
    "vector_jacobian": [
        "a·(g − Σ(a·g))",
        "a ⊙ (g − aᵀ g)",
        "a*(g - (a*g).sum())",
        "a*(g - a@g)",
        "a*(g - np.dot(a, g))",
        "a*(G - a@G)",
        "a·(g − ⟨a,g⟩)",
        r"a \odot (g - \langle a, g \rangle)",
        r"a\odot\left(g-a^\top g\right)",
        "a_j (g_j − Σ_k a_k g_k)",
        "aⱼ·(gⱼ − Σₖ aₖ·gₖ)",
        r"a_j\left(g_j - \sum_k a_k g_k\right)",
        r"a_j \Big( g_j - \sum_{k=1}^{K} a_k g_k \Big)",
        "(diag(a) − a aᵀ) g",
        "diag(a) − a aᵀ",
        "diag(a) - a a^T",
        "np.diag(a) - np.outer(a, a)",
        r"\operatorname{diag}(a) - a a^\top",
        "a_k(δ_kj − a_j)",
        "aₖ·(δₖⱼ − aⱼ)",
        "∂a_k/∂z_j = a_k(δ_kj − a_j)",
        r"\frac{\partial a_k}{\partial z_j} = a_k(\delta_{kj} - a_j)",
        "diag(a)(I − 1 aᵀ)",
        "diag(a) (I - 1 a^T)",
        "J = diag(a) − a aᵀ",
        "a·(g − a·g)",
        "g*a - a*np.sum(g*a)",
        "a (g − aᵀ g)",
    ],
    "quadratic": [
        "(A + Aᵀ) x",
        "A x + Aᵀ x",
        "A @ x + A.T @ x",
        "Aᵀ x + A x",
        "(A + A.T) @ x",
        "A x + (xᵀ A)ᵀ",
        "A x + xᵀ A",
        "A@x + x@A",
        "Σⱼ(Aᵢⱼ + Aⱼᵢ)xⱼ",
        "sum_j (A_ij + A_ji) x_j",
        "Σ_j A_ij x_j + Σ_j A_ji x_j",
        r"\left(A + A^\top\right)x",
        r"(A+A^{T})\mathbf{x}",
    ],
    "cubic": [
        "3·Mᵀ Mᵀ",
        "3*(M@M).T",
        "3 (M M)ᵀ",
        "3 (Mᵀ)(Mᵀ)",
        "3 M.T @ M.T",
        "3 Mᵀ Mᵀ",
        "3 Σₖ Mⱼₖ Mₖᵢ",
    ],
    "squares": [
        "2·Xᵀ(X w − t)/N",
        "2/N X.T @ (X @ w - t)",
        "2*X.T@(X@w-t)/len(t)",
        "2/N * X.T.dot(X.dot(w) - t)",
        r"\frac{2}{N}X^\top(Xw - t)",
        r"\frac{2}{N}\sum_{n}(\sum_j X_{nj} w_j - t_n) X_{ni}",
        "(2/N) Σₙ (Σₖ Xₙₖ wₖ − tₙ) Xₙⱼ",
        "2/N XᵀX w − 2/N Xᵀt",
        "2·(X w − t)ᵀ X/N",
        "2*(X@w - t)@X/N",
        "-2/N X.T(t - Xw)",
        "2·mean((X w − t)[:,None]*X, axis=0)",
        r"\frac{2}{N} X_j^\top (Xw - t)",
        "2/N Σ_n x_n x_nᵀ w − 2/N Σ_n t_n x_n",
        r"\frac{2}{N}\sum_{n}(\langle x_n, w\rangle - t_n) x_n",
    ],
    "ridge": [
        "λ·w + Xᵀ(X w − t)",
        "λ w + Xᵀ(Xw − t)",
        "lambda*w + X.T@(X@w-t)",
        "lam*w + X.T@(X@w-t)",
        r"\lambda w + X^\top(Xw-t)",
        r"X^{\top}(X w - t) + \lambda w",
        "X^T(Xw-t)+λw",
        "(XᵀX + λI)w − Xᵀt",
        "(X.T @ X + lam*np.eye(5)) @ w - X.T @ t",
    ],
    "sigmoid": [
        "z - t",
        "sigma(s) - t",
        "σ(s) − t",
        "sigmoid(s) - t",
        "1/(1+np.exp(-s)) - t",
        "expit(s) - t",
        "z*(1-t) - t*(1-z)",
        r"\sigma(s) - t",
        r"\frac{1}{1+e^{-s}} - t",
        "1/(1+e^(-s)) - t",
        "z_j - t_j",
        "-t(1−z) + (1−t)z",
        "(z-t)/(z*(1-z)) * z*(1-z)",
        "(z − t)/(z(1 − z)) · z(1 − z)",
        "(z-t)/(z*(1-z)) * sigmoid'(s)",
        "(z−t)/(z·(1−z))·σ′(s)",
    ],
    "gated": [
        "X.T @ (((A-Y) @ W2.T) * (U > 0)) / N",
        "X.T @ (((A-Y) @ W_2.T) * (U > 0)) / N",
        "Xᵀ(((A−Y)W₂ᵀ) ⊙ [U>0])/N",
        "Xᵀ(((A−Y)W₂ᵀ) ⊙ 1(U>0))/N",
        "Xᵀ(((A−Y)W₂ᵀ) ⊙ 𝟙[U>0])/N",
        "X.T@(((A-Y)@W2.T)*relu'(U))/N",
        "X.T@(((A-Y)@W2.T)*np.heaviside(U,0))/N",
        "X.T@(((A-Y)@W2.T)*(U>0).astype(float))/N",
        r"\frac{1}{N}X^\top\left(\left((A-Y)W_2^\top\right)\odot\mathbb{1}[U>0]\right)",
        r"\frac{1}{N} X^\top ((A-Y) W_{2}^\top \odot \mathbf{1}_{\{U > 0\}})",
        "Xᵀ((A−Y)W₂ᵀ ⊙ ReLU'(U))/N",
        "Xᵀ(((A−Y)W₂ᵀ) ⊙ 1{U>0})/N",
        "X.T @ ((A-Y) @ W2.T * (U>0)) / N",
    ],
    "two_layers": [
        "Xᵀ(((A − Y) W2ᵀ) ⊙ (1 − H²))/N",
        "X.T @ (((A-Y) @ W2.T) * (1 - H**2)) / N",
        "X.T @ ((A-Y) @ W2.T * (1 - H*H)) / N",
        "Xᵀ(((A − Y) W2ᵀ) ⊙ tanh'(X W1))/N",
        r"\frac1N X^\top\left((A-Y)W_2^\top\odot(1-H^{2})\right)",
        r"\frac1N X^\top\left((A-Y)W_2^\top\odot(1-\tanh^2(XW_1))\right)",
    ],
    "warm": [
        "(a − y)/T",
        "(a-y)*(1/T)",
        "1/T (a − y)",
        r"\frac{a-y}{T}",
        r"\frac{1}{T}(a - y)",
        "T^{-1}(a-y)",
        "(softmax(z/T) - y)/T",
    ],
    "warm_layer": [
        "X^T(A-Y)/(N T)",
        "X^T (A − Y)/(N·T)",
        "X.T@(A-Y)/(N*T)",
        r"\frac{1}{NT}X^T(A-Y)",
        r"\frac{X^T(A-Y)}{N T}",
        "X'(A-Y)/N/T",
    ],
    "length": [
        "x/‖x‖",
        "x/||x||",
        "x/‖x‖₂",
        "x/np.linalg.norm(x)",
        "x/norm(x)",
        "x/sqrt(x@x)",
        "x/np.sqrt((x**2).sum())",
        r"\frac{x}{\|x\|}",
        r"\frac{x}{\lVert x \rVert_2}",
        r"x/\sqrt{x^\top x}",
        "x/√(xᵀx)",
        "x_i/‖x‖",
        "x_j/√(Σₖ xₖ²)",
        "x/(Σ x²)^(1/2)",
        "x/√(Σx²)",
    ],
    "gauss": [
        "(μ − x)/σ²",
        "(mu - x)/sigma**2",
        "-(x-mu)/sigma^2",
        r"\frac{\mu - x}{\sigma^2}",
        r"-\frac{x-\mu}{\sigma^{2}}",
        "(μ_j − x_j)/σ_j²",
        "-((x-mu)/sigma)/sigma",
    ],
    "hat": [
        "x̂ − y",
        "xhat - y",
        "x_hat - y",
        r"\hat{x} - y",
        r"\hat x - y",
        "x̂ⱼ − yⱼ",
        r"\hat{x}_j - y_j",
    ],
    "mean": [
        "1/N",
        "1/K",
        "1/n",
        "1/len(z)",
        "1/z.size",
        "1/z.shape[0]",
        "1/3",
        "ones/N",
        "1ᵀ/N",
        "np.ones(3)/3",
        "np.ones_like(z)/z.size",
        "𝟏/N",
        r"\frac{1}{N}",
        r"\frac{1}{N}\mathbf{1}",
    ],
    "masked": [
        "A ⊙ (g xᵀ)",
        "A*np.outer(g,x)",
        "A*(g[:,None]*x)",
        "A_ij g_i x_j",
        "diag(g) A diag(x)",
        "A * (g xᵀ)",
    ],
    "smoothed": [
        "a - q",
        "a - ((1-ε)*y + ε/3)",
        "a − (1−ε)y − ε/3",
        "a - (1-eps)*y - eps/3",
        r"a - (1-\varepsilon)y - \frac{\varepsilon}{3}",
        "a-q",
    ],
    "labels": [
        "Xᵀ(((A − one_hot(y)) W2ᵀ) ⊙ (1 − H²))/N",
        "Xᵀ(((A − one_hot(y, K)) W2ᵀ) ⊙ (1 − H²))/N",
        "X.T @ (((A - np.eye(3)[y]) @ W2.T) * (1 - H**2)) / N",
    ],
    "scaled_rows": [
        "diag(b) A",
        "Aᵀ(b ⊙ g)",
        "b[:,None]*A",
        "b_i A_ij",
        "Aᵀ diag(b) g",
        "A.T @ (b*g)",
        "diag(b) @ A",
    ],
    "pairs": [
        "Σⱼ(Wᵢⱼ + Wⱼᵢ)(fᵢ − fⱼ)",
        "Σⱼ (Wᵢⱼ + Wⱼᵢ)·(fᵢ − fⱼ)",
        r"\sum_j (W_{ij}+W_{ji})(f_i - f_j)",
        "f ⊙ ((W + Wᵀ) 1) − (W + Wᵀ) f",
        "((W+W.T)*(f[:,None]-f)).sum(axis=1)",
    ],
    "one_entry": [
        "δ₁ − p",
        "δ_1 - p",
        "np.eye(3)[1] - p",
        "δ_{j1} − p_j",
        "eye(3)[1] − p",
        "δ₁ − softmax(z)",
    ],
    "column_sums": [
        "Σₙ Z",
        "Z.sum(axis=0)",
        "1ᵀ Z",
        "Σₙ Zₙⱼ",
        "sum_n Z_nk",
        "Zᵀ 1",
    ],
    "row_sums": [
        "Z 1",
        "Z.sum(axis=1)",
        "Z @ np.ones(3)",
        "Σₖ Zₙₖ",
        "sum(Z, axis=1)",
        "Σ_j Z_nj",
        "Z ones",
    ],
    "spread": [
        "c 1ᵀ",
        "cₙ",
        "outer(c, np.ones(3))",
        "np.outer(c, ones(3))",
        "c[:,None]*np.ones((4,3))",
    ],
    "running": [
        "Σ_{i≥j} w_i",
        "Σ_{i ≥ j} wᵢ",
        r"\sum_{i \ge j} w_i",
        "np.cumsum(w[::-1])[::-1]",
        "flip(cumsum(flip(w)))",
        "Σᵢ [i ≥ j]·wᵢ",
    ],
    "logistic_weights": [
        "((p - y)[:, np.newaxis] * X).mean(0)",
        "(X * (p - y).reshape(-1, 1)).mean(axis=0)",
        "np.einsum('n,nd->d', p - y, X)/N",
        r"\frac{1}{N} \mathbf{X}^{\mathsf{T}} (\mathbf{p} - \mathbf{y})",
        r"\frac{1}{N} X^{\mathrm{T}} (p - y)",
        r"\frac{\partial \mathcal{L}}{\partial \mathbf{w}} = \frac{1}{N} X^\top (p - y)",
        r"\frac1N \sum_{n} (p_n - y_n) X_{n,j}",
        r"\frac12 2 X^\top (p - y)/N",
        "sum_n (p[n] - y[n]) * X[n, j] / N",
        "Σ_n (p[n] - y[n]) X[n][j] / N",
        "dw = (1./N) * np.dot(X.T, (p - y))",
        r"\frac{1}{N}\sum_{n=1}^N (\sigma(\mathbf{w}^\top \mathbf{x}_n + b) - y_n) x_{nj}",
        r"\frac{1}{N}\sum_{n=1}^N (p_n - y_n) \mathbf{x}_n",
        r"\frac{1}{m}\sum_{i=1}^{m} \left(\sigma(w^T x^{(i)} + b) - y^{(i)}\right) x^{(i)}",
        r"\frac{1}{m}\sum_{i=1}^{m} (p^{(i)} - y^{(i)}) x_j^{(i)}",
        r"\frac{1}{N}\sum_{i=1}^{N} \left(p^{(i)} - y^{(i)}\right) x^{(i)}_j",
        r"\frac1N \sum_n (p^{(n)} - y^{(n)}) \mathbf{x}^{(n)}",
    ],
    "logistic_bias": [
        r"\overline{p} - \bar{y}",
        "p̄ − ȳ",
        "p.mean() - np.mean(y)",
        r"\frac{1}{N}\mathbf{1}_N^\top (p - y)",
        r"\frac{1}{N}\mathbf{1}_{N}^\top (p - y)",
    ],
    "first_layer": [
        r"\frac{1}{N} X^\top \left[ (A_2 - Y) W_2^\top \odot A_1 \odot (1 - A_1) \right]",
        r"\frac{1}{N} X^\top ( (A^{(2)} - Y) W^{(2)\top} \odot A^{(1)} \odot (1 - A^{(1)}) )",
        r"\frac{1}{N} X^\top ( (A^{[2]} - Y) {W^{[2]}}^T \odot A^{[1]} \odot (1 - A^{[1]}) )",
        r"\frac{1}{N} X^\top ( (A_2 - Y) W_2^\top \odot \sigma(Z_1)(1-\sigma(Z_1)) )",
        "X' * (((A2 - Y) @ W2') .* A1 .* (1 - A1)) / N",
    ],
    "first_bias": [
        "np.sum((A2 - Y) @ W2.T * A1 * (1 - A1), axis=0, keepdims=True) / N",
        r"\frac{1}{N}\mathbf{1}_N^\top ((A_2 - Y) W_2^\top \odot A_1 \odot (1 - A_1))",
        r"\frac1N \sum_n \left[(A_2 - Y) W_2^\top \odot A_1 \odot (1 - A_1)\right]_{nj}",
    ],
    "second_layer": [
        r"\frac{1}{N} A^{(1)\top} (A^{(2)} - Y)",
        r"\frac{1}{N} (A^{(1)})^\top (A^{(2)} - Y)",
        r"\frac{1}{N} \sum_n A^{(1)}_{nh} (A^{(2)}_{nk} - Y_{nk})",
        r"\frac{1}{N} \sum_n (A_1)_{nh} ((A_2)_{nk} - Y_{nk})",
        "np.tensordot(A1, A2 - Y, axes=(0, 0)) / N",
    ],
    "predictions": [
        r"\frac{2}{N} X^\top (\hat{\mathbf{y}} - \mathbf{y})",
        r"\frac{2}{N}\mathbf{X}^\top(\mathbf{X}\boldsymbol{\theta} - \mathbf{y})",
        "2/N * X.T @ (y_hat - y)",
        "2*((yhat - y)[:,None]*X).mean(axis=0)",
        "2/len(X) * (X @ θ - y) @ X",
    ],
    "rectified": [
        "np.where(z > 0, u, 0)",
        "u .* (z > 0)",
        r"u_j 1_{z_j > 0}",
        r"u \odot \mathbb{1}_{z > 0}",
        r"u \odot \mathrm{ReLU}^\prime(z)",
        r"\begin{cases} u & \text{if } z > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"\begin{cases} u_j, & z_j > 0 \\ 0, & z_j \le 0 \end{cases}",
    ],
    "class_labels": [
        "(softmax(Z) - np.eye(K)[y])/N",
        "(softmax(Z, axis=1) - (y[:, None] == np.arange(3)))/N",
        r"(softmax(Z)_{nj} - \delta_{j y_n})/N",
        r"\frac{1}{N}(\mathrm{softmax}(Z)_{nj} - \mathbf{1}_{\{y_n = j\}})",
    ],
    "rows_of_logits": [
        "(np.exp(Z)/np.sum(np.exp(Z), axis=-1, keepdims=True) - Y)/N",
        "(np.exp(Z)/np.exp(Z).sum(axis=1).reshape(-1, 1) - Y)/N",
        "(exp(Z - logsumexp(Z, axis=1, keepdims=True)) - Y)/N",
        r"\frac{1}{N}(\frac{\exp(z_{nk})}{\sum_{k'} \exp(z_{nk'})} - y_{nk})",
    ],
    "distance": ["A[i,j] - B[i,j]", "A[i][j] - B[i][j]", "A_i - B_i", "-(B - A)"],
    "far_rows": [r"\sum_n \frac{c - x_n}{\| x_n - c \|}", "Σ_n (c − x_n)/‖x_n − c‖₂"],
    "log_sum_exp": [
        r"\operatorname{softmax}_i(x)",
        r"\left. e^{x_i} \middle/ \sum_j e^{x_j} \right.",
        r"\exp\{x_i\} / \sum_j \exp\{x_j\}",
        r"\frac{e^x}{\mathbf{1}^\top e^x}",
    ],
    "softplus": [
        "σ(s)",
        "sigmoid(s)",
        "1/(1+exp(-s))",
        "e^s/(1+e^s)",
        "softplus'(s)",
        "exp(s)/(1+exp(s))",
        r"\frac{e^{s}}{1+e^{s}}",
        r"\sigma(s)",
    ],
}


def build(key):
    """Record the loss of a key, what it is differentiated by, and the names of arrays."""
    built = BUILT[key]() if key in BUILT else globals()[key]()
    return built if len(built) == 3 else (*built, {})
