"""The port: YOLO11n in Jittor, one training step's forward."""

import jittor as jt
from jittor import Var, nn

from batch import detection_batch
from optimizer_groups import LEARNING_RATE, MOMENTUM, parameter_groups
from port_blocks import C2PSA, SPPF, C3k2, Concat, Conv
from port_head import Detect, init_head
from port_loss import DetectionLoss

# Which layers a layer reads; every other one reads the layer before it.
FROM = {12: (11, 6), 15: (14, 4), 18: (17, 13), 21: (20, 10), 23: (16, 19, 22)}


class YOLO11n(nn.Sequential):
    """The 24 layers of YOLO11n: an image (B, 3, S, S) to the dict of ``Detect``."""

    def __init__(self, classes: int = 80) -> None:
        super().__init__(
            Conv(3, 16, 3, 2),
            Conv(16, 32, 3, 2),
            C3k2(32, 64, e=0.25),
            Conv(64, 64, 3, 2),
            C3k2(64, 128, e=0.25),
            Conv(128, 128, 3, 2),
            C3k2(128, 128, c3k=True),
            Conv(128, 256, 3, 2),
            C3k2(256, 256, c3k=True),
            SPPF(256),
            C2PSA(256),
            nn.Upsample(scale_factor=2, mode="nearest"),
            Concat(),
            C3k2(384, 128),
            nn.Upsample(scale_factor=2, mode="nearest"),
            Concat(),
            C3k2(256, 64),
            Conv(64, 64, 3, 2),
            Concat(),
            C3k2(192, 128),
            Conv(128, 128, 3, 2),
            Concat(),
            C3k2(384, 256, c3k=True),
            Detect((64, 128, 256), classes),
        )

    def execute(self, x: Var) -> dict:
        outputs: list = []
        for i, layer in enumerate(self):
            x = layer([outputs[j] for j in FROM[i]]) if i in FROM else layer(x)
            outputs.append(x)
        return outputs[-1]


def build(seed: int = 0, size: int = 320, images: int = 2, boxes: int = 4, batch_seed: int = 0) -> dict:
    """Build the model, a batch, and the step that computes the three losses."""
    # Jittor draws the same numbers for seed 0 as for seed 1.
    jt.set_global_seed(seed + 1)
    net = YOLO11n()
    # Jittor draws random numbers when it runs, so run all before a value that was drawn is overwritten.
    jt.sync(net.parameters())
    init_head(net[-1])
    net.train()
    criterion = DetectionLoss()
    arrays = detection_batch(images, size, boxes, seed=batch_seed)
    groups = parameter_groups(net.modules(), nn.BatchNorm2d)
    optimizer = jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM, nesterov=True)

    def step(batch: dict) -> dict:
        return criterion(net(batch["img"]), batch)

    return {
        "modules": {"model": net},
        "batch": {name: jt.array(array) for name, array in arrays.items()},
        "step": step,
        "optimizer": optimizer,
    }
