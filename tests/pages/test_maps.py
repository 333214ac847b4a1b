"""Maps of a page: the lines that are drawn are the lines that are found."""

import numpy as np
import pytest

from ocr_jax.data import polylines
from ocr_jax.pages import baseline_scores, finder, maps

SIZE = (640, 900)


def page(*baselines):
    return [maps.Line(np.array(points, float), 24.0, 8.0) for points in baselines]


def curve(y, left, right, slope=0.0, bend=0.0):
    x = np.linspace(left, right, 12)
    return np.stack([x, y + slope * (x - left) + bend * np.sin(x / 80)], axis=1)


@pytest.mark.parametrize(
    "lines",
    [
        page(curve(100, 50, 800), curve(150, 50, 800)),
        page(curve(100, 50, 800, slope=0.1), curve(150, 60, 700, slope=0.1)),
        page(curve(200, 50, 800, bend=12), curve(250, 50, 800, bend=12)),
        page(curve(100, 50, 400), curve(100, 440, 800)),  # two columns
        page(curve(100, 50, 800), curve(120, 50, 800), curve(140, 50, 800)),
        page(np.array([[100, 500], [100, 100]])),  # upwards
    ],
)
def test_lines_come_back(lines):
    found = maps.find(maps.draw(lines, SIZE))
    assert len(found) == len(lines)
    scores = baseline_scores.score(
        [line.baseline for line in found], [line.baseline for line in lines]
    )
    assert scores.f1 == pytest.approx(1.0, abs=0.01)
    for line in found:
        assert line.above == pytest.approx(24.0) and line.below == pytest.approx(8.0)


@pytest.mark.parametrize("degrees", range(-90, 91, 15))
def test_lines_come_back_at_any_angle(degrees):
    angle = np.radians(degrees)
    along = np.array([np.cos(angle), -np.sin(angle)])
    down = np.array([np.sin(angle), np.cos(angle)])
    steps = np.linspace(-200, 200, 30)[:, None]
    wave = 6 * np.sin(steps / 90)
    lines = page(
        *(
            (320, 450) + steps * along + (wave + 22 * number) * down
            for number in range(-3, 4)
        )
    )
    found = maps.find(maps.draw(lines, (900, 640)))
    assert len(found) == len(lines)
    true = [
        polylines.resample(line.baseline, baseline_scores.SPACING) for line in lines
    ]
    for line in found:
        points = polylines.resample(line.baseline, baseline_scores.SPACING)
        nearest = [baseline_scores.coverage(one, points, 3.0) for one in true]
        assert max(nearest) > 0.9 and sorted(nearest)[-2] < 0.1
        assert line.above == pytest.approx(24.0) and line.below == pytest.approx(8.0)
        # From left to right, or upwards.
        assert np.ptp(line.baseline @ along) > 350
        forwards = (line.baseline[-1] - line.baseline[0]) @ along > 0
        assert forwards == (degrees > -90)


def test_a_page_without_lines_has_none():
    assert maps.find(maps.draw([], SIZE)) == []


def test_specks_are_no_lines():
    drawn = maps.draw([], SIZE)
    drawn[50, 60, maps.BASELINE] = 1.0
    assert maps.find(drawn) == []


def test_a_baseline_at_the_lower_edge_stays_on_the_page():
    gray = np.full((2001, 3002), 255, np.uint8)
    line = page(np.array([[300.0, 853.0], [1000.0, 853.0]]))  # the page is 854 high

    def logits_step(state, images):
        drawn = maps.draw(line, images.shape[1:])
        marks = 20.0 * drawn[..., : maps.ABOVE] - 10.0
        return np.concatenate([marks, drawn[..., maps.ABOVE :] / maps.HEIGHT], -1)[None]

    [found] = finder.Finder(logits_step, None).find(gray)
    assert found.baseline[:, 1].max() == 2000
