"""What lines of the ports' files say, and what they could say: the same mathematics, rounded otherwise."""

from collections.abc import Mapping, Sequence

# By name: patterns and what is written in their places. Some are for one recipe only.
SOURCES: Mapping[str, Sequence[tuple[str, str]]] = {
    "sums backwards": (
        (r"(?<!rows)\.sum\(\)", ".reshape(-1).flip(0).sum()"),
        (r"\.(sum|mean)\((-?1)\b", r".flip(\2).\1(\2"),
    ),
    "sums in float64": ((r"(?<!rows)\.(sum|mean)\(([^()]*)\)", r".double().\1(\2).float32()"),),
    "all axes in one sum": ((r"\.sum\(-1\)\.sum\(\)", ".sum()"), (r"(?<=\w)(?<!rows)\.sum\(\)", ".sum(0).sum()")),
    "residuals the other way round": (
        (r"= x \+ (self\..*)$", r"= \1 + x"),
        (r"return x \+ (self\..*)$", r"return \1 + x"),
        (r"embedded \* gate \+ (resized\(.*\))$", r"\1 + gate * embedded"),
        (r"out \+ (self\.pe\(.*\))\)$", r"\1 + out)"),
    ),
    "scale on q": (
        (r"matmul\(q\.permute\(0, 1, 3, 2\), k\) \* self\.scale", "matmul((q * self.scale).permute(0, 1, 3, 2), k)"),
    ),
    "scale as a division": ((r", k\) \* self\.scale", ", k) / (self.key_dim**0.5)"),),
    "reciprocals": ((r" / total$", " * (1 / total)"), (r" / (strides|count|6)$", r" * (1 / \1)")),
    "powers": (
        (r"\.sqr\(\)", ".pow(2)"),
        (r"scores\.pow\(gamma\)", "scores * scores"),
        (r"\.pow\(4\)", ".sqr().sqr()"),
    ),
    "terms in another order": (
        (r"overlap - distance - alpha \* shape", "overlap - (distance + alpha * shape)"),
        (r"a_w \* a_h \+ b_w \* b_h - shared", "a_w * a_h - shared + b_w * b_h"),
        (r"overlap - \(distance \+ shape\) / 2", "overlap - shape / 2 - distance / 2"),
        (r"\(a_min \+ a_max - b_min - b_max\) / 2", "(a_min - b_min) / 2 + (a_max - b_max) / 2"),
    ),
    "other functions": (
        (r"jt\.arctan\((._w) / (\(._h \+ eps\))\)", r"\1.atan2(\2)"),
        (r"2 \* jt\.arctanh\(small / \(2 \+ small\)\)", "small.log1p()"),
        (r"\(1 - \((.*)\)\.exp\(\)\)\.sum", r"(-(\1).expm1()).sum"),
        (r"\(1 - \(-stretch\)\.exp\(\)\)", "(-(-stretch).expm1())"),
    ),
    "cross-entropies by terms": (
        (
            r"jt\.maximum\(logits, 0\) - logits \* targets",
            "jt.maximum(logits, 0) * (1 - targets) + jt.maximum(-logits, 0) * targets",
        ),
        (
            r"log_sum\.log\(\) - \(share \* shifted\)\.sum\(-1\)",
            "(share * (log_sum.log().unsqueeze(-1) - shifted)).sum(-1)",
        ),
        (r"-\((target \* \S+) \+ (.*)\)$", r"-(\1) - \2"),
    ),
    "chosen by sorting": (
        (r"metric\.topk\(topk\)\[1\]", "metric.argsort(-1, descending=True)[..., :topk]"),
        (r"level\.topk\((min\(TOPK, count\)), largest=False\)\[1\]", r"level.argsort(-1)[..., : \1]"),
    ),
}
