"""The page as a document: self-contained, the same on every build, and nothing in it is markup."""

import base64
import gzip
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tinygrad_edu as tg
from tinygrad_edu.cli import main
from tinygrad_edu.lectures import LECTURES
from tinygrad_edu.view.draw import renderer
from tinygrad_edu.view.page import document as writer

ROOT = Path(__file__).resolve().parents[2]
BUILD = """
from tinygrad_edu.lectures import LECTURES
print(LECTURES["softmax-ce"].explain().html(), end="")
"""


def make(key="softmax-ce"):
    return LECTURES[key].explain()


@pytest.fixture(scope="module")
def document():
    return make().html()


class Elements(HTMLParser):
    """Every start tag with its attributes, and the texts of the ordered list's headings."""

    def __init__(self, document):
        super().__init__()
        self.found = []
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.ci
def test_every_build_gives_the_same_bytes(document):
    run = [sys.executable, "-c", BUILD]
    for seed in ("1", "2"):
        done = subprocess.run(
            run,
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=True,
        )
        assert done.stdout.decode() == document


def test_the_page_is_small_enough(document):
    assert len(document.encode()) <= 500_000


def test_nothing_is_fetched(document):
    for tag, attributes in Elements(document).found:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "image"}
        for name in ("src", "href", "srcset", "data", "action"):
            assert attributes.get(name, "#").startswith("#"), (tag, attributes)
        assert not any(name.startswith("on") or name == "style" for name in attributes)
    style = document.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_just_this_style_and_this_script(document):
    policy = next(a["content"] for t, a in Elements(document).found if "http-equiv" in a)
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag, count in (("style", 1), ("script", 3)):
        contents = re.findall(f"<{tag}>(.*?)</{tag}>", document, flags=re.DOTALL)
        digests = [hashlib.sha256(content.encode()).digest() for content in contents]
        hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
        assert len(hashes) == count
        assert f"{tag}-src {' '.join(hashes)};" in policy


def test_every_step_stands_in_the_ordered_list(document):
    told = make().story
    steps = [a for t, a in Elements(document).found if t == "li" and "step" in a["class"]]
    assert [a["id"] for a in steps] == ["answer", *(frame.key for frame in told.frames)]
    assert [a["data-title"] for a in steps[1:]] == [frame.title.text for frame in told.frames]


def cards(document):
    """The text of every step, from its opening tag to the next one's."""
    listed = document.partition('<ol class="steps"')[2].partition("</ol>")[0]
    return listed.split('<li class="step ')[2:]  # after the first card


def test_beside_each_graph_stands_what_happened(document):
    told = make().story
    always = {"forward": {"In numbers", "Why", "Python", "Residual"}, "backward": {"Why", "Python"}}
    for frame, card in zip(told.frames, cards(document), strict=True):
        rows = set(re.findall("<h3>(.*?)</h3>", card))
        assert "<figure" in card
        assert 'class="equation' in card
        if frame.title.text == "What is given":
            assert rows == {"Why", "Python"}
        elif frame.lines:
            assert rows == {"Before", "By", "Residual"}
        elif "meet" in frame.title.text:
            assert rows == {"In numbers", "Why", "Residual"}
        elif frame.phase == "algebra":
            assert rows >= {"In numbers", "Why", "Residual"}
            assert ("Before" in rows) == (frame.start is not None)
        else:
            assert rows >= always[frame.phase]


def test_maths_is_mathml_in_the_text_and_outlines_in_the_graph(document):
    assert all("<math" in card for card in cards(document))
    store = document.partition('<svg class="store"')[2].partition("</svg>")[0]
    vertices = store.count('class="tg-node')
    assert vertices > 30
    assert store.count('class="tg-formula"') == vertices
    assert "tg-text" not in store


def test_what_meets_shows_both_parts_and_their_sum(document):
    card = next(c for c in cards(document) if "paths meet in e" in c)
    assert "<mo>+</mo>" in card
    assert document.count(">× 1/s  = −y/(a·s)<") == document.count(">× 1  = Σy/s<") == 1


def test_every_id_is_used_once_and_every_reference_has_one(document):
    found = Elements(document).found
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for t, a in found if t == "use"} <= set(ids)


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&lt;b&gt;\"'`\x00\u2028]]>"


def test_case_44_names_with_markup_stay_text():
    z = tg.Tensor([1.0, 2.0, 3.0], name=EVIL)
    y = tg.Tensor([0.0, 1.0, 0.0], name='"><svg onload=alert(3)>')
    loss = tg.name(tg.softmax_cross_entropy(z, y), "<!--")
    document = tg.explain(loss, z).html()
    plain = make("softmax-ce").html() + make("norm-p").html()
    tags = [tag for tag, _ in Elements(document).found]
    assert tags.count("script") == 3
    assert set(tags) <= {tag for tag, _ in Elements(plain).found}
    assert not any(n.startswith("on") for _, a in Elements(document).found for n in a)
    assert "\x00" not in document


def test_case_46_without_a_renderer_the_steps_stand_without_graphs(monkeypatch):
    monkeypatch.setattr(writer, "find_renderer", missing)
    text = make().html()
    assert "No program to lay out" in text
    assert "<figure" not in text
    assert text.count('<li class="step') == 1 + len(make().story.frames)


def missing():
    raise renderer.RendererNotFound("No program to lay out the picture was found")


def test_without_the_formula_setter_formulas_are_readable_text(monkeypatch):
    monkeypatch.setitem(sys.modules, "ziamath", None)
    document = make().html()
    assert "<math" not in document
    assert '<span class="plain">∂L/∂z = a − y</span>' in document


def test_save_says_what_a_page_is_saved_as(tmp_path):
    shown = make("mse")
    assert shown.save(tmp_path / "page.html").read_text(encoding="utf-8") == shown.html()
    with pytest.raises(ValueError, match=r"saved as \.html or \.svg, not as 'page.pdf'"):
        shown.save(tmp_path / "page.pdf")


def test_a_notebook_shows_the_page_in_a_frame_of_its_own():
    shown = make("mse")
    bundle = shown._repr_mimebundle_()
    frames = Elements(bundle["text/html"]).found
    assert [tag for tag, _ in frames] == ["iframe"]
    packed = re.search(r'atob\("([^"]+)"\)', frames[0][1]["srcdoc"])[1]
    assert gzip.decompress(base64.b64decode(packed)).decode() == shown.html()
    assert "allow-same-origin" not in frames[0][1]["sandbox"]
    assert bundle["text/plain"] == "<Page '∂L/∂h = 2·(h − y)/N': 11 steps>"


def test_explain_takes_the_callers_names():
    logits = tg.Tensor([1.0, 2.0])
    cost = (logits**2).sum()
    assert re.match(r"<Page '∂cost/∂logits = 2·logits'", repr(tg.explain(cost, wrt=logits)))


def test_the_command_line_lists_writes_and_opens_pages(capsys, tmp_path, monkeypatch):
    assert main(["explain", "--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(LECTURES)
    assert main(["explain", "mse", "--into", str(tmp_path)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "mse.html")
    assert (tmp_path / "mse.html").read_text(encoding="utf-8") == make("mse").html()
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    assert main(["explain", "norm", "--into", str(tmp_path), "--open"]) == 0
    assert opened == [(tmp_path / "norm.html").resolve().as_uri()]
    with pytest.raises(SystemExit):
        main(["explain", "nothing"])
    assert "there are: softmax-ce" in capsys.readouterr().err
