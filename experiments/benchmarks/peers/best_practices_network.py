"""The network of HTR-best-practices, in PyTorch, from its description.

G. Retsinas, G. Sfikas, B. Gatos, C. Nikou, "Best Practices for a Handwritten Text
Recognition System" (DAS 2022), with the sizes of the authors' code of 2024.
"""

import torch
from torch import nn

# Residual blocks and their channels, one row a stage; stages are pooled in between.
STAGES = ((2, 64), (3, 128), (2, 256))
LSTM_LAYERS = 3
LSTM_DIM = 256


class Residual(nn.Module):
    """Two 3x3 convolutions with batch normalisation, and a way around them."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = (
            nn.Identity()
            if inputs == outputs
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) → (B, outputs, H, W)."""
        return torch.relu(self.convolutions(x) + self.shortcut(x))


class Network(nn.Module):
    """Residual convolutions, columns collapsed by their maximum, BiLSTM.

    The shortcut is a second, convolutional output straight from the columns. It is
    there to train the convolutions, and not used to read.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.encoder = _encoder()
        channels = STAGES[-1][1]
        self.lstm = nn.LSTM(
            channels, LSTM_DIM, LSTM_LAYERS, bidirectional=True, dropout=0.2
        )
        self.output = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(2 * LSTM_DIM, num_classes)
        )
        self.shortcut = nn.Sequential(
            nn.Dropout(0.5), nn.Conv1d(channels, num_classes, 3, padding=1)
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (B, 1, H, W) → logits and those of the shortcut, each (T, B, C)."""
        columns = self.encoder(images).amax(dim=2)
        frames, _ = self.lstm(columns.permute(2, 0, 1))
        return self.output(frames), self.shortcut(columns).permute(2, 0, 1)


def _encoder() -> nn.Sequential:
    layers = [nn.Conv2d(1, 32, 7, stride=(4, 2), padding=3), nn.ReLU()]
    channels = 32
    for stage, (blocks, outputs) in enumerate(STAGES):
        if stage:
            layers.append(nn.MaxPool2d(2))
        for _ in range(blocks):
            layers.append(Residual(channels, outputs))
            channels = outputs
    return nn.Sequential(*layers)
