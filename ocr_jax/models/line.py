"""The line recogniser: encoder, recurrent layers, class scores per frame."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, ArrayLike, Float, Int, Real

from ocr_jax.models import layers, recurrent


class LineRecognizer(nn.Module):
    """Encoder, recurrent layers and a dense head: line images to logits.

    The logits of a line do not depend on its batch or its padding. With `shortcut`, a
    small head on the encoder alone sows its logits as `shortcut/logits` in training
    (Retsinas et al., "Best practices for a handwritten text recognition system", DAS
    2022): its loss teaches the encoder characters early on.
    """

    encoder: nn.Module
    recurrent: recurrent.LSTMStack
    num_classes: int
    shortcut: bool = False

    @nn.compact
    def __call__(
        self,
        images: Float[ArrayLike, "b h w"],
        widths: Int[ArrayLike, " b"],
        train: bool = False,
    ) -> tuple[Float[Array, "b t {self.num_classes}"], Int[ArrayLike, " b"]]:
        """Return the logits of line images, and the number of frames of each line.

        Images are in [0, 1], ink bright; columns beyond a line's width are ignored.
        """
        inside = layers.length_mask(widths, images.shape[2])
        images = jnp.where(inside[:, None, :], images, 0.0)
        frames, lengths = self.encoder(images[..., None], widths, train)
        if self.shortcut and (train or self.is_initializing()):
            head = nn.Conv(self.num_classes, (3,), padding=1, name="head_shortcut")
            self.sow("shortcut", "logits", head(frames))
        frames = self.recurrent(frames, lengths, train)
        logits = nn.Dense(self.num_classes, name="head")(frames)
        return logits.astype(jnp.float32), lengths

    def frames(self, widths: Int[ArrayLike, "..."]) -> Int[ArrayLike, "..."]:
        """Return the number of frames per width in pixels; NumPy in, NumPy out."""
        return self.encoder.frames(widths)

    def centre(self, frame: Real[ArrayLike, "..."]) -> Real[ArrayLike, "..."]:
        """Return the x, in pixels of the line, of the middle of a frame."""
        return self.encoder.centre(frame)


class Ensemble(nn.Module):
    """Average the log-probabilities of networks of one architecture.

    Networks that are initialised or trained differently make different errors (Hansen
    and Salamon, "Neural network ensembles", 1990). Their parameters are members_0,
    members_1 …
    """

    members: tuple[LineRecognizer, ...]

    def __call__(
        self,
        images: Float[ArrayLike, "b h w"],
        widths: Int[ArrayLike, " b"],
        train: bool = False,
    ) -> tuple[Float[Array, "b t c"], Int[ArrayLike, " b"]]:
        """Return the mean log-probabilities, and the number of frames of each line."""
        outputs = [member(images, widths, train) for member in self.members]
        log_probs = [jax.nn.log_softmax(logits) for logits, _ in outputs]
        return sum(log_probs) / len(log_probs), outputs[0][1]

    def frames(self, widths: Int[ArrayLike, "..."]) -> Int[ArrayLike, "..."]:
        """Return the number of frames per width; all members agree."""
        return self.members[0].frames(widths)

    def centre(self, frame: Real[ArrayLike, "..."]) -> Real[ArrayLike, "..."]:
        """Return the x of the middle of a frame; all members agree."""
        return self.members[0].centre(frame)
