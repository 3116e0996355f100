"""Pictures: what is drawn, that labels stay in their boxes, and what happens without a renderer."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import matplotlib.colors
import matplotlib.image
import pytest

from tinygrad_edu.view import (
    Edge,
    Model,
    Picture,
    RendererError,
    RendererNotFound,
    Vertex,
    use_renderer,
)
from tinygrad_edu.view.draw import renderer
from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.draw.formula import TEXT_SIZES, text_width
from tinygrad_edu.view.draw.model import Frame

SVG = "{http://www.w3.org/2000/svg}"
PURE = shutil.which("graphviz-pure", path=str(Path(sys.executable).parent))
PROGRAMS = [program for program in (shutil.which("dot"), PURE) if program]
KINDS = ("op", "value", "parameter", "constant", "gradient")

SOURCE = textwrap.dedent(
    r"""
    from tinygrad_edu.view import Edge, Group, Model, Picture, Vertex

    both = frozenset({"matched", "cancelled"})
    model = Model(
        (
            Vertex("z", "parameter", "z", "z", ("(3,)", "1.47 −0.39 0.22"), both, ("gradient 1",)),
            Vertex("e", "op", "e^{z}", "exp(z)", ("(3,)",), frozenset({"matched"})),
            Vertex("s", "op", r"\sum_{k} e_{k}", "Σ e", ("6.27",)),
            Vertex("a", "value", r"\frac{e}{s}", "e / s", marks=frozenset({"cancelled"})),
            Vertex("y", "constant", "", "a name without formula"),
            Vertex("g", "gradient", r"-\frac{y}{a}", "−y/a"),
        ),
        (
            Edge("z", "e"), Edge("e", "s"), Edge("e", "a"), Edge("s", "a"), Edge("y", "y"),
            Edge("a", "e", "backward", "g/s", r"\frac{g}{s}", both),
            Edge("e", "z", "backward", "g·e"),
        ),
        (
            Group("out", "layer", ("e", "in"), r"a = \operatorname{softmax}(z)"),
            Group("in", "softmax", ("s", "a")),
        ),
        title="one",
    )
    """
)
# The same text makes the model here and in another interpreter.
_names: dict[str, Model] = {}
exec(SOURCE, _names)
MODEL = _names["model"]


@pytest.fixture(params=PROGRAMS, ids=lambda program: Path(program).name)
def program(request, monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_DOT", request.param)
    return request.param


def by_class(root, name):
    return [item for item in root.iter() if name in item.get("class", "").split()]


def bounds(element):
    """The box of a rect, or of a path of absolute M and L."""
    if element.tag == f"{SVG}rect":
        x, y, w, h = (float(element.get(key)) for key in ("x", "y", "width", "height"))
        return x, y, x + w, y + h
    outline = element.get("d").partition("Z")[0]
    values = [float(value) for value in re.findall(r"-?[\d.]+", outline)]
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def path_bounds(path):
    values = [float(value) for value in re.findall(r"-?[\d.]+", path)]
    return min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2])


def ink(node, outlines):
    """The boxes of everything written in a node: glyphs, bars and texts."""
    sizes = TEXT_SIZES
    for text in node.iter(f"{SVG}text"):
        size = sizes[text.get("class")[3:]]
        x, y, half = float(text.get("x")), float(text.get("y")), text_width(text.text, size) / 2
        yield x - half, y - 0.8 * size, x + half, y + 0.25 * size
    for group in by_class(node, "tg-formula"):
        dx, dy = map(float, re.findall(r"-?[\d.]+", group.get("transform")))
        for use in group.iter(f"{SVG}use"):
            ux, uy, scale = map(float, re.findall(r"-?[\d.]+", use.get("transform")))
            box = path_bounds(outlines[use.get("href")[1:]])
            left, top, right, bottom = (scale * value for value in box)
            yield dx + ux + left, dy + uy + top, dx + ux + right, dy + uy + bottom
        for bar in group.iter(f"{SVG}rect"):
            left, top, right, bottom = bounds(bar)
            yield dx + left, dy + top, dx + right, dy + bottom


def corners(box):
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def lies_within(point, shape):
    """Whether a point lies within a convex outline that runs clockwise, as all of ours do."""
    if shape.tag == f"{SVG}rect":
        return True  # the bounds have been compared already
    outline = [float(v) for v in re.findall(r"-?[\d.]+", shape.get("d").partition("Z")[0])]
    points = list(zip(outline[::2], outline[1::2], strict=True))
    x, y = point
    sides = zip(points, points[1:] + points[:1], strict=True)
    return all((x1 - x0) * (y - y0) > (x - x0) * (y1 - y0) for (x0, y0), (x1, y1) in sides)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_written_lies_within_its_shape(program, kind):
    formulas = (
        "e^{z}",
        r"\frac{e}{s}",
        r"\sum_{k} y_{k} \log a_{k}",
        "",
        "f",
        r"\left(\frac{a}{b}\right)",
    )
    texts = ("W" * 20, "ill", "中文 名", "two\nlines", "Σₖ yₖ log aₖ", "x")
    vertices = tuple(
        Vertex(str(number), kind, formula, text, (text, "1.47 −0.39"), gradient_lines=("gradient",))
        for number, (formula, text) in enumerate(zip(formulas, texts, strict=True))
    )
    root = ET.fromstring(Picture(Model(vertices)).svg())
    outlines = {path.get("id"): path.get("d") for path in root.iter(f"{SVG}path") if path.get("id")}
    nodes = by_class(root, "tg-node")
    assert len(nodes) == len(vertices)
    for node in nodes:
        shape = by_class(node, "tg-shape")[0]
        left, top, right, bottom = bounds(shape)
        boxes = list(ink(node, outlines))
        count = len(list(node.iter(f"{SVG}text")))
        written = [True] * count + [False] * (len(boxes) - count)
        assert len(boxes) >= 4
        for box in boxes:
            assert left + 2 < box[0] < box[2] < right - 2
            assert top + 2 < box[1] < box[3] < bottom - 2
            assert all(lies_within(corner, shape) for corner in corners(box))
        texts = [box for box, is_text in zip(boxes, written, strict=True) if is_text]
        glyphs = [box for box, is_text in zip(boxes, written, strict=True) if not is_text]
        assert all(text[1] > glyph[3] - 1 for text in texts for glyph in glyphs)
        assert all(low[1] >= high[3] - 1 for high, low in pairwise(texts))


def test_formulas_are_glyphs_and_lines_are_text(program):
    root = ET.fromstring(Picture(MODEL).svg())
    z = by_class(root, "tg-parameter")[0]
    assert [text.text for text in z.iter(f"{SVG}text")] == ["(3,)", "1.47 −0.39 0.22", "gradient 1"]
    assert len(list(z.iter(f"{SVG}use"))) == 1
    assert z.find(f"{SVG}title").text.startswith("z\n(3,)")
    ids = [item.get("id") for item in root.iter() if item.get("id")]
    assert len(ids) == len(set(ids))
    assert {use.get("href")[1:] for use in root.iter(f"{SVG}use")} <= set(ids)


def test_kinds_differ_by_shape():
    root = ET.fromstring(Picture(Model(tuple(Vertex(kind, kind) for kind in KINDS))).svg())
    shapes = set()
    for node in by_class(root, "tg-node"):
        shape = by_class(node, "tg-shape")[0]
        sides = (shape.get("d") or "").count("L")
        shapes.add((shape.tag, "rx" in shape.attrib, sides))
    assert len(shapes) == len(KINDS)


def test_marks_are_drawn(program):
    root = ET.fromstring(Picture(MODEL).svg())
    nodes = by_class(root, "tg-node")
    seen = [(len(by_class(n, "tg-outline")), len(by_class(n, "tg-strike"))) for n in nodes]
    assert seen == [(1, 1), (1, 0), (0, 0), (0, 1), (0, 0), (0, 0)]
    outline, shape = (bounds(by_class(nodes[1], name)[0]) for name in ("tg-outline", "tg-shape"))
    assert outline[0] < shape[0] < shape[2] < outline[2]
    struck = [edge for edge in by_class(root, "tg-matched") if by_class(edge, "tg-strike")]
    assert len(struck) == 1


def test_groups_surround_their_members_and_carry_their_label(program):
    root = ET.fromstring(Picture(MODEL).svg())
    outer, inner = by_class(root, "tg-cluster")
    assert inner.find(f"{SVG}text").text == "softmax"
    assert by_class(outer, "tg-formula")
    around, within = (bounds(by_class(cluster, "tg-shape")[0]) for cluster in (outer, inner))
    assert around[0] < within[0] < within[2] < around[2]
    s = bounds(by_class(by_class(root, "tg-node")[2], "tg-shape")[0])
    assert within[0] < s[0] < s[2] < within[2]
    label_y = float(inner.find(f"{SVG}text").get("y"))
    assert within[1] < label_y < s[1]


def test_frames_stand_one_below_the_other(program):
    count = 4
    model = Model(
        frames=tuple(
            Frame(Model((Vertex("v", "op", "e^{z}", f"v{n}"),)), f"step {n}", "a - y", ("because",))
            for n in reversed(range(count))
        )
    )
    root = ET.fromstring(Picture(model).svg())
    captions = by_class(root, "tg-caption")
    assert [text.text for text in captions] == [f"step {n}" for n in reversed(range(count))]
    tops = [float(text.get("y")) for text in captions]
    assert all(below - above > 60 for above, below in pairwise(tops))
    assert len(by_class(root, "tg-rule")) == count - 1
    shapes = [node.find(f"{SVG}title").text for node in by_class(root, "tg-node")]
    assert shapes == [f"v{n}" for n in reversed(range(count))]
    bottom = float(root.get("viewBox").split()[3])
    assert all(top < bottom for top in tops)


def test_document_is_self_contained_and_says_what_it_is(program):
    svg = Picture(Model((Vertex("a", "op", text="<script>x</script>"),), title='a<"&')).svg()
    root = ET.fromstring(svg)
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'a<"&'
    assert root.find(f"{SVG}title").text == 'a<"&'
    assert "<script" not in svg
    assert not re.search(r'(?:href|src)="(?!#)|url\(|@import|<!DOCTYPE', svg)
    assert "prefers-color-scheme:dark" in svg
    assert "currentColor" in svg


@pytest.mark.parametrize(
    "text", ['a"]; evil [label="x', "<a> <b>", "{}|<>", "\\", "中文", "\x00\ud800"]
)
def test_case_44_hard_names_are_shown_literally(program, text):
    root = ET.fromstring(Picture(Model((Vertex(text, "op", text=text),), title=text)).svg())
    (node,) = by_class(root, "tg-node")
    assert node.find(f"{SVG}text").text == clean(text)


def test_two_pictures_in_one_page_share_no_ids():
    def ids(title):
        svg = Picture(Model((Vertex("a", "op", "e^{z}", "e"),), title=title)).svg()
        return {item.get("id") for item in ET.fromstring(svg).iter() if item.get("id")}

    assert ids("one")
    assert not ids("one") & ids("two")


def test_both_renderers_give_the_same_words_and_sizes(monkeypatch):
    if len(PROGRAMS) < 2:
        pytest.skip("there is only one renderer here")
    seen = []
    for program in PROGRAMS:
        monkeypatch.setenv("TINYGRAD_EDU_DOT", program)
        root = ET.fromstring(Picture(MODEL).svg())
        words = [text.text for text in root.iter(f"{SVG}text")]
        boxes = [bounds(by_class(node, "tg-shape")[0]) for node in by_class(root, "tg-node")]
        seen.append((words, [(round(x1 - x0), round(y1 - y0)) for x0, y0, x1, y1 in boxes]))
    assert seen[0] == seen[1]


@pytest.mark.ci
def test_case_48_same_bytes_whatever_the_hash_seed_and_history():
    code = SOURCE + textwrap.dedent(
        """
        import hashlib, sys
        from tinygrad_edu.view.draw.formula import typeset
        if len(sys.argv) > 1:
            typeset("b"), typeset(r"\\\\frac{c}{d}", 30.0), Picture(Model(())).svg()
        picture = Picture(model)
        print(hashlib.sha256((picture.source + picture.svg()).encode()).hexdigest())
        """
    )
    digests = set()
    for seed, history in (("0", []), ("1", []), ("12345", ["some"])):
        done = subprocess.run(
            [sys.executable, "-c", code, *history],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(done.stdout)
    assert len(digests) == 1


def test_an_empty_model_is_a_picture(program):
    assert ET.fromstring(Picture(Model(())).svg()).tag == f"{SVG}svg"


@pytest.mark.parametrize(
    "name", ["with space", "it's", 'a"b', "a;touch evil", "$(id)", "-o", "ö中"]
)
def test_case_45_odd_paths(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    picture = Picture(MODEL)
    for ending in ("svg", "dot", "gv", "png"):
        path = folder / f"{name}.{ending}"
        assert picture.save(path) == path
        assert path.stat().st_size > 100
    assert sorted(item.name for item in tmp_path.iterdir()) == [name]
    assert len(list(folder.iterdir())) == 4


def test_case_45_a_renderer_in_an_odd_place(tmp_path, monkeypatch):
    folder = tmp_path / "a b;c'"
    folder.mkdir()
    (folder / 'd"ot').symlink_to(PROGRAMS[0])
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(folder / 'd"ot'))
    assert renderer.found().source == "TINYGRAD_EDU_DOT"
    assert "graphviz" in renderer.found().version()
    assert Picture(MODEL).svg().startswith("<svg ")


def test_unknown_ending_and_format(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"saved as .svg, .png, .pdf, .dot or .gv, not as 'a.jpg'"):
        Picture(MODEL).save(tmp_path / "a.jpg")
    if PURE:
        monkeypatch.setenv("TINYGRAD_EDU_DOT", PURE)
        with pytest.raises(RendererError, match="made no pdf"):
            Picture(MODEL).save(tmp_path / "a.pdf")
        assert list(tmp_path.iterdir()) == []


def test_order_of_renderers(monkeypatch, tmp_path):
    monkeypatch.delenv("TINYGRAD_EDU_DOT", raising=False)
    if PURE:
        monkeypatch.setenv("PATH", str(tmp_path))
        assert renderer.found() == renderer.Renderer(PURE, "graphviz-pure")
    (tmp_path / "dot").symlink_to(PROGRAMS[0])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert renderer.found() == renderer.Renderer(str(tmp_path / "dot"), "system")
    monkeypatch.setenv("TINYGRAD_EDU_DOT", PROGRAMS[-1])
    assert renderer.found() == renderer.Renderer(PROGRAMS[-1], "TINYGRAD_EDU_DOT")
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(tmp_path / "missing"))
    with pytest.raises(RendererNotFound, match="which is no program"):
        renderer.found()


def test_a_function_can_stand_for_the_program(monkeypatch, tmp_path):
    asked = []

    def render(source, form):
        asked.append(form)
        return renderer.Renderer(PROGRAMS[0], "test").run(source, form)

    expected = Picture(MODEL).svg()
    monkeypatch.setenv("TINYGRAD_EDU_DOT", str(tmp_path / "missing"))
    use_renderer(render)
    try:
        assert renderer.found().path == "render"
        assert renderer.found().version() == "a function"
        assert Picture(MODEL).svg() == expected
        assert asked == ["svg"]
    finally:
        use_renderer(None)
    with pytest.raises(RendererNotFound, match="which is no program"):
        Picture(MODEL).svg()
    with pytest.raises(TypeError, match="a str cannot be called; pass a function of DOT text"):
        use_renderer("dot")


def test_in_a_browser_no_program_is_looked_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert renderer.found() is None
    with pytest.raises(RendererNotFound, match=r"hand in a function with .*use_renderer"):
        Picture(MODEL).svg()


@pytest.mark.usefixtures("no_program")
def test_case_46_without_a_renderer_the_text_stays_and_the_mend_is_said(tmp_path):
    picture = Picture(MODEL)
    assert renderer.found() is None
    with pytest.raises(RendererNotFound, match=re.escape('pip install "tinygrad_edu[viz]"')):
        picture.svg()
    picture.save(tmp_path / "a.dot")
    assert (tmp_path / "a.dot").read_text("utf-8") == picture.source
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert bundle["text/plain"].startswith(repr(picture))
    assert 'pip install "tinygrad_edu[viz]"' in bundle["text/plain"]


def test_case_46_notebook_repr_never_raises(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_DOT", sys.executable)
    bundle = Picture(MODEL)._repr_mimebundle_()
    assert "made no svg" in bundle["text/plain"]
    monkeypatch.setitem(sys.modules, "graphviz", None)
    assert "graphviz" in Picture(MODEL)._repr_mimebundle_()["text/plain"]


def test_notebook_shows_the_picture(program):
    picture = Picture(MODEL)
    bundle = picture._repr_mimebundle_(include=None, exclude=None)
    assert bundle == {"text/html": picture.svg(), "text/plain": repr(picture)}
    assert repr(picture) == "<Picture 'one': 6 vertices, 7 edges>"


def test_without_ziamath_the_picture_has_readable_text(monkeypatch, program):
    monkeypatch.setitem(sys.modules, "ziamath", None)
    root = ET.fromstring(Picture(MODEL).svg())
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert {"exp(z)", "Σ e", "−y/a", "g/s"} <= set(words)
    assert not list(root.iter(f"{SVG}use"))


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, tinygrad_edu.view; print({'ziamath', 'graphviz'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# --- width, ground, and files ---------------------------------------------------------------------


def chain(length):
    vertices = tuple(Vertex(str(n), "op", text=f"step {n}") for n in range(length))
    return Model(
        vertices, tuple(Edge(str(n), str(n + 1)) for n in range(length - 1)), title="chain"
    )


def size_of(svg):
    root = ET.fromstring(svg)
    return float(root.get("width")), float(root.get("height"))


def test_what_is_wider_than_the_page_runs_downwards(program):
    width, height = size_of(Picture(chain(4)).svg())
    assert height < width < 960
    width, height = size_of(Picture(chain(20)).svg())
    assert width < 960 < height
    width, height = size_of(Picture(chain(20), width=10_000).svg())
    assert width > 960 > height
    assert size_of(Picture(chain(4), width=100).svg())[0] < 250


def test_a_picture_has_no_ground_and_shrinks_to_its_place(program):
    svg = Picture(MODEL).svg()
    assert "background" not in svg
    assert "max-width:100%" in svg
    width, _ = size_of(svg)
    _, _, points, _ = map(float, ET.fromstring(svg).get("viewBox").split())
    assert width == pytest.approx(points * 4 / 3, abs=0.01)  # pixels, for points of layout


def test_a_png_shows_what_the_svg_shows(tmp_path):
    pixels = matplotlib.image.imread(Picture(MODEL).save(tmp_path / "a.png"))
    width, height = size_of(Picture(MODEL).svg())
    assert pixels.shape[1::-1] == pytest.approx((2 * width, 2 * height), abs=2)
    assert pixels[0, 0, 3] == 0  # no ground
    painted = pixels[pixels[..., 3] > 0.9][:, :3]
    for colour in ("#B34700", "#0072B2"):  # gradients and forward arrows
        wanted = matplotlib.colors.to_rgb(colour)
        assert (abs(painted - wanted).max(axis=1) < 0.02).any()


def test_a_png_without_the_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(RendererNotFound, match=r"needs resvg_py; run: pip install"):
        Picture(MODEL).save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
