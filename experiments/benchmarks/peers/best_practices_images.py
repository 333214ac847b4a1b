"""What HTR-best-practices feeds its network: lines on a fixed canvas, distorted.

From the description of the authors' code; ink is bright on zero, as in a lines file.
"""

import os

import cv2
import numpy as np

HEIGHT, WIDTH = 128, 1024
BORDER = 8  # left free on each side


def canvas(image: np.ndarray) -> np.ndarray:
    """A line (H, W) uint8 on a canvas (HEIGHT, WIDTH) uint8, at the top left.

    It is never enlarged; one that is too long is squeezed. The rest of the canvas is
    the median of the image, the paper.
    """
    height = min(HEIGHT - 2 * BORDER, image.shape[0])
    width = round(image.shape[1] * height / image.shape[0])
    width = min(WIDTH - 2 * BORDER, max(1, width))
    full = np.full((HEIGHT, WIDTH), np.median(image), np.uint8)
    full[BORDER : BORDER + height, BORDER : BORDER + width] = _resize(
        image, height, width
    )
    return full


def rescaled(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A line (H, W) uint8 scaled by up to a quarter, its height by a tenth besides."""
    rows, columns = image.shape
    width = max(1, int(rng.uniform(0.75, 1.25) * columns))
    height = max(1, int(rng.uniform(0.9, 1.1) * rows * width / columns))
    return _resize(image, height, width)


class Augmentation:
    """The distortions of a canvas (HEIGHT, WIDTH) uint8, each with probability 1/2."""

    def __init__(self):
        os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network otherwise
        import albumentations as a

        cv2.setNumThreads(0)
        self._compose = a.Compose(
            [
                a.Affine(
                    rotate=(-1, 1),
                    shear={"x": (-30, 30), "y": (-5, 5)},
                    scale=(0.6, 1.2),
                    translate_percent=(-0.02, 0.02),
                    p=0.5,
                ),
                a.OneOf(
                    [
                        a.GridDistortion(distort_limit=0.1, p=1.0),
                        a.ElasticTransform(alpha=60, sigma=20, p=1.0),
                    ],
                    p=0.5,
                ),
                a.OneOf(
                    [
                        a.Morphological(scale=3, operation="dilation", p=1.0),
                        a.Morphological(scale=3, operation="erosion", p=1.0),
                    ],
                    p=0.5,
                ),
                a.RandomBrightnessContrast(0.2, 0.2, p=0.5),
                a.RandomGamma((80, 120), p=0.5),
            ]
        )

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The image (H, W) uint8, distorted by what `rng` draws."""
        # Else each worker, and each epoch, would draw the same as the others.
        self._compose.set_random_seed(int(rng.integers(1 << 31)))
        return self._compose(image=image[..., None])["image"][..., 0]


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    shrinks = height < image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(image, (width, height), interpolation=method)
