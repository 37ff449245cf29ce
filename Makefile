# `make demo` and `make test` need python3 with venv and nothing else; they set up .venv by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
SEED ?= 7
BUG ?= no-sessions
TESTS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench quick bugs clean

help:
	@echo "make demo [SEED=n]  see a cluster split, killed and judged, in two minutes"
	@echo "make test           the tests"
	@echo "make lint           formatter, linter, types, import arrows"
	@echo "make bench          benchmarks"
	@echo "make quick          the quick campaign;  make bugs: the planted bugs"

setup: $(STAMP)

# what is installed is pinned by version and hash; the project itself goes in as it is in this folder, its inner
# loops compiled where there is a compiler
$(STAMP): requirements.lock pyproject.toml setup.py $(wildcard checkers/kernels/*.p*)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "splitbrain needs Python 3.11 or later: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "cannot make a virtual environment: install your system's python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -c 'from checkers.kernels import COMPILED; COMPILED or print("no C compiler: checkers run uncompiled, slower")'
	@touch $@

demo: $(STAMP)
	@$(BIN)/python -m harness.demo --seed '$(SEED)' --bug '$(BUG)'

test: $(STAMP)
	$(BIN)/python -m pytest -n auto $(TESTS)

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

quick: $(STAMP)
	$(BIN)/splitbrain run campaigns/quick.yaml

bugs: $(STAMP)
	$(BIN)/splitbrain bugs

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
