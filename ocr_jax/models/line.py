"""The line recogniser: encoder, recurrent layers, one class score a frame."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ocr_jax.models import layers, recurrent


class LineRecognizer(nn.Module):
    """(images (B, H, W) float32 in [0, 1], widths (B,)) → (logits (B, T, C), (B,)).

    A line reads the same whatever it is batched with and however far it is padded.
    With `shortcut`, training also gets the logits of a small head on the encoder alone,
    sown as `shortcut/logits` (Retsinas et al., "Best practices for a handwritten text
    recognition system", DAS 2022): its loss shows the encoder characters early on.
    """

    encoder: nn.Module
    recurrent: recurrent.LSTMStack
    num_classes: int
    shortcut: bool = False

    @nn.compact
    def __call__(self, images, widths, train: bool = False):
        inside = layers.length_mask(widths, images.shape[2])
        images = jnp.where(inside[:, None, :], images, 0.0)
        frames, lengths = self.encoder(images[..., None], widths, train)
        if self.shortcut and (train or self.is_initializing()):
            head = nn.Conv(self.num_classes, (3,), padding=1, name="head_shortcut")
            self.sow("shortcut", "logits", head(frames))
        frames = self.recurrent(frames, lengths, train)
        logits = nn.Dense(self.num_classes, name="head")(frames)
        return logits.astype(jnp.float32), lengths

    def frames(self, widths):
        """Frames of lines that are `widths` pixels wide; NumPy in, NumPy out."""
        return self.encoder.frames(widths)

    def centre(self, frame):
        """The x, in pixels of the line, of the middle of a frame."""
        return self.encoder.centre(frame)


class Ensemble(nn.Module):
    """Networks of one kind as one: the mean of their log-probabilities.

    Networks that began or were trained differently err differently (Hansen and Salamon,
    "Neural network ensembles", 1990). Their parameters are members_0, members_1 …
    """

    members: tuple[LineRecognizer, ...]

    def __call__(self, images, widths, train: bool = False):
        answers = [member(images, widths, train) for member in self.members]
        log_probs = [jax.nn.log_softmax(logits) for logits, _ in answers]
        return sum(log_probs) / len(log_probs), answers[0][1]

    def frames(self, widths):
        """As of each member."""
        return self.members[0].frames(widths)

    def centre(self, frame):
        """As of each member."""
        return self.members[0].centre(frame)
