"""The story of a derivation: the order of its frames, its numbers, and the Python of its nodes."""

import runpy
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.lectures import LECTURES
from tinygrad_edu.naming import Names
from tinygrad_edu.view.page import story
from tinygrad_edu.view.page.evolution import Evolution

NO_NAMES = Names(None, {})


def tell(output, wrt, **options):
    return story(output, wrt, NO_NAMES, **options)


def softmax_cross_entropy(targets=(0.0, 1.0, 0.0)):
    z = tg.Tensor([1.47, -0.39, 0.22], name="z")
    y = tg.Tensor(targets, name="y")
    e = tg.name(tg.exp(z), "e")
    s = tg.name(e.sum(), "s")
    a = tg.name(e / s, "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), z


@pytest.fixture(scope="module")
def lecture():
    return tell(*softmax_cross_entropy())


def phases(told, phase, track="", route=""):
    frames = [f for f in told.frames if f.phase == phase and f.route == route]
    return [f for f in frames if f.track in {"", track}]


def numbers(text):
    """Read the numbers of a formula such as "= (0.69, −0.89)"."""
    inside = text.replace("−", "-").strip("= ()")
    return [float(part.strip("()")) for part in inside.split(",")]


def test_forward_comes_first_then_backward_then_algebra(lecture):
    for route in lecture.routes:
        order = [frame.phase for frame in lecture.frames if frame.route == route.key]
        assert order == sorted(order, key=["forward", "backward", "algebra"].index)
    assert len({frame.key for frame in lecture.frames}) == len(lecture.frames)


def test_a_vertex_is_computed_after_what_it_is_made_of(lecture):
    shown = set()
    for frame in phases(lecture, "forward"):
        new = {place for place, state in frame.scene.vertices.items() if state == "now"}
        for place in new:
            assert set(lecture.nodes["graph"][place].made_of) <= shown | new
        shown |= new
    assert shown == set(range(len(lecture.nodes["graph"])))


def test_every_forward_step_has_its_formula_its_numbers_its_line_and_its_residual(lecture):
    frame = next(f for f in phases(lecture, "forward") if f.title.text == "Compute a")
    assert frame.equation.vector.text == "a = e/s"
    assert frame.equation.index.text == "aⱼ = eⱼ/s"
    assert frame.python == "a = e / s"
    assert frame.numbers[0].text == "(4.35, 0.68, 1.25)/6.27"
    exp = np.exp([1.47, -0.39, 0.22])
    assert_allclose(numbers(frame.numbers[1].text), exp / exp.sum(), atol=5e-4)
    assert frame.check == "≤ 10⁻¹⁴"


def test_what_meets_is_shown_part_by_part_with_its_sum(lecture):
    frame = next(f for f in phases(lecture, "backward") if "meet" in f.title.text)
    assert frame.title.text == "2 paths meet in e"
    assert " + " in frame.equation.vector.text
    first, second = (numbers(part) for part in frame.numbers[0].text.split(" + "))
    total = numbers(frame.numbers[1].text)
    exp = np.exp([1.47, -0.39, 0.22])
    a, y = exp / exp.sum(), np.array([0.0, 1.0, 0.0])
    assert_allclose(np.add(first, second), total, atol=6e-3)
    assert_allclose(total, (a - y) / exp, atol=6e-3)
    now = [place for place, state in frame.scene.edges.items() if state == "now"]
    edges = lecture.drawings["graph"].edges
    assert len(now) == 2
    assert all(edges[place].kind == "backward" for place in now)
    assert [edges[place].text for place in now] == ["× 1/s  = −y/(a·s)", "× 1  = Σy/s"]


def test_a_backward_step_names_both_sides(lecture):
    steps = {frame.title.text: frame for frame in phases(lecture, "backward")}
    alone, part = steps["From log a back to a"], steps["From a back to e"]
    assert alone.equation.vector.text == "∂L/∂a = −y/a"
    assert part.equation.vector.text == "∂L/∂a · ∂a/∂e = −y/(a·s)"
    passing = alone.passing
    shown = [f.formula.vector.text for f in (passing.came, passing.local, passing.goes)]
    assert shown == ["−y", "1/a", "−y/a"]
    assert passing.came.name.vector.text == "∂L/∂(log a)"
    assert passing.goes.name.index.text == "∂L/∂aⱼ"


def test_what_has_no_name_is_called_by_its_formula(lecture):
    called = [node.called for node in lecture.nodes["graph"]]
    assert called == ["z", "y", "e", "s", "a", "log a", "y ⊙ log a", "Σ(y ⊙ log a)", "L"]
    shown = [vertex.text for vertex in lecture.drawings["graph"].vertices]
    assert "y ⊙ log a" in shown  # the order of operands stands in the vertex
    assert not any(edge.sign for edge in lecture.drawings["graph"].edges)


def test_two_vertices_never_share_a_name():
    x = tg.Tensor([1.0, 2.0], name="x")
    told = tell(tg.sum(tg.exp(tg.negative(-x))) + tg.sum(x * 1.0), x)
    called = [node.called for node in told.nodes["graph"]]
    assert len(set(called)) == len(called)


def test_with_several_entries_a_gradient_is_weighted():
    z = tg.Tensor([0.3, -1.0, 2.0], name="z")
    told = tell(tg.name(tg.exp(z), "a"), z)
    last = phases(told, "backward")[-1]
    assert last.equation.vector.text == "⟨g, ∂a/∂z⟩ = a ⊙ g"
    assert last.passing.came.formula.vector.text == "g"


def test_vectors_stand_upright_where_rows_would_be_too_wide(lecture):
    wide, narrow = phases(lecture, "algebra", "assumed")[0], phases(lecture, "algebra", "free")[-1]
    assert r"4.35 \\ 0.68 \\ 1.25" in wide.numbers[0].latex
    assert "pmatrix" not in narrow.numbers[-1].latex
    assert r"\end{pmatrix}} \cdot 6.27" in wide.numbers[0].latex


@pytest.mark.parametrize(("track", "assume"), [("assumed", None), ("free", ())])
def test_the_algebra_is_the_derivation_of_the_engine(lecture, track, assume):
    derivation = tg.derive(*softmax_cross_entropy(), assume=assume)
    shown = [frame.equation.vector.text for frame in phases(lecture, "algebra", track)]
    formulas = [derivation.start, *(step.after for step in derivation.steps)]
    assert shown == [f"∂L/∂z = {formula.text()}" for formula in formulas]


def test_both_derivations_are_told_and_end_where_the_engine_ends(lecture):
    assert lecture.assumption == "Σy = 1"
    assumed, free = (phases(lecture, "algebra", track) for track in ("assumed", "free"))
    assert assumed[-1].equation.vector.text == "∂L/∂z = a − y"
    assert free[-1].equation.vector.text == "∂L/∂z = a·Σy − y"
    assert assumed[-1].equation.index.text == "∂L/∂zⱼ = aⱼ − yⱼ"
    assert not any("Σy = 1" in frame.because.text for frame in free)


def test_where_nothing_is_assumed_there_is_no_switch():
    told = LECTURES["mse"].explain().story
    assert told.assumption == ""
    assert told.without is None
    assert {frame.track for frame in told.frames} == {""}


def test_where_the_assumption_fails_the_story_does_not_use_it():
    told = tell(*softmax_cross_entropy((0.5, 1.0, 0.0)))
    assert told.assumption == ""
    assert told.result.text == "a·Σy − y"


def test_what_a_rule_matches_is_outlined_and_what_it_cancels_struck(lecture):
    last = phases(lecture, "algebra", "assumed")[-1]
    assert last.title.text == "Cancel: a/a = 1"
    assert last.start.vector.text == "a ⊙ (a − y)/a"
    assert "gone cancelled" in last.scene.edges.values()
    assert "gone matched" in last.scene.vertices.values()


def test_what_survives_a_step_keeps_its_place(lecture):
    frames = phases(lecture, "algebra", "assumed")
    assert len({frame.scene.drawing for frame in frames}) == 1
    for before, after in pairwise(frames):
        stays = {place for place, state in before.scene.vertices.items() if "gone" not in state}
        assert stays <= set(after.scene.vertices)


def test_a_long_derivation_has_several_graphs_and_none_too_large():
    told = LECTURES["stable-softmax-ce"].explain().story
    frames = phases(told, "algebra", "assumed")
    names = [frame.scene.drawing for frame in frames]
    assert len(set(names)) > 1
    assert names == sorted(names, key=names.index)  # one after the other
    shown = [len(told.drawings[name].vertices) for name in set(names)]
    assert max(shown) < len(frames[0].scene.vertices) + 40


def test_a_formula_never_turns_an_arrow_round():
    output, wrt = softmax_cross_entropy()
    derivation = tg.derive(output, wrt=wrt)
    model = Evolution([derivation.start, *(step.after for step in derivation.steps)]).model
    below = {
        vertex.key: {e.tail for e in model.edges if e.head == vertex.key}
        for vertex in model.vertices
    }
    while below:
        free = [key for key, tails in below.items() if not tails & below.keys()]
        assert free, "the arrows run in a circle"
        for key in free:
            del below[key]


def test_the_jacobian_of_softmax(lecture):
    frame = next(f for f in phases(lecture, "forward") if f.title.text == "Compute a")
    exp = np.exp([1.47, -0.39, 0.22])
    a = exp / exp.sum()
    assert (frame.heat.of, frame.heat.wrt) == ("a", "z")
    assert_allclose(frame.heat.rows, np.diag(a) - np.outer(a, a), rtol=1e-12)


def test_the_jacobian_of_softmax_as_one_operation():
    z, y = tg.Tensor([0.3, -1.0, 2.0], name="z"), tg.Tensor([0.0, 0.0, 1.0], name="y")
    a = tg.name(tg.softmax(z), "a")
    told = tell(tg.name(-(y * tg.log(a)).sum(), "L"), z, fused=("softmax",))
    heat = next(f.heat for f in phases(told, "backward") if f.title.text == "From a back to z")
    assert_allclose(heat.rows, np.diag(a.data) - np.outer(a.data, a.data), rtol=1e-12)


def unseen():
    rng = np.random.default_rng(3)
    x = tg.Tensor(rng.standard_normal((3, 2)), name="x")
    w = tg.Tensor(rng.standard_normal((2, 4)), name="lambda")
    h = tg.name(tg.tanh(x @ w), "h")
    return (h[:, 1:] * h[[0, 2, 1], :3]).mean(axis=0).sum() + tg.maximum(w, 0.1).sum(), w


def cancelling():
    x = tg.Tensor([1.0, 2.0, 4.0], name="x")
    centred = x - x.mean()
    return (centred / tg.sqrt((centred**2).mean() + 1e-5) * np.array([1.0, 2.0, 3.0])).sum(), x


GRAPHS = {
    **{key: lecture.build for key, lecture in LECTURES.items()},
    "unseen": lambda: (*unseen(), NO_NAMES),
    "cancelling": lambda: (*cancelling(), NO_NAMES),
}


#: Long stories that tell with other letters, or of another argument, what `batch-weights` tells.
ALIKE = {"batch-weights-rows", "batch-bias", "softmax-regression", "softmax-regression-decay"}


@pytest.fixture(
    scope="module",
    params=[pytest.param(k, marks=[pytest.mark.deep] if k in ALIKE else []) for k in GRAPHS],
)
def told_of(request):
    """Return a graph's output and argument, and its story, which takes most of the time."""
    output, wrt, names = GRAPHS[request.param]()
    return output, wrt, story(output, wrt, names)


def test_what_is_left_to_the_deep_tests_is_there():
    assert GRAPHS.keys() >= {*ALIKE, "batch-weights"}


def test_the_program_computes_the_same_gradient(told_of, tmp_path):
    output, wrt, told = told_of
    program = tmp_path / "program.py"
    program.write_text(told.program, encoding="utf-8")
    scope = runpy.run_path(str(program))
    expected = tg.gradients(output, wrt, seed=np.ones(output.shape))
    assert_allclose(scope["gradient"], expected, rtol=1e-13, atol=1e-15)


def test_every_residual_is_rounding_and_every_node_has_a_line(told_of):
    _, _, told = told_of
    assert {frame.check for frame in told.frames} <= {"", "exact", "≤ 10⁻¹⁴", "≤ 10⁻¹³"}
    assert all(node.python for nodes in told.nodes.values() for node in nodes)


def test_what_came_in_times_the_local_derivative_is_what_goes_on(told_of):
    _, _, told = told_of
    steps = [f.passing for f in told.frames if f.passing is not None and f.passing.subscripts]
    assert steps
    for each in steps:
        product = np.einsum(each.subscripts, each.came.value, each.local.value)
        assert_allclose(product, each.goes.value, rtol=1e-12, atol=1e-14)


def test_the_gradient_is_the_same_in_three_ways(told_of):
    output, wrt, told = told_of
    rows = np.array([numbers for _, numbers in told.comparison.rows])
    if output.size == 1:
        assert_allclose(rows[:, 1], tg.gradients(output, wrt).ravel()[: len(rows)], rtol=1e-12)
    assert_allclose(rows[:, 0], rows[:, 1], rtol=1e-9, atol=1e-12)
    assert_allclose(rows[:, 2], rows[:, 1], rtol=1e-5, atol=1e-6)
    assert len(rows) + told.comparison.left_out == wrt.size


def test_an_output_with_several_entries_gets_a_weight_for_each():
    z = tg.Tensor([0.3, -1.0, 2.0], name="z")
    told = tell(tg.name(tg.softmax(z), "a"), z)
    assert phases(told, "backward")[0].equation.vector.text == "∂a/∂a = g"


def test_a_graph_that_nobody_could_read_is_refused():
    x = tg.Tensor([1.0, 2.0], name="x")
    out = x
    for _ in range(310):
        out = out + x
    with pytest.raises(ValueError, match="more than 300"):
        tell(out.sum(), x)


def chain(count):
    x = tg.Tensor([0.3, 0.2, -0.5], name="x")
    out = x
    for n in range(count):
        out = tg.sin(out) if n % 2 else tg.tanh(out)
    return tg.name(out.sum(), "L"), x


def recurrent(steps):
    rng = np.random.default_rng(0)
    W, U = (tg.Tensor(rng.standard_normal((3, n)) / 3, name=k) for k, n in (("W", 3), ("U", 2)))
    h = np.zeros(3)
    for _ in range(steps):
        h = tg.tanh(W @ h + U @ rng.standard_normal(2))
    return tg.name((h**2).sum(), "L"), W


def test_a_large_graph_is_told_with_a_name_for_every_vertex():
    told = tell(*recurrent(8))
    for frame in phases(told, "forward")[1:]:
        assert len(frame.equation.vector.text) < 20
    for frame in phases(told, "backward")[1:]:
        if frame.passing is not None:
            assert len(frame.passing.local.formula.vector.text) < 20


@pytest.mark.parametrize(("build", "size", "rounds"), [(chain, 160, 77), (recurrent, 10, 7)])
def test_rounds_of_the_same_are_told_once(build, size, rounds):
    output, wrt = build(size)
    told = tell(output, wrt)
    titles = [frame.title.text for frame in told.frames]
    assert f"The same, {rounds} times more" in titles
    back = next(f for f in told.frames if f.title.text == f"Back through the same, {rounds} times")
    assert len(titles) < 50
    assert len(told.drawings["graph"].vertices) < 30
    (fold,) = (v.key for v in told.drawings["graph"].vertices if v.text == f"× {rounds}")
    shows = [int(fold[1:]) in f.scene.vertices for f in phases(told, "forward")]
    first = titles.index(f"The same, {rounds} times more")
    assert shows == [place >= first for place in range(len(shows))]
    # What has come back is the gradient of the vertex that is named, and the rest is told of.
    called = {node.called: node for node in told.nodes["graph"]}
    shown = back.equation.vector.text.partition(" = ")
    node = called[shown[0].removeprefix("∂L/∂")]
    assert shown[2] == f"({', '.join(node.gradient.split())})"
    last = [f for f in told.frames if f.phase == "backward"][-1]
    assert last.equation.vector.text.startswith(f"∂L/∂{wrt.name}")
    assert len(told.nodes["graph"]) > size


def test_layers_with_weights_of_their_own_are_rounds_too():
    rng = np.random.default_rng(1)
    h, weights = tg.Tensor(rng.standard_normal((4, 3)), name="X"), []
    for layer in range(12):
        weights.append(tg.Tensor(rng.standard_normal((3, 3)), name=f"W{layer}"))
        h = tg.name(tg.relu(h @ weights[-1]), f"H{layer}")
    told = tell(tg.name(h.mean(), "L"), weights[0])
    titles = [frame.title.text for frame in told.frames]
    assert "The same, 9 times more" in titles
    assert "Compute H0" in titles
    assert "Compute H11" in titles
    assert not any("W5" in vertex.text for vertex in told.drawings["graph"].vertices)


def test_a_page_of_a_large_graph_is_small():
    page = tg.explain(*chain(160))
    assert len(page.html()) < 400_000
    assert len(tg.explain(*recurrent(10)).html()) < 700_000


def test_entries_of_one_array_have_numbers_of_their_own():
    z = tg.Tensor([1.0, 2.0, 3.0], name="z")
    filled, result = tell(z[0] * z[2] ** 2, z).frames[-1].numbers
    assert filled.text == "3·(3·δ₀ + 2·1·δ₂)"
    assert filled.latex.count("3") == 2
    assert numbers(result.text) == [9, 0, 6]
    X = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], name="X")
    filled, _ = tell(tg.sum(X[0] * X[1]), X).frames[-1].numbers
    assert "(1, 2)" in filled.text
    assert "(3, 4)" in filled.text


def test_an_entry_of_a_named_vector_is_told_as_an_entry():
    z = tg.Tensor([0.3, -1.0, 2.0], name="z")
    a = tg.name(tg.softmax(z), "a")
    told = tell(-tg.log(a[1]), z)
    assert {frame.check for frame in told.frames} <= {"", "exact", "≤ 10⁻¹⁴", "≤ 10⁻¹³"}
    assert told.frames[-1].equation.vector.text == "∂L/∂z = a − δ₁"
