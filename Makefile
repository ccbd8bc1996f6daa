# make demo | test | test-all | bench | lint. Each sets up what it needs in .venv, from a bare Debian or Ubuntu.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-output
LOCKS := --constraint locks/core.txt --constraint locks/models.txt --constraint locks/web.txt

.PHONY: help demo test test-all bench lint clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

demo: $(VENV)/.run ## contour a synthetic patient, write the exports, and open her in the workstation at a terminal
	@$(BIN)/amlart demo --out $(DEMO)

test: $(VENV)/.dev lint ## style, types and all tests that are quick enough for every change
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

test-all: $(VENV)/.dev lint ## every test, the slow ones too
	@$(BIN)/python -m pytest -n auto --dist loadfile

bench: $(VENV)/.dev ## speed against peers, as ratios in one run
	@for bench in Testing/bench/*.py; do echo "== $$bench"; $(BIN)/python $$bench; done

lint: $(VENV)/.dev ## ruff, mypy, codespell
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/codespell

clean: ## remove what the other targets made
	rm -rf $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@.ci/venv "$(PYTHON)" "$(VENV)"

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	@.ci/apt libegl1 libgl1-mesa-dri || echo 'The workstation needs: sudo apt-get install libegl1 libgl1-mesa-dri' >&2
	$(BIN)/python -m pip install --quiet $(LOCKS) --editable '.[models,web]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml .ci/system-packages
	@.ci/system-packages
	$(BIN)/python -m pip install --quiet $(LOCKS) --constraint locks/sam.txt --constraint locks/fast.txt \
	    --editable '.[dev,peers,models,sam,web]'
	touch $@ $(VENV)/.run
