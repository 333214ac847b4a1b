# Everything runs in .venv, which is made when it is missing.
PYTHON ?= python3.11
BIN := .venv/bin

# Large buffers on huge pages, freed late: a training step on a CPU takes half the time.
export GLIBC_TUNABLES := glibc.malloc.hugetlb=1
export MALLOC_MMAP_THRESHOLD_ := 4294967296
export MALLOC_TRIM_THRESHOLD_ := 4294967296
export MALLOC_ARENA_MAX := 1

.PHONY: train test lint

train: .venv/installed
	$(BIN)/python -m ocr_jax.main --config=configs/quickstart.py

test: .venv/installed
	$(BIN)/python -m pytest

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.venv/installed: setup.py constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .[test] --constraint constraints.txt
	touch $@
