"""Read line images with a network that ocr_jax exported as ONNX.

    pip install onnxruntime numpy opencv-python-headless
    python read.py recogniser.onnx line1.png line2.png

This file needs nothing of ocr_jax, but where the metadata has a direction the file
display_order.py beside it, and python-bidi. It reads greedily, and removes the paper a
little more simply: ruled lines and drop capitals stay.
"""

import importlib.util
import json
import sys

import cv2
import numpy as np
import onnxruntime

# A stretching that is worthwhile; the share of characters that a first reading finds;
# how sure the network is of characters where no text is.
LEAST, FOUND, GARBAGE = 1.1, 0.94, 0.4


def load(path):
    """Return the session of a network, and its metadata."""
    session = onnxruntime.InferenceSession(path)
    kept = session.get_modelmeta().custom_metadata_map
    return session, {key: json.loads(value) for key, value in kept.items()}


def load_image(name):
    """Return a scan (H, W) uint8, on white where it is transparent; None if broken."""
    scan = cv2.imread(name, cv2.IMREAD_UNCHANGED)
    if scan is None or scan.dtype != np.uint8 or scan.shape[2:] != (4,):
        return cv2.imread(name, cv2.IMREAD_GRAYSCALE)
    opaque = scan[..., 3:] / 255
    on_white = opaque * scan[..., :3] + 255 * (1 - opaque)
    return cv2.cvtColor(on_white.astype(np.uint8), cv2.COLOR_BGR2GRAY)


def clean(gray, height):
    """Return the ink (height, W) uint8, bright on zero, of a scan (H, W) uint8.

    A blank one has no columns.
    """
    if np.median(gray) < 100 and np.mean(gray) > np.median(gray) + 2:
        gray = 255 - gray  # the ink is white
    shrink = min(1.0, 3 * height / len(gray))
    size = [max(1, round(shrink * length)) for length in gray.shape[::-1]]
    gray = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    gray = gray.astype(np.float32)
    reach = max(9, len(gray) // 3) | 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    paper = cv2.morphologyEx(gray, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REFLECT)
    dark = cv2.GaussianBlur(paper, (0, 0), reach / 2) - gray
    level = np.median(dark)
    noise = 1.4826 * np.median(np.abs(dark - level))
    faintest = level + max(2.5 * noise, 6.0)
    if not (dark > faintest).any():
        return np.zeros((height, 0), np.uint8)
    contrast = np.percentile(dark[dark > faintest], 90) - level
    faintest = max(faintest, level + 0.12 * contrast)
    ink = np.clip((dark - faintest) / (level + contrast - faintest), 0, 1)
    (top, bottom), (left, right) = (_extent(ink.sum(axis)) for axis in (1, 0))
    side, margin = (bottom - top) // 4, (bottom - top) // 8
    if bottom - top > 0.7 * len(ink):
        top, bottom, margin = 0, len(ink), 0
    rows = slice(max(0, top - margin), bottom + margin)
    ink = ink[rows, max(0, left - side) : right + side]
    size = max(1, round(ink.shape[1] * height / len(ink))), height
    way = cv2.INTER_AREA if height < len(ink) else cv2.INTER_CUBIC
    return np.clip(cv2.resize(ink, size, interpolation=way) * 255 + 0.5, 0, 255).astype(
        np.uint8
    )


def _extent(profile):
    share = np.cumsum(profile) / profile.sum()
    first, last = np.searchsorted(share, [0.002, 0.998])
    return int(first), int(last) + 1


def read(session, about, line):
    """Return the text of a clean line (height, W), in logical order.

    Lines with many letters to their height are read again, stretched, where the
    network has learnt them so; the surer reading counts.
    """
    text = _read(session, about, line)
    if about["direction"]:  # of lines that are read from right to left
        import display_order

        text, _ = display_order.logical(text, about["direction"])
    return text


def _read(session, about, line):
    height, width = line.shape
    if not width:
        return ""
    text, evidence = _read_once(session, about["characters"], line)
    if not about["dense"]:
        return text
    factor = len(text) / FOUND * height / (about["dense"] * width)
    if factor < LEAST:
        return text
    size = round(width * min(factor, about["widest"])), height
    wide = cv2.resize(line, size, interpolation=cv2.INTER_LINEAR)
    other, more = _read_once(session, about["characters"], wide)
    return other if more > evidence else text


def _read_once(session, characters, line):
    """Return the text of the best class of each frame, and how sure it is."""
    logits = session.run(None, {"image": line})[0]
    best = logits.argmax(axis=1)
    top = logits.max(axis=1)
    sure = np.exp(top - np.logaddexp.reduce(logits, axis=1))
    starts = np.flatnonzero(np.append(True, best[1:] != best[:-1]))
    surest = np.maximum.reduceat(sure, starts)[best[starts] > 0]
    labels = best[starts][best[starts] > 0]
    text = "".join(characters[label - 1] for label in labels)
    return text, (surest - GARBAGE).sum()


def main(arguments):
    """Print the texts of images; return the exit code, 2 if one can't be read."""
    if len(arguments) < 2:
        return _say("expected a network and images: recogniser.onnx line1.png …")
    try:
        network, about = load(arguments[0])
        height = about["height"]
    except Exception as error:  # onnxruntime's have no class in common
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        return _say(f"{arguments[0]} can't be read as an exported network: {reason}")
    if about["direction"] and not importlib.util.find_spec("bidi"):
        return _say("right-to-left lines need python-bidi: pip install python-bidi")
    code = 0
    for name in arguments[1:]:
        if (scan := load_image(name)) is None:
            code = _say(f"{name} can't be read as an image")
            print()  # lines of the output stay those of the images
            continue
        line = clean(scan, height)
        if not line.size:
            _say(f"{name} is blank: nothing on it stands out from the paper")
        print(read(network, about, line))
    return code


def _say(message):
    print(f"read.py: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
