"""The names of Gold-YOLO-n's parts, as the reference spells them."""

from itertools import product

LEVELS = range(3)
INJECTIONS = tuple(f"neck.Inject_{level}" for level in ("p4", "p3", "n4", "n5"))
FUSIONS = ("neck.LAF_p4", "neck.LAF_p3")
POOLED_PAIRS = ("neck.LAF_n4", "neck.LAF_n5")
ATTENTION_BLOCKS = tuple(f"neck.high_IFM.transformer_blocks.{i}" for i in range(2))

# Convolution blocks whose batch norm is set to eps 1e-3 and momentum 0.03: all but those of injection and attention.
CONVS = (
    "backbone.stem.block",
    *(f"backbone.ERBlock_{i}.0.block" for i in range(2, 6)),
    *(f"backbone.ERBlock_{i}.1.conv1.block" for i in range(2, 6)),
    *(f"backbone.ERBlock_{i}.1.block.{j}.block" for i, n in ((2, 1), (3, 3), (4, 5), (5, 1)) for j in range(n)),
    *(f"backbone.ERBlock_5.2.cv{i}" for i in range(1, 8)),
    "neck.low_IFM.0",
    *(f"neck.low_IFM.{i}.block" for i in range(1, 4)),
    "neck.low_IFM.4",
    *(f"neck.{name}" for name in ("reduce_layer_c5", "LAF_p4.cv1", "LAF_p4.cv_fuse")),
    *(f"neck.{name}" for name in ("reduce_layer_p4", "LAF_p3.cv1", "LAF_p3.cv_fuse")),
    *(f"neck.Rep_{level}.conv1.block" for level in ("p4", "p3", "n4", "n5")),
    *(f"neck.Rep_{level}.block.{j}.block" for level, j in product(("p4", "p3", "n4", "n5"), range(3))),
    *(f"detect.{branch}.{level}" for branch, level in product(("stems", "cls_convs", "reg_convs"), LEVELS)),
)
BATCH_NORMS = tuple(f"{conv}.bn" for conv in CONVS)
DEFAULT_BATCH_NORMS = (
    *(f"{name}.{part}.bn" for name in INJECTIONS for part in ("local_embedding", "global_embedding", "global_act")),
    *(f"{name}.attn.{part}.bn" for name in ATTENTION_BLOCKS for part in ("to_q", "to_k", "to_v", "proj.1")),
    *(f"{name}.mlp.{part}.bn" for name in ATTENTION_BLOCKS for part in ("fc1", "fc2")),
)
CLASS_BIASES = tuple(f"detect.cls_preds.{level}.bias" for level in LEVELS)
HEAD_WEIGHTS = tuple(f"detect.{branch}_preds.{level}.weight" for branch, level in product(("cls", "reg"), LEVELS))
