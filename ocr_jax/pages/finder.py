"""Finds the lines of a page with a trained network."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ocr_jax import models, run_names, train_state, trained, workdirs
from ocr_jax.data.pages_file import Line
from ocr_jax.errors import UserError
from ocr_jax.images import page_size
from ocr_jax.inference import to_float
from ocr_jax.pages import gutters, maps, tiles
from ocr_jax.runtime import devices, programs

# A short line that ends within these pixels of the left or right edge of an image is
# cut off; a short one takes no more than this share of the page.
EDGE, REST = 4, 0.25
LEAST_SIDE = 16  # pixels; nothing that is smaller can be read
# Sides of an image are padded to multiples of this: few shapes to compile.
STEP = 256


class Finder(NamedTuple):
    """A trained network that finds lines."""

    logits_step: Callable  # (state, images (B, H, W)) → maps: see predict_maps
    state: train_state.TrainState

    def find(self, gray: np.ndarray) -> list[Line]:
        """Return the lines of a page (H, W) uint8, dark ink, in its pixels."""
        if min(gray.shape) < LEAST_SIDE:
            return []
        image, factor = page_size.shrink(gray)
        # Maps are whole pixels of STRIDE: their last may reach beyond the page.
        last = np.subtract(gray.shape[::-1], 1)
        found = (line.scaled(1 / factor) for line in self.find_at_size(255 - image))
        return [
            line._replace(baseline=np.clip(line.baseline, 0, last)) for line in found
        ]

    def find_at_size(self, image: np.ndarray) -> list[Line]:
        """Return the lines of an image (H, W) that is shrunk already, ink bright."""
        height, width = image.shape
        padded = np.pad(image, ((0, -height % STEP), (0, -width % STEP)))
        predicted = np.asarray(self.logits_step(self.state, padded[None]))[0]
        rows, columns = -(-height // maps.STRIDE), -(-width // maps.STRIDE)
        seen = maps.from_network(predicted[:rows, :columns])
        found = gutters.part(maps.find(seen), seen[..., maps.END])
        return [line for line in found if not is_cut_off(line, width)]


def is_cut_off(line: Line, width: int) -> bool:
    """Return whether a line is the rest of one on a facing page, beyond the image."""
    xs = line.baseline[:, 0]
    touches = xs.min() < EDGE or xs.max() > width - 1 - EDGE
    return bool(touches and np.ptp(xs) < REST * width)


def predict_maps(model, state, images):
    """Maps (B, h, w, 4), of logits, of uint8 images (B, H, W), no dropout."""
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    return model.apply(variables, to_float(images))


def load(workdir: Path | str) -> Finder:
    """Load a run's best network. Raises UserError if it has none, or finds no lines."""
    devices.use_compilation_cache()
    workdir = run_names.resolve(workdir)
    config = workdirs.load_config(workdir)
    if config.encoder != "page":
        raise UserError(f"{workdir} reads lines: name a run of configs/page_lines.py")
    model = models.build_model(config, maps.KINDS)
    template = train_state.state_shapes(model, None, config, tiles.SIDE)
    state = trained.best_state(workdir, template)

    def logits_step(state, images):
        return predict_maps(model, state, images)

    return Finder(programs.jit(logits_step, str(model)), state)
