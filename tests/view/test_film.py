"""The picture that plays: what it shows, when, and what stands still."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.view import RendererNotFound

SVG = "{http://www.w3.org/2000/svg}"


def loss():
    z = tg.Tensor([1.47, -0.39, 0.22], name="z")
    a = tg.name(tg.softmax(z), "a")
    y = np.array([0.0, 1.0, 0.0])
    return tg.name(-(y * tg.log(a)).sum(), "L"), z, y


def moments(svg):
    """When each part comes in, in percent of a round, by its class."""
    found = re.findall(r"@keyframes (film\d+)\{0%,([\d.]+)%\{opacity:0\}", svg)
    return {name: float(moment) for name, moment in found}


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    output, z, y = loss()
    path = tg.explain(output, wrt=z, names={"y": y}).save(
        tmp_path_factory.mktemp("film") / "why.svg"
    )
    return path.read_text(encoding="utf-8")


def test_everything_comes_in_once_and_is_there_at_the_end(film):
    root = ET.fromstring(film)
    parts = [g.get("class") for g in root.iter(f"{SVG}g") if "film" in (g.get("class") or "")]
    assert sorted(parts) == sorted(moments(film))
    assert max(moments(film).values()) < 90
    assert film.count("98%{opacity:1}") == len(parts)


def test_it_shows_the_bars_the_two_paths_and_what_they_mean(film):
    root = ET.fromstring(film)
    words = {text.text for text in root.iter(f"{SVG}text")}
    assert {"logits", "probabilities; dashed: targets y", "the gradient"} <= words
    assert any("0.11 − 1 = −0.89 pulls the true logit up" in word for word in words if word)
    assert sum("= a" in (word or "") or "= −y" in (word or "") for word in words) == 2
    assert len([r for r in root.iter(f"{SVG}rect") if r.get("class") == "bar"]) == 12
    ids = {path.get("id") for path in root.iter(f"{SVG}path")}
    assert {use.get("href")[1:] for use in root.iter(f"{SVG}use")} <= ids


def test_whoever_wants_no_motion_has_none(film):
    assert "@media(prefers-reduced-motion:reduce){.tg *{animation:none}}" in film


@pytest.mark.parametrize(
    "record", [lambda x: (x @ x) / 2, lambda x: tg.sigmoid(x[0]), lambda x: tg.log(x**2 + 1).sum()]
)
def test_any_gradient_has_one(record, tmp_path):
    x = tg.Tensor([0.4, -1.3], name="x")
    path = tg.explain(record(x), wrt=x).save(tmp_path / "a.svg")
    assert len(moments(path.read_text(encoding="utf-8"))) >= 4


def test_without_a_renderer_it_says_what_to_install(no_program, tmp_path):
    output, z, _ = loss()
    page = tg.explain(output, wrt=z)
    with pytest.raises(RendererNotFound, match="pip install"):
        page.save(tmp_path / "a.svg")
    with pytest.raises(ValueError, match=r"saved as .html or .svg, not as 'a.png'"):
        page.save(tmp_path / "a.png")
