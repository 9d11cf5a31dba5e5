"""Jittor's Vars between runs: one that was assigned another shares it from then on."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.jittor
CODE = """
import numpy as np
from bisect_tool.worker.adapters import jittor_adapter
from bisect_tool.worker.model.build import Model
from bisect_tool.worker.model.state import State

jittor_adapter.prepare()
import jittor
from jittor import nn

student, teacher = nn.Linear(2, 2), nn.Linear(2, 2)
optimizer = nn.SGD(student.parameters(), lr=0.5, momentum=0.9)

def step(batch):
    optimizer.step(student(jittor.ones((1, 2))).sum())
    teacher.weight.assign(student.weight)
    return {"loss": teacher(jittor.ones((1, 2))).sum()}

model = Model(jittor_adapter, {"student": student, "teacher": teacher}, {}, step, optimizer)
state = State(model)
state.begin()
values = []
for _ in range(2):
    values.append(model.read_targets(model.run_step({}))[0]["loss"])
    assert set(state.rewritten()) == {"student.weight", "student.bias", "teacher.weight"}
    model.restore()
    assert not state.rewritten()
assert values[0] == values[1]
assert state.strays() == []
model.run_step({})
assert set(state.strays(teacher)) == {"teacher.weight"}
before = state.read("student.weight")
state.write("teacher.weight", np.full((2, 2), 7.0, np.float32))
assert (state.read("teacher.weight") == 7.0).all()
assert (state.read("student.weight") == before).all()
"""


def test_what_is_assigned_is_seen_and_put_back() -> None:
    """Each run begins alike, and what one name is given does not reach the other."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
