# What a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
JOBS ?= 2

.PHONY: help setup demo test test-long check format bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/.project  ## make .venv with the project and its command in it

demo: setup  ## an embedded cluster and the API over it, on https://127.0.0.1:5080
	@exec $(BIN)/rapier demo

test: .venv/.dev  ## every test that takes minutes at most; on Debian as root, on a real cluster too
	@failed=0; \
	$(BIN)/python -m pytest -m "not long and not alone" -n $(JOBS) --no-loadscope-reorder || failed=1; \
	$(BIN)/python -m pytest -m "not long and alone" || failed=1; \
	exit $$failed

test-long: .venv/.dev  ## the tests that take longer
	$(BIN)/python -m pytest -m "long"

check: .venv/.dev  ## format, lint, strict types, layer contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev  ## mend format and lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/.dev  ## stock ganeti-rapi and Rapier in one run on the same luxid (root on Debian)
	PYTHONPATH=tests $(BIN)/python -m bench

clean:  ## remove what the other targets made
	rm -rf .venv dist build .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@bash tools/make-venv "$(PYTHON)" .venv

.venv/.project: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml .venv/.project
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@
