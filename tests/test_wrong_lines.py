"""Faults in the plain code of a recipe, in its loss above all, named at their line: the real command line on torch."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import TORCH_PAIR, run_bisect

MODEL = """
import torch
from SIDE_loss import Loss
from torch import nn


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(8))

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        apart = x - mean
        wide = apart.square().mean(-1, keepdim=True)
        return self.gamma * apart / (wide + 1e-5).sqrt()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.norm, self.out = nn.Linear(6, 8), Scale(), nn.Linear(8, 5)

    def forward(self, x):
        hidden = self.norm(self.body(x))
        gate = hidden.sigmoid()
        return self.out(hidden * gate)


def build(seed=0):
    torch.manual_seed(seed)
    net, loss = Net(), Loss()
    draw = torch.Generator().manual_seed(0)
    low = 6 * torch.rand(3, 2, generator=draw)
    batch = {
        "x": torch.randn(12, 6, generator=draw),
        "anchors": 8 * torch.rand(12, 2, generator=draw),
        "boxes": torch.cat([low, low + 1 + 2 * torch.rand(3, 2, generator=draw)], 1),
    }

    def step(batch):
        x = batch["x"]
        box, cls = loss(net(x), batch)
        return {"box_loss": box, "cls_loss": cls}

    return {"modules": {"net": net}, "batch": batch, "step": step}
"""

LOSS = '''
"""Loss of a detector with one class."""

import torch
import torch.nn.functional as F
from SIDE_boxes import covered, overlap

STRIDE = 2.0


def assign(scores, boxes, targets):
    """Return for each target its best box and how good it is, and how many boxes are good at all."""
    overlaps = overlap(boxes, targets)
    quality = (scores.sqrt() * overlaps**2).detach().numpy()
    best = quality.argmax(0)
    weights = quality.max(0) / quality.sum(0)
    count = int((quality > 0.01).sum())
    return torch.from_numpy(best), torch.from_numpy(weights), count


def crowding(boxes):
    """Return how much of each box the others cover."""
    shares = covered(boxes)
    return shares.sum(1) - 1


class Loss:
    def __init__(self, gain=2.0):
        self.gain = gain

    def decode(self, out, anchors):
        size = out[:, 2:].exp() * STRIDE
        centre = anchors + out[:, :2]
        return torch.cat([centre - size / 2, centre + size / 2], 1)

    def __call__(self, out, batch):
        logits = out[:, :1]
        boxes = self.decode(out[:, 1:], batch["anchors"])
        best, weights, count = assign(
            logits.sigmoid(),
            boxes,
            batch["boxes"],
        )
        total = 0
        for index, box in enumerate(batch["boxes"]):
            apart = (boxes[best[index]] - box).abs()
            part = apart.mean() * weights[index]
            total = total + part
        wanted = torch.zeros_like(logits)
        wanted[best, 0] = weights
        norm = max(count, 1)
        entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")
        crowd = crowding(boxes).mean()
        return self.gain * total / norm + crowd, entropy / norm
'''

BOXES = '''
"""Overlap of boxes."""

import torch


def intersection(first, second):
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    sides = (high - low).clamp(min=0)
    return sides.prod(-1)


def overlap(first, second):
    """Return the intersection over union of each pair."""
    shared = intersection(first, second)
    area = (first[:, 2:] - first[:, :2]).prod(-1)[:, None] + (second[:, 2:] - second[:, :2]).prod(-1)[None]
    return shared / (area - shared + 1e-7)


def covered(boxes):
    """Return which share of each box (row) each box (column) covers."""
    shared = intersection(boxes, boxes)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(-1)
    return shared / area[:, None]
'''

FILES = {"": MODEL, "_loss": LOSS, "_boxes": BOXES}


def write(folder: Path, side: str, *edits: tuple[str, str]) -> None:
    """Write one side's files; each edit must find its place, which may be in several files or lines."""
    texts = dict(FILES)
    for old, new in edits:
        assert any(old in text for text in texts.values()), old
        texts = {end: text.replace(old, new) for end, text in texts.items()}
    for end, text in texts.items():
        (folder / f"{side}{end}.py").write_text(text.lstrip("\n").replace("SIDE", side))


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with its reference, captured; the port is still to be written."""
    folder = tmp_path_factory.mktemp("lines") / "pair"
    folder.mkdir()
    capture(folder)
    return folder


def capture(folder: Path, *edits: tuple[str, str]) -> None:
    """Write and capture a reference."""
    (folder / "recipe.toml").write_text(TORCH_PAIR)
    write(folder, "ref", *edits)
    write(folder, "port", *edits)
    done = run_bisect("capture", "--captures", "captures", "--seeds", "0", cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def pair(captured: Path, tmp_path: Path) -> Path:
    """A copy of the captured recipe."""
    return Path(shutil.copytree(captured, tmp_path / "pair"))


def run(folder: Path, *edits: tuple[str, str], target: str | None = "box_loss") -> dict:
    """Run the port, written with some edits; return the report."""
    write(folder, "port", *edits)
    return report_on(folder, target)


def report_on(folder: Path, target: str | None) -> dict:
    """Run the port as it is written; return the report."""
    wanted = [] if target is None else ["--target", target]
    done = run_bisect("run", "--captures", "captures", *wanted, "--json", cwd=folder)
    assert done.returncode in (0, 1, 3), done.stderr
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert done.returncode == {"agrees": 0, "diverges": 1, "inconclusive": 3}[report["verdict"]]
    return report


def named(report: dict) -> list[tuple[bool, list[str]]]:
    """Return of each culprit whether it is confirmed, and its sites."""
    return [(culprit["confirmed"], culprit["sites"]) for culprit in report["culprits"]]


def stands(folder: Path, culprit: dict) -> tuple[str, str]:
    """Return the port's file and the text of the line that a culprit names; the excerpt must be the file's own text."""
    line = culprit["line"]["port"]
    text = (folder / line["file"]).read_text().splitlines()
    first = line["first"]
    assert line["text"] == text[first - 1 : first - 1 + len(line["text"])]
    assert first <= line["line"] < first + len(line["text"])
    return line["file"], text[line["line"] - 1].strip()


def findings(culprit: dict, check: str) -> list[str]:
    """Return what a culprit's findings of one kind say."""
    return [finding["message"] for finding in culprit["findings"] if finding["check"] == check]


@pytest.mark.parametrize(
    ("edits", "target", "sites", "file", "text"),
    [
        pytest.param(
            [("apart.mean() * w", "apart.sum() * w")],
            "box_loss",
            ["Loss.__call__:part", "Loss.__call__:part#2", "Loss.__call__:part#3"],
            "port_loss.py",
            "part = apart.sum() * weights[index]",
            id="every turn of a loop",
        ),
        pytest.param(
            [("(high - low).clamp(min=0)", "high - low")],
            "box_loss",
            ["intersection:sides", "intersection:sides#2"],
            "port_boxes.py",
            "sides = high - low",
            id="a helper of another file, called twice",
        ),
        pytest.param(
            [("quality.max(0) / quality.sum(0)", "quality.max(0)")],
            "cls_loss",
            ["assign:weights"],
            "port_loss.py",
            "weights = quality.max(0)",
            id="a numpy array",
        ),
        pytest.param(
            [("quality > 0.01", "quality > 0.1")],
            "cls_loss",
            ["assign:count"],
            "port_loss.py",
            "count = int((quality > 0.1).sum())",
            id="a number of Python",
        ),
        pytest.param(
            [
                ("int((quality > 0.01).sum())", "torch.tensor([(quality > 0.1).sum()])"),
                ("max(count, 1)", "count.clamp(min=1)"),
            ],
            "cls_loss",
            ["assign:count"],
            "port_loss.py",
            "count = torch.tensor([(quality > 0.1).sum()])",
            id="a tensor where the reference has a number",
        ),
        pytest.param(
            [("logits.sigmoid(),", "logits.exp(),")],
            "cls_loss",
            ["assign:scores"],
            "port_loss.py",
            "logits.exp(),",
            id="an argument, at its own line of the call",
        ),
        pytest.param(
            [("STRIDE = 2.0", "STRIDE = 3.0")],
            "box_loss",
            ["Loss.decode:size"],
            "port_loss.py",
            "size = out[:, 2:].exp() * STRIDE",
            id="a constant, where it is first used",
        ),
        pytest.param(
            [("shares.sum(1) - 1", "shares.sum(1)")],
            "box_loss",
            ["crowding:return"],
            "port_loss.py",
            "return shares.sum(1)",
            id="what a function returns",
        ),
    ],
)
def test_one_wrong_line_is_named(
    edits: list[tuple[str, str]], target: str, sites: list[str], file: str, text: str, pair: Path
) -> None:
    """A line that is wrong is the one culprit, with both probes, its number in the file and the text around it."""
    report = run(pair, *edits, target=target)
    assert (report["verdict"], named(report)) == ("diverges", [(True, sites)])
    (culprit,) = report["culprits"]
    assert stands(pair, culprit) == (file, text)
    assert (culprit["sufficient"]["verdict"], culprit["necessary"]["verdict"]) == ("agrees", "diverges")
    number = culprit["line"]["port"]["line"]
    assert f"line {number} of {file}" in report["sentence"].replace("Line", "line")
    first = number - (text == "logits.exp(),")  # of the reference's call, its first line is shown
    assert culprit["line"]["reference"]["line"] == first
    assert culprit["line"]["reference"]["file"] == file.replace("port", "ref")


DILUTED = (
    "        crowd = crowding(boxes).mean()\n",
    """        far = torch.cat([boxes[:, 0] - boxes[:, 2], boxes.new_full((1,), 1e10)])
        crowd = crowding(boxes).mean() + far.clamp(max=50).mean()
""",
)


def test_a_line_is_named_whose_fault_one_huge_number_hides(tmp_path: Path) -> None:
    """Beside 1e10 the norm of all others is nothing: that they are wholly wrong is seen one by one."""
    capture(tmp_path, DILUTED)
    report = run(tmp_path, DILUTED, ("boxes[:, 0] - boxes[:, 2]", "boxes[:, 0] + boxes[:, 2]"))
    assert named(report) == [(True, ["Loss.__call__:far"])]
    assert "12 elements that are wholly wrong" in findings(report["culprits"][0], "line")[0]


WEIGHTS = ("quality.max(0) / quality.sum(0)", "quality.max(0)")
PART = ("apart.mean() * w", "apart.sum() * w")
TRANSPOSED = [("shared / area[:, None]", "(shared / area[:, None]).T"), ("shares.sum(1)", "shares.sum(0)")]
IN_CELLS = [
    ("size = out[:, 2:].exp() * STRIDE", "size = out[:, 2:].exp()"),
    ("centre = anchors + out[:, :2]", "centre = (anchors + out[:, :2]) / STRIDE"),
    ('            batch["boxes"],', '            batch["boxes"] / STRIDE,'),
    ("(boxes[best[index]] - box).abs()", "(boxes[best[index]] * STRIDE - box).abs()"),
]


def test_two_faults_that_both_matter_are_both_named(pair: Path) -> None:
    """The line that reads what both got wrong would heal alone, and is innocent."""
    report = run(pair, PART, ("max(count, 1)", "max(count, 12)"))
    assert report["verdict"] == "diverges"
    parts = ["Loss.__call__:part", "Loss.__call__:part#2", "Loss.__call__:part#3"]
    assert named(report) == [(True, parts), (True, ["Loss.__call__:norm"])]
    assert [stands(pair, culprit)[1] for culprit in report["culprits"]] == [
        "part = apart.sum() * weights[index]",
        "norm = max(count, 12)",
    ]


def test_the_line_of_the_target_itself_and_what_it_reads_are_both_named(pair: Path) -> None:
    """The target is right once that line alone is patched, which hides that it reads something wrong as well."""
    report = run(pair, WEIGHTS, ("entropy / norm", "entropy * norm"), target="cls_loss")
    assert named(report) == [(True, ["assign:weights"]), (True, ["Loss.__call__:return"])]
    assert [stands(pair, culprit)[1] for culprit in report["culprits"]] == [
        "weights = quality.max(0)",
        "return self.gain * total / norm + crowd, entropy * norm",
    ]
    proofs = [report["culprits"][0][proof] for proof in ("sufficient", "necessary")]
    assert [proof["quantity"] for proof in proofs] == ["wrong inputs of Loss.__call__:return"] * 2
    assert proofs[0]["value"] == 0 < proofs[1]["value"]


def test_two_faults_are_proved_of_which_one_gives_what_the_other_reads_another_shape(tmp_path: Path) -> None:
    """The later one's right value does not fit the port while the earlier one is wrong."""
    folder = tmp_path / "pair"
    folder.mkdir()
    crowd = "        crowd = crowding(boxes).mean()\n"
    high = """        level = logits.mean()
        high = logits[logits > level]
        spread = high.square()
        extra = (spread * high).mean()
"""
    both = [(crowd, high + crowd), ("entropy / norm", "entropy / norm + extra")]
    capture(folder, *both)
    faults = [("logits.mean()", "logits.mean() + 0.2"), ("spread = high", "spread = 3 * high")]
    report = run(folder, *both, *faults, target="cls_loss")
    assert named(report) == [(True, ["Loss.__call__:level"]), (True, ["Loss.__call__:spread"])]


def test_of_two_faults_in_a_row_no_line_between_them_is_accused(pair: Path) -> None:
    """What one wrong line hands to another wrong one passes lines that are right."""
    report = run(pair, WEIGHTS, ('reduction="sum"', 'reduction="mean"'), target="cls_loss")
    sites = [site for culprit in report["culprits"] for site in culprit["sites"]]
    assert (report["verdict"], "Loss.__call__:entropy" in sites) == ("diverges", True)
    assert set(sites) <= {"assign:weights", "Loss.__call__:entropy"}


def test_other_conventions_are_no_fault(pair: Path) -> None:
    """A matrix that is the other way round and boxes in other units are what the port means by the same names."""
    report = run(pair, *TRANSPOSED, *IN_CELLS, target=None)
    assert (report["verdict"], report["culprits"]) == ("agrees", [])


@pytest.mark.parametrize(
    ("fault", "target", "text"),
    [
        (PART, "box_loss", "part = apart.sum() * weights[index]"),
        (WEIGHTS, "cls_loss", "weights = quality.max(0)"),
    ],
)
def test_a_fault_beside_other_conventions_is_named(fault: tuple[str, str], target: str, text: str, pair: Path) -> None:
    """Variables that mean another thing are off and heal nothing: they are passed over."""
    report = run(pair, *TRANSPOSED, *IN_CELLS, fault, target=target)
    assert (report["verdict"], len(report["culprits"])) == ("diverges", 1)
    assert report["culprits"][0]["confirmed"]
    assert stands(pair, report["culprits"][0])[1] == text


def test_a_fault_between_other_conventions_accuses_none_of_them(pair: Path) -> None:
    """No line can be put right alone where all around is in other units: the loss as a whole is to blame."""
    report = run(pair, *TRANSPOSED, *IN_CELLS, ("(high - low).clamp(min=0)", "high - low"))
    assert (report["verdict"], named(report)) == ("diverges", [(True, ["step"])])
    (culprit,) = report["culprits"]
    assert culprit["line"] is None
    assert any("no line could be proved to be the cause" in message for message in findings(culprit, "line"))


def test_two_faults_beside_other_conventions_are_the_only_ones_accused(pair: Path) -> None:
    """Sizes and centres in other units need each other, and neither is to blame."""
    report = run(pair, *TRANSPOSED, *IN_CELLS, PART, ("max(count, 1)", "max(count, 12)"))
    sites = {site.partition("#")[0] for culprit in report["culprits"] for site in culprit["sites"]}
    assert report["verdict"] == "diverges"
    assert sites <= {"step", "Loss.__call__:part", "Loss.__call__:norm"}


IOU = [("overlap(first", "iou(first"), ("overlap(boxes", "iou(boxes"), ("covered, overlap", "covered, iou")]
AREA = ("area = (first", "area = 2 * (first")


def test_a_function_of_another_name_is_paired_by_its_values(pair: Path) -> None:
    """What goes into it agrees under another name: so the line inside it is found, and it is told what was taken for what."""
    report = run(pair, *IOU, AREA, target="cls_loss")
    assert named(report) == [(True, ["overlap:area"])]
    (culprit,) = report["culprits"]
    assert stands(pair, culprit)[0] == "port_boxes.py"
    (said,) = findings(culprit, "name")
    assert said.startswith("the port's iou:area is taken for overlap:area")


def test_a_rename_rule_names_functions_too(pair: Path) -> None:
    """With the rule that the user knows nothing has to be guessed."""
    with (pair / "recipe.toml").open("a") as recipe:
        recipe.write('[names]\nrename = [["^overlap:", "iou:"]]\n')
    report = run(pair, *IOU, AREA, target="cls_loss")
    assert named(report) == [(True, ["overlap:area"])]
    assert stands(pair, report["culprits"][0])[0] == "port_boxes.py"
    assert not findings(report["culprits"][0], "name")


def test_a_helper_that_is_called_in_another_order_is_not_mixed_up(pair: Path) -> None:
    """The first call on one side is the second on the other: the line that is wrong in both is among those listed."""
    line = "        crowd = crowding(boxes).mean()\n"
    moved = [(line, ""), ("        best, weights, count", line + "        best, weights, count")]
    report = run(pair, *moved, ("(high - low).clamp(min=0)", "high - low"), target="cls_loss")
    texts = [stands(pair, culprit)[1] for culprit in report["culprits"] if culprit["line"]]
    assert report["verdict"] == "diverges"
    boxes = (pair / "port_boxes.py").read_text().splitlines()
    unclear = [place for culprit in report["culprits"] if culprit["line"] for place in culprit["line"]["unclear"]]
    texts += [boxes[int(place.removeprefix("port_boxes.py:")) - 1].strip() for place in unclear]
    assert texts == [] or "sides = high - low" in texts


def test_a_statement_that_the_port_lacks_is_said(tmp_path: Path) -> None:
    """The line that reads what is out of date is named, with where the reference assigns it anew and the port did before."""
    folder = tmp_path / "pair"
    folder.mkdir()
    line = "        wanted[best, 0] = weights\n"
    capture(folder, (line, f"{line}        wanted = 0.9 * wanted\n"))
    report = run(folder, target="cls_loss")
    assert named(report) == [(True, ["Loss.__call__:entropy"])]
    (culprit,) = report["culprits"]
    assert stands(folder, culprit)[1].startswith("entropy = F.binary_cross_entropy_with_logits(")
    number = (folder / "port_loss.py").read_text().splitlines().index(line.rstrip()) + 1
    (said,) = findings(culprit, "not assigned")
    words = f"the reference assigns it anew at ref_loss.py:{number + 1}, the port does not"
    assert said.endswith(f"Loss.__call__:wanted (port_loss.py:{number}): {words}")
    assert culprit["line"]["unclear"] == [f"port_loss.py:{number}"]


def test_the_condition_is_named_by_which_another_function_is_called(tmp_path: Path) -> None:
    """No line of the right function ever runs; those of the wrong one are right."""
    folder = tmp_path / "pair"
    folder.mkdir()
    other = "def loneliness(boxes):\n    shares = covered(boxes)\n    return 1 / shares.sum(1)\n\n\n"
    chosen = """        if self.gain < 3:
            crowd = crowding(boxes)
        else:
            crowd = loneliness(boxes)
        crowd = crowd.mean()
"""
    edits = ("def crowding(", f"{other}def crowding("), ("        crowd = crowding(boxes).mean()\n", chosen)
    capture(folder, *edits)
    text = (folder / "port_loss.py").read_text()
    (folder / "port_loss.py").write_text(text.replace("self.gain < 3", "self.gain > 3"))
    report = report_on(folder, "box_loss")
    (culprit,) = report["culprits"]
    assert culprit["confirmed"]
    assert stands(folder, culprit)[1] == "if self.gain > 3:"
    assert culprit["line"]["unclear"] == []
    assert "by which loneliness is called and not crowding" in report["sentence"]
    (said,) = findings(culprit, "branch")
    assert "the reference calls crowding (ref_loss.py:" in said


def test_a_copy_that_is_left_of_a_function_is_no_other_branch(pair: Path) -> None:
    """The port calls its new one under a condition that knows no other: the line in it is named."""
    write(pair, "port")
    text = (pair / "port_loss.py").read_text()
    old = text[text.index("def crowding(") : text.index("class Loss")]
    new = old.replace("def crowding(", "def crowded(").replace("shares.sum(1) - 1", "shares.sum(1) - 2")
    call = "        if self.gain:\n            crowd = crowded(boxes).mean()\n"
    text = text.replace("class Loss", f"{new}class Loss").replace("        crowd = crowding(boxes).mean()\n", call)
    (pair / "port_loss.py").write_text(text)
    (culprit,) = report_on(pair, "box_loss")["culprits"]
    assert culprit["confirmed"]
    assert findings(culprit, "branch") == []
    assert stands(pair, culprit)[1] == "return shares.sum(1) - 2"


def test_two_faults_are_named_where_one_makes_a_line_wrong_that_the_culprit_reads(tmp_path: Path) -> None:
    """The statement that the port lacks is marked in the reference; more lines are off than are tried one by one."""
    folder = tmp_path / "pair"
    folder.mkdir()
    line = "        wanted[best, 0] = weights\n"
    doubled = "        doubled = 2 * wanted\n"
    read = ("(logits, wanted, red", "(logits, doubled - wanted, red")
    passed_on = "".join(f"        entropy{n + 1} = 1 * entropy{n or ''}\n" for n in range(40))
    crowd = "        crowd = crowding(boxes).mean()\n"
    many = [(crowd, passed_on + crowd), ("entropy / norm", "entropy40 / norm")]
    capture(folder, (line, f"{line}        wanted = 0.9 * wanted\n{doubled}"), read, *many)
    report = run(folder, (line, line + doubled), read, *many, ("max(count, 1)", "max(count, 12)"), target="cls_loss")
    assert named(report) == [(True, ["Loss.__call__:norm"]), (True, ["Loss.__call__:entropy"])]
    assert findings(report["culprits"][1], "not assigned")
    assert [mark["text"] for mark in report["culprits"][1]["line"]["reference_marks"]] == ["0.9 * wanted"]


def test_what_another_call_of_a_helper_assigns_is_not_said_to_lack(pair: Path) -> None:
    """The port calls the helper less often, and assigns all that a call of it assigns."""
    written_out = (
        "intersection(boxes, boxes)",
        "(boxes[:, None, 2:].minimum(boxes[:, 2:]) - boxes[:, None, :2].maximum(boxes[:, :2])).clamp(min=0).prod(-1)",
    )
    report = run(pair, written_out, ("(high - low).clamp(min=0)", "high - low"), target="cls_loss")
    assert named(report) == [(True, ["intersection:sides"])]
    (culprit,) = report["culprits"]
    assert not findings(culprit, "not assigned")
    assert culprit["line"]["unclear"] == []


UNNAMED = [
    ("= overlap(boxes", "= iou(boxes"),
    ("def overlap", "def iou"),
    ("covered, overlap", "covered, iou"),
    ("overlaps", "ious"),
    WEIGHTS,
    ("quality", "metric"),
    ("weights", "strength"),
    ("assign", "allot"),
    ("Loss", "Criterion"),
    ("count", "number"),
]


def test_a_loss_with_other_names_is_paired_by_its_values(pair: Path) -> None:
    """What agrees shows which function is which, and so which variable the wrong one is."""
    report = run(pair, *UNNAMED, target="cls_loss")
    assert named(report) == [(True, ["assign:weights"])]
    (culprit,) = report["culprits"]
    assert stands(pair, culprit) == ("port_loss.py", "strength = metric.max(0)")
    (said,) = findings(culprit, "name")
    assert said.startswith("the port's allot:strength is taken for assign:weights")


# The loss of another author: turned, in tenths, other names throughout; and the weights are not normalised.
ANOTHER = """
import torch
import torch.nn.functional as F


def edges_of(turned, points):
    middle = points - 10 * turned[1:3]
    reach = 10 * (-turned[3:]).exp()
    return torch.cat([middle - reach, middle + reach])


def merits(edges, wished, odds):
    low = torch.maximum(edges[:2, None], wished[:2, :, None])
    common = (torch.minimum(edges[2:, None], wished[2:, :, None]) - low).clamp(min=0).prod(0)
    sizes = (edges[2:] - edges[:2]).prod(0)[None] + (wished[2:] - wished[:2]).prod(0)[:, None]
    return 10 * odds.sqrt() * (common / (sizes - common)) ** 2


class Criterion:
    def __call__(self, given, truth):
        turned = -given.T
        edges = edges_of(turned, 10 * truth["anchors"].T)
        found = merits(edges, 10 * truth["boxes"].T, (-turned[0]).sigmoid()).detach()
        hoped = torch.full((12,), -1.0)
        hoped[found.argmax(1)] = found.amax(1) / 10 - 1
        lost = F.binary_cross_entropy_with_logits(-turned[0], hoped + 1, reduction="none") * 10
        return -lost.mean(), lost.sum() / 10 / (found > 0.1).sum()
"""


def test_a_loss_that_shares_no_variable_is_blamed_as_a_whole(pair: Path) -> None:
    """Where the lines cannot be compared none is accused alone: all that the loss is computed in are listed."""
    write(pair, "port")
    (pair / "port_loss.py").write_text(ANOTHER)
    model = pair / "port.py"
    model.write_text(model.read_text().replace("Loss", "Criterion"))
    report = report_on(pair, "cls_loss")
    assert (report["verdict"], named(report)) == ("diverges", [(True, ["step"])])
    assert "The loss code after the last layer (line" in report["sentence"]


def test_functions_that_are_not_watched_are_blamed_as_a_whole(pair: Path) -> None:
    """A recipe that leaves the loss out has the answer that there was before lines were."""
    with (pair / "recipe.toml").open("a") as recipe:
        recipe.write('[watch]\nfunctions = ["*:Net.*"]\n')
    report = run(pair, WEIGHTS, target="cls_loss")
    assert (report["verdict"], named(report)) == ("diverges", [(True, ["step"])])
    assert report["culprits"][0]["line"] is None


def test_an_exception_that_the_port_swallows_is_told(pair: Path) -> None:
    """Where it was raised and caught stands beside the line that came out wrong for it."""
    line = "    weights = quality.max(0) / quality.sum(0)\n"
    swallowing = (
        "    try:\n        weights = quality.max(0) / quality.sum(0, keepdim=True)\n"
        "    except TypeError:\n        weights = quality.max(0)\n"
    )
    report = run(pair, (line, swallowing), target="cls_loss")
    assert named(report) == [(True, ["assign:weights"])]
    (culprit,) = report["culprits"]
    assert stands(pair, culprit)[1] == "weights = quality.max(0)"
    (said,) = findings(culprit, "swallowed exception")
    number = culprit["line"]["port"]["line"]
    assert said.startswith(f"port_loss.py:{number - 2} raised TypeError: ")
    assert said.endswith(f"caught at port_loss.py:{number - 1}, and the run went on")


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param(
            [
                ("overlaps**2).detach()", "overlaps**3).detach().half()"),
                ("= quality.max(0) / quality.sum(0)", '= (quality.max(0) / quality.sum(0)).astype("float32")'),
            ],
            id="half precision",
        ),
        pytest.param([("int((quality > 0.01).sum())", "bool((quality > 0.01).any())")], id="a truth for a number"),
    ],
)
def test_a_variable_that_cannot_hold_the_reference_s_value_ends_no_run(
    edits: list[tuple[str, str]], pair: Path
) -> None:
    """A line that rounds too much, or keeps too little, is wrong; it is no mistake in the command or the recipe."""
    report = run(pair, *edits, target="cls_loss")
    assert report["verdict"] == "diverges"
    assert all(culprit["confirmed"] for culprit in report["culprits"])


@pytest.mark.parametrize(
    ("edit", "site", "variable", "text"),
    [
        (
            ("mean = x.mean(-1, keepdim=True)", "mean = 0.9 * x.mean(-1, keepdim=True)"),
            "net.norm",
            "net.norm:mean",
            "mean = 0.9 * x.mean(-1, keepdim=True)",
        ),
        (("gate = hidden.sigmoid()", "gate = hidden.exp()"), "net", "net:gate", "gate = hidden.exp()"),
    ],
)
def test_a_module_s_own_code_has_a_line_too(
    edit: tuple[str, str], site: str, variable: str, text: str, pair: Path
) -> None:
    """The module stays the culprit, as its output or what it hands on shows; the line comes on top."""
    report = run(pair, edit, target="cls_loss")
    assert named(report) == [(True, [site])]
    (culprit,) = report["culprits"]
    assert stands(pair, culprit) == ("port.py", text)
    (said,) = findings(culprit, "line")
    assert said.startswith(f"port.py:{culprit['line']['port']['line']} (reference ref.py:")
    assert f": {variable} is off by " in said


def test_what_step_hands_the_model_has_a_line(pair: Path) -> None:
    """The code of step around the model is watched like any other."""
    report = run(pair, ('x = batch["x"]', 'x = 2 * batch["x"]'), target="cls_loss")
    assert named(report) == [(True, ["step"])]
    (culprit,) = report["culprits"]
    assert stands(pair, culprit) == ("port.py", 'x = 2 * batch["x"]')
    assert findings(culprit, "line")[0].startswith(f"port.py:{culprit['line']['port']['line']} ")


def test_a_wrong_net_and_a_wrong_loss_are_one_culprit(pair: Path) -> None:
    """What the one hands the other may mean something else in the port; the line that makes each wrong by itself is told."""
    report = run(pair, WEIGHTS, ("gate = hidden.sigmoid()", "gate = hidden.exp()"), target=None)
    assert (report["verdict"], named(report)) == ("diverges", [(True, ["step"])])
    assert report["sentence"].startswith("The code of step, or of a call inside it (line 15 of port_loss.py), is wrong")
    assert report["culprits"][0]["findings"][0]["message"].startswith("step, net: a fault lies in the own code of one")


def test_without_a_target_the_proof_names_the_loss_that_it_is_about(pair: Path) -> None:
    """The values in the proof are of cls_loss, which is the second of the targets."""
    report = run(pair, ('reduction="sum"', 'reduction="mean"'), target=None)
    assert named(report) == [(True, ["Loss.__call__:entropy"])]
    proof, right = report["culprits"][0]["sufficient"], report["targets"]["cls_loss"]["reference"]
    assert (proof["quantity"], proof["value"]) == ("cls_loss", pytest.approx(right, rel=1e-6))
    done = run_bisect("report", "captures/pair/reports/port-all.json", cwd=pair)
    assert done.returncode == 1
    assert f"cls_loss {proof['value']:.7g} agrees" in " ".join(done.stdout.split())


SHARED = [
    ("from SIDE_loss import Loss", "from SIDE_loss import Loss, squash"),
    ("STRIDE = 2.0\n", "STRIDE = 2.0\n\n\ndef squash(x):\n    low = -x\n    return 1 / (1 + low.exp())\n"),
    ("gate = hidden.sigmoid()", "gate = squash(hidden)"),
    ("logits.sigmoid(),", "squash(logits),"),
    ("        self.gain = gain\n", "        self.gain = gain\n        self.calls = 0\n"),
    ("        total = 0\n", "        self.calls += 1\n        total = 0\n"),
]


def test_a_function_that_a_module_and_the_loss_call_is_told_apart(tmp_path: Path) -> None:
    """Calls are told apart by what is around them; a count of steps, which cannot be put back, harms no proof."""
    folder = tmp_path / "pair"
    folder.mkdir()
    capture(folder, *SHARED)
    report = run(folder, *SHARED, ("wanted[best, 0] = weights", "wanted[best, 0] = 2 * weights"), target="cls_loss")
    assert named(report) == [(True, ["Loss.__call__:wanted#2"])]


def test_a_model_without_a_name_can_be_captured(tmp_path: Path) -> None:
    """A recipe whose one module is called '' has variables in it like any other."""
    folder = tmp_path / "pair"
    folder.mkdir()
    nameless = ('"modules": {"net": net}', '"modules": {"": net}')
    capture(folder, nameless)
    assert named(run(folder, nameless, WEIGHTS, target="cls_loss")) == [(True, ["assign:weights"])]
