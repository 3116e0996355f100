"""Dropout as sub-networks: masks replayed and enumerated, the mean and the gap, the drawings."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.view.insights.dropped import Dropped
from tinygrad_edu.view.insights.network import chain_of

X = np.random.default_rng(3).normal(size=(1, 3))


def network(p=0.5, seed=0, hidden=4, after=None):
    """A hidden layer whose units drop, and a linear one; perhaps something behind it."""
    rng = np.random.default_rng(1)
    model = nn.Sequential(
        nn.Linear(3, hidden, rng=rng),
        nn.Tanh(),
        nn.Dropout(p, np.random.default_rng(seed)),
        nn.Linear(hidden, 2, rng=rng),
        *([after] if after else []),
    )
    model[0].b.data = 0.1 * rng.normal(size=hidden)
    model[3].b.data = np.array([0.2, 0.3])
    return model


# --- replay ---------------------------------------------------------------------------------------


def test_the_recorded_masks_give_the_recorded_output():
    out = network()(X)
    found = tg.subnetwork(out)
    assert_array_equal(found.output.data, out.data)
    assert_array_equal(found.masks[0], Dropped(out).dropouts[0].inputs[1])


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_replays_what_dropout_draws(seed):
    out = network()(X)
    assert_array_equal(tg.subnetwork(out, seed=seed).output.data, network(seed=seed)(X).data)
    assert tg.subnetwork(out, seed=seed).svg() == tg.subnetwork(out, seed=seed).svg()


def test_seeds_leave_different_subnetworks():
    out = network()(X)
    assert len({tg.subnetwork(out, seed=seed).svg() for seed in range(8)}) > 3


def test_without_masks_the_graph_is_that_of_inference():
    model = network()
    out = model(X)
    recorded = Dropped(out)
    assert_array_equal(recorded.again(None)[out].data, model.eval()(X).data)


def test_two_dropouts_are_drawn_from_one_seed_in_their_order():
    def build(rng):
        return nn.Sequential(
            nn.Dropout(0.4, rng),
            nn.Linear(3, 5, rng=np.random.default_rng(1)),
            nn.Dropout(0.3, rng),
            nn.Linear(5, 1, rng=np.random.default_rng(2)),
        )

    x = tg.Tensor(X)
    out = build(np.random.default_rng(0))(x)
    assert_array_equal(
        tg.subnetwork(out, seed=9).output.data, build(np.random.default_rng(9))(x).data
    )


# --- all masks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_A17_the_mean_over_all_masks_of_a_linear_layer_is_the_output_at_inference(p):
    model = network(p)
    found = tg.subnetworks(model(X))
    assert found.masks.shape == (16, 4)
    assert len({tuple(mask) for mask in found.masks}) == 16
    assert_allclose(found.probabilities.sum(), 1, rtol=1e-14)
    assert_allclose(found.mean, model.predict(X), rtol=1e-12)
    assert found.gap < 1e-14
    assert "They agree" in found.text()


@pytest.mark.parametrize("after", [nn.Tanh(), nn.Softmax(), nn.ReLU()])
def test_A17_behind_a_nonlinear_layer_there_is_a_gap(after):
    model = network(after=after)
    found = tg.subnetworks(model(X))
    by_hand = np.zeros((1, 2))
    h = np.tanh(model[0].predict(X))
    for bits in range(16):
        mask = np.array([bits >> k & 1 for k in range(4)])
        by_hand += after.predict(h * mask / 0.5 @ model[3].W.data + model[3].b.data) / 16
    assert_allclose(found.mean, by_hand, rtol=1e-12)
    assert found.gap > 1e-3
    assert_allclose(found.gap, np.abs(by_hand - model.predict(X)).max(), rtol=1e-12)
    assert "not linear" in found.text()


def test_A17_a_loss_is_higher_on_average_than_at_inference():
    """Cross-entropy is convex in the logits, whose mean is that of inference (Jensen)."""
    model = network()
    found = tg.subnetworks(tg.softmax_cross_entropy(model(X), [1]))
    assert found.mean > found.inference


def test_A17_all_units_drop_at_once_with_probability_p_to_the_n():
    found = tg.subnetworks(network(0.3)(X))
    (none,) = found.probabilities[~found.masks.any(axis=1)]
    assert_allclose(none, 0.3**4, rtol=1e-14)
    (every,) = found.probabilities[found.masks.all(axis=1)]
    assert_allclose(every, 0.7**4, rtol=1e-14)


def test_the_mean_is_that_of_many_draws():
    model = network(0.3, after=nn.Tanh())
    found = tg.subnetworks(model(X))
    draws = np.stack([model(X).data for _ in range(4000)])
    spread = found.deviation / np.sqrt(4000)
    assert (np.abs(draws.mean(axis=0) - found.mean) < 5 * spread).all()
    assert_allclose(draws.std(axis=0), found.deviation, rtol=0.1)


def test_masks_of_several_dropouts_are_counted_together():
    rng = np.random.default_rng(0)
    x = tg.Tensor(np.ones(3))
    out = tg.dropout(tg.dropout(x, 0.5, rng)[:2] * 2, 0.25, rng).sum()
    found = tg.subnetworks(out)
    assert found.masks.shape == (32, 5)
    assert_allclose(found.probabilities.sum(), 1)
    assert_allclose(found.mean, 4, rtol=1e-14)


def test_every_unit_dropped():
    found = tg.subnetworks(network(1.0)(X))
    assert found.probabilities.tolist() == [0.0] * 15 + [1.0]


def test_the_table_of_many():
    found = tg.subnetworks(network(0.2, hidden=6)(X))
    lines = found.text().splitlines()
    assert lines[0].split() == ["kept", "probability", "output"]
    assert lines[2].startswith("111111")
    assert lines[18] == "The 16 most probable of 64."
    assert repr(found) == found.text()


# --- what is refused ------------------------------------------------------------------------------


def test_what_is_refused():
    model = network()
    with pytest.raises(TypeError, match="subnetworks: a ndarray has no graph"):
        tg.subnetworks(model.predict(X))
    with pytest.raises(ValueError, match="nothing was dropped here; compute with dropout in train"):
        tg.subnetwork(model.eval()(X))
    model.train()
    with pytest.raises(
        ValueError, match=r"20 units can be dropped, which makes 2\^20 sub-networks"
    ):
        tg.subnetworks(model(np.ones((5, 3))))
    out = model(X)
    model[0].W.data = np.zeros((3, 4))
    with pytest.raises(ValueError, match="was given new data after this graph was recorded"):
        tg.subnetworks(out)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (
            lambda rng, x: tg.dropout(x, 0.5, rng).sum(),
            "no layer multiplies by a matrix of weights",
        ),
        (
            lambda rng, x: sum(
                (nn.Linear(3, 2, rng=rng)(tg.dropout(x, 0.5, rng)) for _ in range(2)), start=0.0
            ),
            "two layers stand side by side",
        ),
        (
            lambda rng, x: nn.Linear(40, 1, rng=rng)(
                tg.dropout(nn.Linear(3, 40, rng=rng)(x), 0.5, rng)
            ),
            "layer 1 has 40 units, and a picture of more than 16 cannot be read",
        ),
    ],
)
def test_what_cannot_be_drawn_unit_by_unit(make, why):
    out = make(np.random.default_rng(0), tg.Tensor(X))
    found = tg.subnetwork(out, seed=0)
    with pytest.raises(ValueError, match=why):
        found.svg()
    assert found.output.shape == out.shape  # the numbers are there all the same


# --- drawings -------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def circles(svg, kind):
    return [c for c in ET.fromstring(svg).iter(f"{SVG}circle") if kind in c.get("class").split()]


def test_A17_dropped_units_are_grey_forwards_and_backwards():
    L = tg.softmax_cross_entropy(network(seed=3)(X), [1])
    for backward in (False, True):
        found = tg.subnetwork(L, backward=backward)
        svg = found.svg()
        dropped = int((~found.masks[0]).sum())
        assert 0 < dropped < 4
        assert len(circles(svg, "tg-gone")) == dropped + 1  # and one in the legend
        assert svg.count('class="tg-cut"') == dropped * (3 + 2)
        assert f"A sub-network, {'backward' if backward else 'forward'}" in svg


def test_the_values_in_the_units():
    model = network(seed=3)
    out = model(X)
    recorded = Dropped(out)
    layers = chain_of(recorded).forward(recorded.again(recorded.masks()), 0)
    mask = recorded.masks()[0][0]
    h = np.tanh(X @ model[0].W.data + model[0].b.data)[0] * mask * 2
    assert [len(layer.kept) for layer in layers] == [3, 4, 2]
    assert_allclose(layers[0].values, X[0])
    assert_allclose(layers[1].values, h, rtol=1e-14)
    assert_allclose(layers[2].values, out.data[0])
    assert_array_equal(layers[1].kept, mask)
    assert layers[1].weights is model[0].W.value


def test_A17_the_gradients_in_the_units():
    model = network(seed=3)
    L = tg.softmax_cross_entropy(model(X), [1])
    recorded = Dropped(L)
    new = recorded.again(recorded.masks())
    layers = chain_of(recorded).backward(new, new[L], 0)
    gone = ~recorded.masks()[0][0]
    assert layers[0].values is None  # data have no gradient
    assert (layers[1].values[gone] == 0).all()  # zero backwards, too
    assert (layers[1].values[~gone] != 0).all()
    assert (layers[1].weights[:, gone] == 0).all()  # and the weights around them stay
    assert (layers[2].weights[gone] == 0).all()
    logits = tg.subnetwork(L).output.args[0].args[0].data
    assert_allclose(layers[2].values, tg.softmax(logits)[0] - [0, 1], rtol=1e-13)
    assert_array_equal(layers[2].weights, tg.gradients(L, model[3].W))


def test_one_example_of_a_batch():
    model = network(seed=3)
    out = model(np.concatenate([X, 2 * X]))
    for example in (0, 1):
        svg = tg.subnetwork(out, example=example).svg()
        dropped = (~Dropped(out).masks()[0][example]).sum()
        assert len(circles(svg, "tg-gone")) == dropped + 1


def test_all_subnetworks_side_by_side():
    svg = tg.subnetworks(network()(X)).svg()
    assert len(circles(svg, "tg-gone")) == 4 * 8 + 1  # each unit is dropped in half of the 16
    assert len(circles(svg, "tg-unit")) == 16 * 9 - 4 * 8 + 1
    assert svg.count("probability 0.0625") == 16
    assert len(circles(tg.subnetworks(network(hidden=6)(X)).svg(), "tg-unit")) <= 16 * 11 + 1


def test_what_is_not_finite_is_written_and_not_drawn():
    model = network(seed=3)
    model[0].W.data = np.full((3, 4), np.nan)
    out = model(X)
    forward, backward = tg.subnetwork(out).svg(), tg.subnetwork(out, backward=True).svg()
    assert "NaN" in forward
    assert "nan" not in forward + backward


def test_drawings_stay_on_their_sheet():
    rng = np.random.default_rng(0)
    for hidden in (1, 3, 7):
        out = network(hidden=hidden, seed=int(rng.integers(100)))(X)
        for svg in (tg.subnetwork(out).svg(), tg.subnetworks(out).svg()):
            root = ET.fromstring(svg)
            width, height = map(float, root.get("viewBox").split()[2:])
            for c in root.iter(f"{SVG}circle"):
                x, y, r = (float(c.get(name)) for name in ("cx", "cy", "r"))
                assert r <= x <= width - r
                assert r <= y <= height - r
