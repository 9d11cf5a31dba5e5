"""The names of YOLO11n's parts, as the reference spells them."""

from itertools import product

# Every Conv block, by name.
CONVS = (
    *(f"model.{i}" for i in (0, 1, 3, 5, 7, 17, 20)),
    *(f"model.{i}.{cv}" for i, cv in product((2, 4, 6, 8, 9, 10, 13, 16, 19, 22), ("cv1", "cv2"))),
    *(f"model.{i}.m.0.{cv}" for i, cv in product((2, 4, 13, 16, 19), ("cv1", "cv2"))),
    *(f"model.{i}.m.0.{cv}" for i, cv in product((6, 8, 22), ("cv1", "cv2", "cv3"))),
    *(f"model.{i}.m.0.m.{j}.{cv}" for i, j, cv in product((6, 8, 22), (0, 1), ("cv1", "cv2"))),
    *(f"model.10.m.0.{conv}" for conv in ("attn.qkv", "attn.proj", "attn.pe", "ffn.0", "ffn.1")),
    *(f"model.23.cv2.{level}.{j}" for level, j in product(range(3), (0, 1))),
    *(f"model.23.cv3.{level}.{j}.{k}" for level, j, k in product(range(3), (0, 1), (0, 1))),
)
LINEAR_CONVS = {f"model.10.m.0.{conv}" for conv in ("attn.qkv", "attn.proj", "attn.pe", "ffn.1")}
BATCH_NORMS = tuple(f"{conv}.bn" for conv in CONVS)
ACTIVATIONS = tuple(f"{conv}.act" for conv in CONVS if conv not in LINEAR_CONVS)
CLASS_BIASES = tuple(f"model.23.cv3.{level}.2.bias" for level in range(3))
CLASS_WEIGHTS = tuple(f"model.23.cv3.{level}.2.weight" for level in range(3))
