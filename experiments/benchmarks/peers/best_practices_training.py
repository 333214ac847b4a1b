"""The training of HTR-best-practices: CTC on two outputs, AdamW, tenths of its rate."""

import copy

import numpy as np
import torch
from torch.nn import functional

from ocr_jax import charset as charsets
from ocr_jax.data import lines_file
from peers import best_practices_images as images
from peers import best_practices_network, timed_run

SHORTCUT_WEIGHT = 0.1
DECAYS = (0.5, 0.75)  # shares of the training at which the rate falls to a tenth


class Lines:
    """Training lines as (canvas, label), anew distorted each time they are asked for.

    A label stands between two spaces, as the recipe has it.
    """

    def __init__(self, split: lines_file.Split, charset: charsets.Charset):
        self._split = split
        self._labels = [charset.encode(f" {text} ") for text in split.transcripts]
        self._augment = images.Augmentation()
        self._rng = None

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self._rng is None:  # a worker's own: torch gives each a seed
            self._rng = np.random.default_rng(torch.initial_seed())
        line = images.rescaled(self._split.image(index), self._rng)
        return self._augment(images.canvas(line), self._rng), self._labels[index]


def train(run: timed_run.TimedRun, device: str):
    """Train until the budget is spent; score the best epoch's weights."""
    torch.manual_seed(run.config["seed"])
    charset = charsets.Charset.of([*run.charset.characters, " "])
    network = best_practices_network.Network(charset.num_classes)
    # What convolutions are fastest on.
    network.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        network.parameters(),
        run.config["learning_rate"],
        weight_decay=run.config["weight_decay"],
    )
    loader = torch.utils.data.DataLoader(
        Lines(run.splits["train"], charset),
        run.config["batch_size"],
        shuffle=True,
        num_workers=timed_run.num_workers(),
        collate_fn=_collate,
        persistent_workers=True,
    )

    def read(split: lines_file.Split) -> list[str]:
        return read_lines(network, split, charset, run.config["batch_size"])

    best, number, step = None, 0, 0
    run.start()
    while run.budget.progress(number) < 1:
        losses = _train_epoch(run, network, optimizer, loader, number)
        number, step = number + 1, step + len(losses)
        lines = min(len(losses) * run.config["batch_size"], len(loader.dataset))
        loss = torch.stack(losses).mean().item()
        if run.end_epoch(timed_run.Epoch(number, step, loss, lines), read):
            best = copy.deepcopy(network.state_dict())
    network.load_state_dict(best)
    run.finish(sum(p.numel() for p in network.parameters()), read)


@torch.inference_mode()
def read_lines(
    network: torch.nn.Module,
    split: lines_file.Split,
    charset: charsets.Charset,
    batch_size: int,
) -> list[str]:
    """What the network reads of each line, greedily."""
    network.eval()
    readings = []
    for start in range(0, len(split), batch_size):
        indices = range(start, min(start + batch_size, len(split)))
        canvases = [images.canvas(split.image(index)) for index in indices]
        logits, _ = network(_images(canvases, network))
        for classes in logits.argmax(-1).T.cpu():
            ids = classes.unique_consecutive()
            readings.append(charset.decode(ids[ids != charsets.BLANK].tolist()))
    return readings


def _train_epoch(
    run: timed_run.TimedRun, network, optimizer, loader, epochs_done: int
) -> list[torch.Tensor]:
    """The loss of each update, until all lines are read or the budget is spent."""
    network.train()
    losses = []
    for canvases, labels in loader:
        progress = run.budget.progress(epochs_done + len(losses) / len(loader))
        if losses and progress >= 1:
            break
        decays = sum(progress >= share for share in DECAYS)
        optimizer.param_groups[0]["lr"] = run.config["learning_rate"] * 0.1**decays
        logits, shortcut = network(_images(canvases, network))
        loss = _ctc_loss(logits, labels) + SHORTCUT_WEIGHT * _ctc_loss(shortcut, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses


def _ctc_loss(logits: torch.Tensor, labels: list[np.ndarray]) -> torch.Tensor:
    """The mean over lines; logits (T, B, C). Impossible labels give none."""
    frames, lines, _ = logits.shape
    return (
        functional.ctc_loss(
            logits.log_softmax(-1),
            torch.from_numpy(np.concatenate(labels)).long().to(logits.device),
            torch.full((lines,), frames),
            torch.tensor([len(label) for label in labels]),
            blank=charsets.BLANK,
            reduction="sum",
            zero_infinity=True,
        )
        / lines
    )


def _images(canvases: list[np.ndarray], network) -> torch.Tensor:
    """Canvases (H, W) uint8 as (B, 1, H, W) float32 in [0, 1], where the network is."""
    device = next(network.parameters()).device
    return torch.from_numpy(np.stack(canvases)).to(device)[:, None].float() / 255


def _collate(lines: list) -> tuple[list, list]:
    canvases, labels = zip(*lines, strict=True)
    return np.stack(canvases), list(labels)
