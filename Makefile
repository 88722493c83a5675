# What a developer types. Each target makes what it needs into .venv first (tools/environment.py): a fresh machine
# needs Python 3.11 or newer and make, nothing else. `make PYTHON=python3.12 …` chooses the interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# What is not given to a target's command: make test ARGS="-k grammar"
ARGS ?=

# Tests and benchmarks start many processes: without its bytecode each would compile Ciao anew.
unexport PYTHONDONTWRITEBYTECODE

need = @$(PYTHON) tools/environment.py --venv $(VENV)

.PHONY: help demo lab test e2e e2e-images e2e-faults check coverage bench bench-cluster bench-images pictures clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

demo:  ## train a network on three processes from a notebook cell, and look at what failures say
	$(need) demo torch
	@$(BIN)/python tools/demo.py $(ARGS)

lab:  ## JupyterLab on the examples, with the kernel Ciao
	$(need) lab torch
	@$(BIN)/jupyter lab --ServerApp.root_dir=examples --LabApp.default_url=/lab/tree/01-pytorch-ddp.ipynb $(ARGS)

test:  ## all tests: the core, real processes on this machine, a real kernel
	$(need) test torch
	@$(BIN)/python -m pytest -n 4 --dist loadfile $(ARGS)  # more than CPUs: many tests wait for processes

e2e:  ## notebooks against a real cluster, which is made in Docker for it (needs docker, kind, kubectl; minutes)
	$(need) test e2e torch
	@$(BIN)/python -m pytest tests/e2e/cases -n 3 --dist worksteal -rs $(ARGS)

e2e-images:  ## cells become images, by every builder, and jobs pull them (needs docker, kind, kubectl; s2i, skopeo)
	$(need) test e2e
	@$(BIN)/python -m pytest tests/e2e/images -n 4 --dist worksteal -rs $(ARGS)

e2e-faults:  ## the same with things that go wrong: connections, tokens, the apiserver, the operator, pods, log files
	$(need) test e2e torch
	@$(BIN)/python -m pytest tests/e2e/faults -n 2 --dist worksteal -rs $(ARGS)

check:  ## ruff, mypy --strict, the walls between the layers
	$(need) lint test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

coverage:  ## the core's coverage by branch; at least 98 %
	$(need) test torch
	@$(BIN)/python -m pytest tests/unit --cov=ciao.core --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=98 $(ARGS)

bench:  ## what Ciao costs against plain ipykernel, a shell script and torchrun, measured here (minutes)
	$(need) bench torch
	@$(BIN)/python -m bench $(ARGS)

bench-cluster:  ## what Ciao costs on a cluster, beside kubectl; makes the cluster as e2e does (minutes)
	$(need) test e2e bench
	@$(BIN)/python -m bench --cluster $(ARGS)

bench-images:  ## what source to image costs, beside docker and buildah (needs docker; minutes)
	$(need) test e2e bench
	@$(BIN)/python -m bench --images $(ARGS)

pictures:  ## the screenshots of README.md, taken in JupyterLab (needs Chromium)
	$(need) pictures torch
	@$(BIN)/python tools/pictures.py $(ARGS)

clean:  ## remove all that these targets made, .venv too
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
