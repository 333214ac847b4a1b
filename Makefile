# Everything runs in .venv, which is made when it is missing.
PYTHON ?= python3.11
BIN := .venv/bin

# What ocr_jax/runtime/huge_pages.py sets for trainings; but tests compile more than they
# train, and the compiler's threads wait for each other in one heap.
test test-fast: export GLIBC_TUNABLES := glibc.malloc.hugetlb=1
test test-fast: export MALLOC_MMAP_THRESHOLD_ := 4294967296
test test-fast: export MALLOC_TRIM_THRESHOLD_ := 4294967296
test test-fast: export MALLOC_ARENA_MAX := 4

.PHONY: train test test-fast lint

train: .venv/installed-train
	$(BIN)/python -m ocr_jax.main --config=configs/quickstart.py

test: .venv/installed-test
	$(BIN)/python -m pytest

test-fast: .venv/installed-test
	$(BIN)/python -m pytest -m "not slow"

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# What the tests need includes what a training needs.
.venv/installed-train: EXTRAS := synthetic,report
.venv/installed-test: EXTRAS := test
.venv/installed-train .venv/installed-test: setup.py pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]' --constraint constraints.txt
	touch .venv/installed-train $@
