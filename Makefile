# Two commands on a fresh machine: `make demo` and `make test`. Both need only Python 3.11, pip, make and g++.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: demo test faults fuzz bench clean

demo: $(STAMP)
	$(BIN)/bisect capture --recipe yolo11n --model ref
	$(BIN)/bisect run --recipe yolo11n --target cls_loss --option fault=class_bias_lost || test $$? -eq 1

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file benchmarks/mypy.ini $(wildcard benchmarks/*.py)
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

# Every fault of the recipes on real Jittor; `make test` takes some of each kind.
faults: $(STAMP)
	BISECT_FAULTS=all OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/recipes

fuzz: $(STAMP)
	BISECT_FUZZ=10000 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/fuzz

bench: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/capture.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/compare.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/lines.py
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/gradients.py

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,jittor,dev]'
	touch $@

clean:
	rm -rf $(VENV)
