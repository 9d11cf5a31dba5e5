"""The port: Gold-YOLO-n in Jittor, one training step's forward."""

import jittor as jt
from jittor import Var, nn

from optimizer_groups import LEARNING_RATE, MOMENTUM, parameter_groups
from port_blocks import CSPSPPF, ConvWrapper, RepBlock
from port_head import Detect, init_head
from port_loss import DetectionLoss
from port_neck import RepGDNeck
from step_batch import step_arrays


class EfficientRep(nn.Module):
    """The backbone: an image (B, 3, S, S) to maps at strides 4, 8, 16 and 32 with 32, 64, 128 and 256 channels."""

    def __init__(self) -> None:
        self.stem = ConvWrapper(3, 16, stride=2)
        self.ERBlock_2 = nn.Sequential(ConvWrapper(16, 32, stride=2), RepBlock(32, 2))
        self.ERBlock_3 = nn.Sequential(ConvWrapper(32, 64, stride=2), RepBlock(64, 4))
        self.ERBlock_4 = nn.Sequential(ConvWrapper(64, 128, stride=2), RepBlock(128, 6))
        self.ERBlock_5 = nn.Sequential(ConvWrapper(128, 256, stride=2), RepBlock(256, 2), CSPSPPF(256))

    def execute(self, x: Var) -> list[Var]:
        maps = [self.stem(x)]
        for block in (self.ERBlock_2, self.ERBlock_3, self.ERBlock_4, self.ERBlock_5):
            maps.append(block(maps[-1]))
        return maps[1:]


class GoldYOLO(nn.Module):
    """Backbone, neck and head: an image (B, 3, S, S) to what ``Detect`` returns."""

    def __init__(self, classes: int = 20, drop_path: float = 0.1) -> None:
        self.backbone = EfficientRep()
        self.neck = RepGDNeck(drop_path)
        self.detect = Detect(classes)

    def execute(self, x: Var) -> tuple[list[Var], Var, Var]:
        return self.detect(self.neck(self.backbone(x)))


def build(
    seed: int = 0,
    size: int = 320,
    images: int = 2,
    boxes: int | list[int] | None = None,
    batch_seed: int = 0,
    zero_heads: bool = True,
    warmup_epochs: int = 0,
) -> dict:
    """Build the model, a batch, and the step that computes the three losses of the first epoch.

    With ``warmup_epochs`` above 0 the first epoch assigns anchors by ATSS, else by task alignment.
    """
    # Jittor draws the same numbers for seed 0 as for seed 1.
    jt.set_global_seed(seed + 1)
    net = GoldYOLO(drop_path=0.0)  # what it drops is random: no two runs would agree
    # Jittor draws random numbers when it runs, so run all before a value that was drawn is overwritten.
    jt.sync(net.parameters())
    init_head(net.detect, zero_heads=zero_heads)
    net.train()
    criterion = DetectionLoss(warmup_epochs=warmup_epochs)
    img, targets = step_arrays(images, size, boxes, batch_seed)
    groups = parameter_groups(net.modules(), nn.BatchNorm2d)
    optimizer = jt.optim.SGD(groups, LEARNING_RATE, MOMENTUM, nesterov=True)

    def step(batch: dict) -> dict:
        iou_loss, dfl_loss, cls_loss = criterion(net(batch["img"]), batch["targets"], batch["img"], epoch=0)
        return {"iou_loss": iou_loss, "dfl_loss": dfl_loss, "cls_loss": cls_loss}

    return {
        "modules": {"backbone": net.backbone, "neck": net.neck, "detect": net.detect},
        "batch": {"img": jt.array(img), "targets": jt.array(targets)},
        "step": step,
        "optimizer": optimizer,
    }
