"""The colours of the page: distinguishable with colour blindness, and with enough contrast."""

import re
from itertools import combinations

import numpy as np
import pytest

from .test_page import PAGE

#: Linear red, green and blue as perceived without one kind of cone (Machado, Oliveira & Fernandes 2009, severity 1).
PERCEIVED = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = TO_XYZ.sum(axis=1)


def colours(theme):
    """Return the style sheet's variables of a theme as linear red, green and blue."""
    sheet = (PAGE / "shared" / "style.css").read_text(encoding="utf-8")
    light = re.search(r":root \{(.*?)\n\}", sheet, re.S)[1]
    dark = re.search(r":root\[data-theme=\"dark\"\] \{(.*?)\n\}", sheet, re.S)[1]
    found = dict(re.findall(r"--([\w-]+): #([0-9a-f]{6});", light + (dark if theme == "dark" else "")))
    srgb = {name: np.array([int(value[k : k + 2], 16) for k in (0, 2, 4)]) / 255 for name, value in found.items()}
    return {name: np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for name, c in srgb.items()}


def lab(linear):
    """Return CIE L*a*b*, in which a distance of about 2 is just noticeable."""
    share = TO_XYZ @ np.clip(linear, 0, 1) / WHITE
    f = np.where(share > (6 / 29) ** 3, np.cbrt(share), share / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one, other):
    """Return WCAG's contrast."""
    light, dark = sorted((float(TO_XYZ[1] @ one), float(TO_XYZ[1] @ other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("cones", PERCEIVED)
def test_colours_of_different_meaning_are_distinguishable(theme, cones) -> None:
    palette = {name: lab(np.array(PERCEIVED[cones]) @ linear) for name, linear in colours(theme).items()}
    pairs = [
        *combinations(("negative", "zero", "positive"), 2),
        ("bad", "good"),
        ("quiet", "loud"),
        *combinations(("series-1", "series-2", "series-3"), 2),
    ]
    for one, other in pairs:
        assert np.linalg.norm(palette[one] - palette[other]) > 20, (one, other)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(theme) -> None:
    palette = colours(theme)
    for text in ("ink", "soft", "accent", "bad", "good", "warn"):
        for ground in ("paper", "sheet"):
            assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    assert contrast(palette["ink"], palette["bad-sheet"]) >= 4.5
    assert contrast(palette["on-accent"], palette["accent"]) >= 4.5
    for mark in ("edge", "focus", "negative", "positive", *(f"series-{place}" for place in range(1, 9))):
        for ground in ("paper", "sheet"):
            assert contrast(palette[mark], palette[ground]) >= 3, (mark, ground)


def test_red_and_green_are_not_distinguishable() -> None:
    red, green = np.array([0.7, 0.05, 0.0]), np.array([0.12, 0.3, 0.0])
    distances = {
        cones: np.linalg.norm(lab(np.array(perceived) @ red) - lab(np.array(perceived) @ green))
        for cones, perceived in PERCEIVED.items()
    }
    assert distances["all cones"] > 80 > 25 > distances["deuteranopia"]
