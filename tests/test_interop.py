"""What PyTorch computes is recorded here, with its weights, names and gradients."""

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch", reason="PyTorch is the other side of from_torch")
F = torch.nn.functional


RNG = np.random.default_rng(0)


def normal(*shape):
    return torch.tensor(RNG.normal(size=shape))


X, Y, A, v = normal(4, 3), torch.softmax(normal(4, 3), 1), normal(3, 3), normal(3)
P, t = 0.1 + 0.8 * torch.sigmoid(X), torch.tensor([0, 2, 1, 1])

#: Losses of PyTorch with their arguments: one line for each thing that has a counterpart.
CASES = {
    "softmax": (lambda x, y: (F.softmax(x, dim=0) * x.softmax(-1) * y).sum(), X, Y),
    "logsumexp": (lambda x: (x - torch.logsumexp(x, 1, keepdim=True)).square().mean(), X),
    "labels": (lambda x, t: F.cross_entropy(x, t), X, t),
    "targets, sum": (lambda x, y: F.cross_entropy(x, y, reduction="sum"), X, Y),
    "smoothed": (lambda x, t: torch.nn.CrossEntropyLoss(label_smoothing=0.2)(x, t), X, t),
    "likelihood": (lambda x, t: F.nll_loss(F.log_softmax(x, 1), t), X, t),
    "binary": (lambda p, y: F.binary_cross_entropy(p, y), P, Y),
    "logits": (lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="sum"), X, Y),
    "regression": (lambda x, y: torch.nn.MSELoss()(x, y) + F.l1_loss(x, y), X, Y),
    "divergence": (lambda x, y: F.kl_div(x.log_softmax(1), y, reduction="batchmean"), X, Y),
    "spread": (lambda x: x.std() + x.var(0).sum() + torch.var(x, 1, unbiased=False).sum(), X),
    "extremes": (lambda x: x.max() + x.max(1)[0].sum() + torch.min(x, dim=0).values.sum(), X),
    "sorted": (lambda x: (x.sort(dim=1)[0][:, 0] ** 2).sum(), X),
    "larger": (lambda x, y: torch.max(x, y).sum() + x.amax(0).prod(), X, Y),
    "norms": (lambda x: x.norm() + x.norm(1) + torch.linalg.vector_norm(x, dim=1).sum(), X),
    "shapes": (lambda x: (x.view(-1).reshape(2, 6).t() @ x.T.contiguous().view(2, 6)).sum(), X),
    "axes": (lambda x: (x.unsqueeze(0).permute(2, 0, 1)[1] ** 3).sum() + x.flatten().prod(), X),
    "expand": (lambda x, v: (v.unsqueeze(0).expand(4, -1) * x.repeat(1, 1)).sum(), X, v),
    "join": (
        lambda x, y: (torch.cat([x, y], dim=1) ** 2).sum() + torch.stack((x, y), 2).max(),
        X,
        Y,
    ),
    "parts": (lambda x: sum((c**2).sum() * i for i, c in enumerate(x.chunk(2))), X),
    "rows": (lambda x: sum(row.norm() for row in x) / len(x) / x.size(1) / x.shape[0], X),
    "products": (lambda x, a, v: torch.addmm(v, x, a).sin().sum() + x.mm(x.t()).trace(), X, A, v),
    "einsum": (lambda x, a: torch.einsum("nd,de->ne", x, a).pow(2).sum(), X, A),
    "piecewise": (lambda x: (x.clamp(-0.5, 0.5) + x.masked_fill(x < 0, 0.0) * x).sum(), X),
    "activations": (lambda x: (F.gelu(x) + F.silu(x) + F.elu(x) + F.leaky_relu(x, 0.2)).sum(), X),
    "softplus": (lambda x: (torch.nn.Softplus()(x) + F.softplus(x, beta=2)).sum(), X),
    "picked": (lambda x, t: x.gather(1, t.unsqueeze(1)).sum() + x[1:, ::2].square().sum(), X, t),
    "one-hot": (lambda x, t: (F.one_hot(t, num_classes=3) * x.log_softmax(-1)).sum(), X, t),
    "constant": (lambda x: (x.softmax(1).detach() * x).sum() + (x > 0).double().mul(x).sum(), X),
    "alpha": (lambda x, y: torch.add(x, y, alpha=2).sub(x / y).neg().square().mean(), X, Y),
    "normalised": (lambda x: F.layer_norm(x, (3,)).pow(3).sum(), X),
    "batches": (lambda x: F.batch_norm(x, None, None, training=True).pow(3).sum(), X),
    "closed over": (lambda x: (x @ A).square().sum(), X),
    "with a number": (lambda x, lam=0.1: x.sum() + lam * x.square().sum(), X, 0.5),
    "two results": (lambda x: (x.sum(), x.prod()), X),
    "branch on a shape": (lambda x: x.sum() if x.dim() == 2 else x.prod(), X),
}


def test_gradients_are_those_of_pytorch():
    for name, (loss, *example) in CASES.items():
        deviations = tg.from_torch(loss, *example).deviations()
        assert max(deviations.values()) < 1e-11, name


def test_a_loss_can_be_derived():
    z, y = torch.tensor([1.47, -0.39, 0.22]), torch.tensor([0.0, 1.0, 0.0])
    loss = tg.from_torch(lambda z, y: F.cross_entropy(z, y), z, y)
    derivation = tg.derive(loss.output, wrt=loss.inputs["z"])
    assert str(derivation.result) == "softmax(z) − y"


def test_a_network_brings_its_weights_and_names():
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(inplace=True))
    net.extend([torch.nn.Dropout(0.1), torch.nn.LayerNorm(4), torch.nn.Linear(4, 3)])
    net = net.double().eval()
    model = tg.from_torch(net, X)
    assert list(model.weights) == list(net.state_dict()) == list(model.named_parameters())
    assert [w.name for w in model.weights.values()] == ["W1", "b1", "W2", "b2", "W3", "b3"]
    np.testing.assert_allclose(model.predict(X.numpy()), net(X).detach(), rtol=1e-12)
    loss = tg.from_torch(lambda X, t: F.cross_entropy(net(X), t), X, t)
    assert max(loss.deviations().values()) < 1e-11
    assert list(loss.weights)[-1] == "net.4.bias"


def test_weights_go_both_ways():
    layer = torch.nn.Linear(3, 2)
    model = tg.from_torch(layer, np.ones((1, 3), "float32"))
    W = model.weights["weight"]
    W.data = W.data + 1
    model.to_torch()
    np.testing.assert_array_equal(layer.weight.detach(), W.data)
    with torch.no_grad():
        layer.weight.zero_()
    model.take_weights()
    assert not W.data.any()


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda x: F.dropout(x).sum(), "call module.eval"),
        (lambda x: x.sum() if x.sum() > 0 else x.prod(), "branches on values"),
        (lambda x: torch.fft.fft(x).abs().sum(), "fft_fft of PyTorch has no counterpart"),
        (lambda x: x * x.max().item(), "item of PyTorch has no counterpart"),
        (lambda x: x.clone().mul_(2).sum(), "mul_ of PyTorch has no counterpart"),
        (lambda x: F.cross_entropy(x, t, weight=v), "cross_entropy with weight="),
        (lambda x: (x + torch.rand(3)).sum(), "gives other numbers"),
        (lambda: 1, "takes 0 arguments"),
        (torch.ones(3), "takes a module or function"),
    ],
)
def test_what_has_no_counterpart_is_named(loss, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        tg.from_torch(loss, X)


def test_half_precision_of_other_kinds_is_refused():
    with pytest.raises(TypeError, match=r"bfloat16 values.*\.float\(\)"):
        tg.from_torch(lambda x: x.sum(), X.bfloat16())
