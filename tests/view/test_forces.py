"""The force view of regularisation: numbers that add up to the gradient, and their drawing."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.view.insights.force_diagram import draw_forces

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 5))
T = X @ np.array([3.0, -1.5, 0.0, 0.0, 1.0])


def problem(values=(2.0, -1.0, 0.5, 0.0, 1.3)):
    w = tg.Tensor(np.array(values), name="w")
    return w, tg.mean_squared_error(X @ w, T)


# --- numbers --------------------------------------------------------------------------------------


def test_D9_the_forces_are_what_they_are_called():
    w, E = problem()
    found = tg.forces(E, w, decay=0.5, l1=0.25)
    assert_allclose(found["data"], -2 * X.T @ (X @ w.data - T) / 20, rtol=1e-13)
    assert_array_equal(found["spring"], -0.5 * w.data)
    assert_array_equal(found["push"], -0.25 * np.sign(w.data))
    assert [part.kind for part in found.parts] == ["data", "spring", "push"]


def test_D9_they_add_up_to_the_gradient_as_computed():
    w, E = problem()
    found = tg.forces(E, w, decay=0.5, l1=0.25)
    J = E + tg.weight_decay(w, 0.5) + 0.25 * tg.l1(w)
    assert_array_equal(found["total"], -tg.gradients(J, w))
    assert_array_equal(found["push"] + found["spring"] + found["data"], found["total"])
    assert found.residual == 0


def test_a_residual_is_seen():
    w, E = problem()
    found = tg.forces(E, w, decay=0.5)
    found.total.values[2] += 0.125
    assert found.residual == 0.125


def test_forces_balance_at_the_minimum():
    """The spring alone: (2/N) Xᵀ(Xw − t) + λw = 0 at the ridge solution."""
    w = np.linalg.solve(2 * X.T @ X / 20 + 0.5 * np.eye(5), 2 * X.T @ T / 20)
    tensor, E = problem(w)
    found = tg.forces(E, tensor, decay=0.5)
    assert_allclose(found["total"], 0, atol=1e-14)
    assert_allclose(found["data"], 0.5 * w, rtol=1e-12)


def test_forces_of_a_whole_network():
    model = nn.Sequential(
        nn.Linear(5, 3, l2=0.05, rng=np.random.default_rng(0)),
        nn.Tanh(),
        nn.Linear(3, 1, rng=np.random.default_rng(1)),
    )
    E = tg.mean_squared_error(model(X), T[:, None])
    found = tg.forces(E, nn.weights(model), l1=0.1, penalty=model.penalty())
    assert len(found.weights) == 18
    assert found.labels[0] == "W1[0, 0]"
    assert found.labels[-1] == "W2[2, 0]"
    W1, W2 = (w.data.ravel() for w in nn.weights(model))
    assert_array_equal(found["penalty"], np.concatenate([-0.1 * W1, 0 * W2]))
    assert_allclose(found["data"] + found["push"] + found["penalty"], found["total"], rtol=1e-14)
    assert found.residual <= 1e-15


def test_where_there_are_many_those_that_are_pulled_most_are_shown():
    w = tg.Tensor(np.linspace(-1, 1, 100), name="w")
    found = tg.forces(tg.sum_squared_error(w, np.zeros(100)), w)
    assert found.shown() == [*range(6), *range(94, 100)]
    assert len(found.text().splitlines()) == 2 + 12 + 2
    assert "88 of 100 weights, pulled less, are left out." in found.text()


def test_the_table():
    w, E = problem()
    lines = repr(tg.forces(E, w, decay=0.5, l1=0.25)).splitlines()
    assert lines[0].split() == ["weight", "value", "−∂E/∂w", "−λw", "−λ₁·sign(w)", "sum", "−∂J/∂w"]
    assert lines[5].split() == ["w[3]", "0", "−0.84", "0", "0", "−0.84"]
    assert lines[7].startswith("At w = 0 the ℓ1 push is anything from −λ₁ to λ₁ = 0.25")
    assert len({len(line) for line in lines[:7]}) == 1
    assert "At w = 0" not in repr(tg.forces(E, w, decay=0.5))


def test_a_weight_at_zero_stays_where_the_push_is_as_strong_as_the_rest():
    w, E = problem()  # the data pull at w[3] with 0.84
    assert "stays at 0" not in repr(tg.forces(E, w, decay=0.5, l1=0.25))
    assert "w[3] stays at 0: the push balances" in repr(tg.forces(E, w, decay=0.5, l1=0.9))


def test_the_drawing_says_how_long_a_weight_and_a_force_are():
    w = tg.Tensor([0.0, -3.0], name="w")
    E = tg.sum_squared_error(w, [0.07, -3.0])
    drawn = tg.forces(E, w).svg()
    assert ">w = 2</text>" in drawn  # the largest is 3
    assert ">force = 0.05</text>" in drawn  # the strongest is 0.07


def test_names():
    θ = tg.Tensor(2.0)
    loss = θ * θ
    assert tg.forces(loss, θ).labels == ("θ",)
    assert tg.forces(loss, θ).parts[0].formula == "−∂loss/∂w"
    assert tg.forces(loss, θ, names={"R": loss, "v": θ}).labels == ("v",)


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"loss": 1.0}, TypeError, "output is a float, and only a Tensor has a graph"),
        ({"wrt": np.ones(5)}, TypeError, "wrt is a float64, and only a Tensor has a graph"),
        ({"wrt": []}, ValueError, "forces: there are no weights"),
        ({"wrt": tg.Tensor([1.0], name="v")}, ValueError, "the loss does not depend on v"),
        ({"decay": -1}, ValueError, "forces: decay = -1 does not make sense; choose 0 ≤ value"),
        ({"l1": "a"}, TypeError, "forces: l1 is a str, and a number is expected"),
        ({"l1": np.nan}, ValueError, "l1 = nan does not make sense"),
    ],
)
def test_what_is_refused(change, error, complaint):
    w, E = problem()
    given = {"loss": E, "wrt": w, **change}
    with pytest.raises(error, match=complaint):
        tg.forces(given.pop("loss"), given.pop("wrt"), **given)


def test_a_weight_that_was_changed_since():
    w, E = problem()
    w.data = np.zeros(5)
    with pytest.raises(ValueError, match="w was given new data after this graph was recorded"):
        tg.forces(E, w)


def test_forces_that_are_not_finite_are_written_and_not_drawn():
    w = tg.Tensor([1.0, 0.0, -2.0], name="w")
    with np.errstate(all="ignore"):
        found = tg.forces((w * np.array([1.0, np.inf, np.nan])).sum(), w, decay=1.0)
    assert found.text().splitlines()[3].split()[2] == "−∞"
    assert "NaN" in found.text()
    assert "nan" not in found.svg()
    assert "inf" not in found.svg()


def test_a_loss_of_several_numbers():
    w, _ = problem()
    with pytest.raises(ValueError, match=r"shape \(5,\) and a gradient starts from one number"):
        tg.forces(w * w, w)
    w, E = problem()
    with pytest.raises(KeyError, match="no force 'push' acts here; there are: data, total"):
        tg.forces(E, w)["push"]


# --- the drawing ----------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"


def drawn(svg, kind):
    """Tips of the arrows of a kind, as (x of the tip, x of its back)."""
    tips = [
        g.find(f"{SVG}polygon")
        for g in ET.fromstring(svg).iter(f"{SVG}g")
        if g.get("class") == f"tg-{kind}"
    ]
    places = [tip.get("points").replace(",", " ").split() for tip in tips if tip is not None]
    return [(float(p[2]), float(p[0])) for p in places]


def test_the_drawing_puts_forces_head_to_tail():
    forces = [("data", "a", 2.0), ("spring", "b", -0.5), ("total", "c", 1.5)]
    drawn_forces = [(kind, letter, np.array([f]), [str(f)]) for kind, letter, f in forces]
    svg = draw_forces(["w"], np.array([1.0]), drawn_forces, ["note"])
    ((data, _),), ((spring, _),), ((total, back),) = (
        drawn(svg, kind) for kind in ("data", "spring", "total")
    )
    assert total > back  # it points to the right
    assert_allclose(spring, total)
    assert_allclose(data - spring, (data - start_of(svg)) / 4, atol=0.02)


def start_of(svg):
    (circle,) = (c for c in ET.fromstring(svg).iter(f"{SVG}circle"))
    return float(circle.get("cx"))


def test_the_drawing_shows_springs_only_where_there_are_some():
    w, E = problem()
    with_spring, without = tg.forces(E, w, decay=0.5).svg(), tg.forces(E, w, l1=0.5).svg()
    assert with_spring.count('class="tg-coil tg-spring"') == 5
    assert without.count('class="tg-coil') == 0
    assert without.count('class="tg-bar tg-push"') == 1  # where the weight is 0
    assert with_spring.count('class="tg-bar tg-push"') == 0


def test_the_drawing_can_be_saved_and_stays_inert(tmp_path):
    w = tg.Tensor([1.0], name="<script>")
    found = tg.forces((w * w).sum(), w)
    path = found.save(tmp_path / "forces.svg")
    root = ET.parse(path).getroot()
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Forces on the weights"
    assert "<script>" not in path.read_text(encoding="utf-8")
    assert found._repr_mimebundle_()["text/html"] == found.svg()
    with pytest.raises(ValueError, match=r"saved as .svg or .png, not as 'forces.pdf'"):
        found.save(tmp_path / "forces.pdf")


def test_words_and_arrows_stay_on_the_sheet():
    rng = np.random.default_rng(3)
    for _ in range(20):
        w = tg.Tensor(rng.normal(size=4) * 10.0 ** rng.integers(-3, 4), name="w")
        t = rng.normal(size=4) * 10.0 ** rng.integers(-3, 4)
        svg = tg.forces(tg.sum_squared_error(w, t), w, decay=rng.random(), l1=rng.random()).svg()
        root = ET.fromstring(svg)
        width = float(root.get("viewBox").split()[2])
        for each in root.iter(f"{SVG}polygon"):
            xs = [float(p.split(",")[0]) for p in each.get("points").split()]
            assert min(xs) >= 0
            assert max(xs) <= width
