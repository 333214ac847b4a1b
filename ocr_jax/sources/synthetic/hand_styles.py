"""Styles of synthetic handwriting: how much lines differ from each other."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class HandStyle:
    """Ranges that each line draws from uniformly.

    Units: `h` is the height of the writing, from the top of an l to the foot of a g;
    `px` is a pixel of the final image.
    """

    space: tuple[float, float] = (0.9, 1.5)  # gap between words / the font's own
    lift: float = 0.015  # standard deviation of a word's vertical shift, h
    pen: tuple[float, float] = (0.035, 0.075)  # width of a stroke, h
    pressure: tuple[float, float] = (0.82, 1.0)  # ink of a word / the darkest ink
    aspect: tuple[float, float] = (0.85, 1.15)  # width / the font's own
    slant: tuple[float, float] = (-0.15, 0.25)  # sideways / upwards
    reach: tuple[float, float] = (1.0, 1.0)  # ascenders and descenders / the font's
    rise: tuple[float, float] = (-0.12, 0.12)  # of the last letter above the first, h
    steepest: float = 0.025  # largest rise, upwards / sideways
    wave: tuple[float, float] = (0.0, 0.035)  # amplitude of the baseline, h
    stretch: tuple[float, float] = (0.0, 0.14)  # change in a letter's width, a share
    tremor: tuple[float, float] = (0.0, 0.018)  # deviation of a local shift, h
    margin: tuple[float, float] = (0.02, 0.1)  # above and below, h
    contrast: tuple[float, float] = (1.15, 1.6)  # ink / its drawn value, cut at 255
    fading: tuple[float, float] = (0.0, 0.4)  # darkest minus lightest along a line
    brightness: tuple[float, float] = (200, 255)  # of the brightest ink


HAND_STYLES = {
    "neat": HandStyle(),
    # Ink, strokes, slants and widths spread as between 91 writers of 1914-1918.
    "varied": HandStyle(
        space=(0.9, 2.2),
        lift=0.025,
        pen=(0.012, 0.055),
        pressure=(0.7, 1.0),
        aspect=(0.8, 1.8),
        slant=(-0.2, 0.8),
        reach=(0.75, 1.5),
        rise=(-0.4, 0.4),
        steepest=0.04,
        wave=(0.0, 0.05),
        stretch=(0.0, 0.3),
        tremor=(0.0, 0.03),
        margin=(0.0, 0.12),
        fading=(0.0, 0.7),
        contrast=(1.1, 2.1),
        brightness=(240, 255),
    ),
}
