"""The training of Kraken: what `ketos train` builds, stopped by the clock.

Kraken's own validation is left out. Its lines are read after each epoch with the same
transforms, network, decoder and codec, so that the project's metrics score them.
"""

import copy
import logging
from pathlib import Path

import lightning
import torch
from kraken.configs import (
    RecognitionInferenceConfig,
    VGSLRecognitionTrainingConfig,
    VGSLRecognitionTrainingDataConfig,
)
from kraken.train import KrakenTrainer
from kraken.train.vgsl import VGSLRecognitionDataModule, VGSLRecognitionModel
from PIL import Image
from torch.nn import functional

from ocr_jax.data import lines_file
from peers import timed_run


def train(
    run: timed_run.TimedRun, paths: dict[str, list[Path]], *, device: str, augment: bool
):
    """Train until the budget is spent; score the best epoch's weights.

    paths: the image files of each split.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    lightning.seed_everything(run.config["seed"], workers=True, verbose=False)
    batch_size = run.config["batch_size"]
    data = VGSLRecognitionDataModule(
        VGSLRecognitionTrainingDataConfig(
            format_type="path",
            training_data=paths["train"],
            evaluation_data=paths["validation"],
            num_workers=timed_run.num_workers(),
            augment=augment,
        )
    )
    # For as long as the clock allows: `early` might end it sooner.
    config = VGSLRecognitionTrainingConfig(batch_size=batch_size, quit="fixed")
    model = VGSLRecognitionModel(config)
    reader = Reader(model, data, paths, batch_size)
    clock = Clock(run, reader)
    trainer = KrakenTrainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        min_epochs=0,
        max_epochs=-1,
        gradient_clip_val=config.gradient_clip_val,
        callbacks=[clock],
        limit_val_batches=0,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_summary=False,
        enable_model_summary=False,
    )
    trainer.fit(model, data)
    model.net.load_state_dict(clock.best)
    run.finish(sum(p.numel() for p in model.net.parameters()), reader)


class Reader:
    """Reads a split as Kraken would."""

    def __init__(self, model, data, paths: dict[str, list[Path]], batch_size: int):
        self._model = model
        self._data = data
        self._paths = paths
        self._batch_size = batch_size
        self._images = {}  # of a split: straightening a line takes Kraken some time

    @torch.inference_mode()
    def __call__(self, split: lines_file.Split) -> list[str]:
        """The readings of the split's lines, in its order."""
        images = self.images(split.name)
        readings = [""] * len(images)
        net = self._model.net.eval()
        # Lines of about one length together, so that there is little padding.
        order = sorted(range(len(images)), key=lambda index: images[index].shape[2])
        for start in range(0, len(order), self._batch_size):
            indices = order[start : start + self._batch_size]
            widths = torch.tensor([images[index].shape[2] for index in indices])
            batch = [
                functional.pad(image, (0, int(widths.max()) - image.shape[2]))
                for image in map(images.__getitem__, indices)
            ]
            device = next(net.parameters()).device
            outputs, lengths = net(torch.stack(batch).to(device), widths.to(device))
            decoded = RecognitionInferenceConfig().decoder(outputs.squeeze(2), lengths)
            for index, labels in zip(indices, decoded, strict=True):
                readings[index] = "".join(c for c, *_ in net.codec.decode(labels))
        net.train()
        return readings

    def images(self, name: str) -> list[torch.Tensor]:
        """The lines of a split, each (1, H, W), as Kraken's network takes them."""
        if name not in self._images:
            transforms = self._data.train_set.dataset.transforms
            self._images[name] = [
                transforms(Image.open(path)) for path in self._paths[name]
            ]
        return self._images[name]


class Clock(lightning.Callback):
    """Ends the training when the budget is spent, and validates after each epoch."""

    def __init__(self, run: timed_run.TimedRun, reader: Reader):
        self._run = run
        self._reader = reader
        self.best = None  # weights of the epoch that read validation best

    def on_train_start(self, trainer, model):
        """Start the clock when all is loaded."""
        self._reader.images("validation")
        self._run.start()

    def on_train_epoch_start(self, trainer, model):
        """Begin the epoch's sums."""
        self._losses, self._lines = [], 0

    def on_train_batch_end(self, trainer, model, outputs, batch, batch_index):
        """Add to the sums, and stop if time is up."""
        self._losses.append(outputs["loss"].detach())
        self._lines += len(batch["image"])
        done = (batch_index + 1) / trainer.num_training_batches
        self._stop_if_spent(trainer, trainer.current_epoch + done)

    def on_train_epoch_end(self, trainer, model):
        """Validate."""
        loss = torch.stack(self._losses).sum().item() / self._lines
        number = trainer.current_epoch + 1
        epoch = timed_run.Epoch(number, trainer.global_step, loss, self._lines)
        if self._run.end_epoch(epoch, self._reader):
            self.best = copy.deepcopy(model.net.state_dict())
        self._stop_if_spent(trainer, number)

    def _stop_if_spent(self, trainer, epochs_done: float):
        if self._run.budget.progress(epochs_done) >= 1:
            trainer.should_stop = True
