# Two commands on a fresh machine: `make demo` and `make test`; for your own papers: `make install`. Python ≥ 3.11 with venv is all they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A test's state folder is synced to disk at every commit, as in real life; in memory that costs nothing.
export PYTEST_DEBUG_TEMPROOT := $(shell test -w /dev/shm && echo /dev/shm)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: install demo test long fuzz bench pictures audit smoke lint format golden clean
.DEFAULT_GOAL := help

help:
	@echo "make install $(BIN)/paperround, with all it needs at the versions that were tested"
	@echo "make demo    the main job, offline, on sample papers (state/demo/)"
	@echo "make test    lint, types, architecture, and the fast test suite; COVER=1 tells its coverage"
	@echo "make long    the long and end-to-end tests"
	@echo "make fuzz    mutated documents through every parser; SECONDS=3600 SEED=1 for more, CASE=… for one"
	@echo "make bench   the benchmarks; STAGE=start runs one"
	@echo "make audit   ask a public list of security holes about every version in use (needs a network)"
	@echo "make pictures the digest and the pages for docs/images, by a real browser"
	@echo "make smoke   one polite request of each source kind (needs a network)"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "paperround needs Python 3.11 or later; this is $$($(PYTHON) --version)." \
		"Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Installing into $(VENV), for about a minute ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@# Meaning ranks beside words where its runtime has a wheel; where it has none, words rank.
	@$(INSTALL) --editable '.[semantic]' || $(INSTALL) --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed
	@echo "Installed. Next: $(BIN)/paperround init"

demo: $(VENV)/.installed
	@$(BIN)/paperround demo --out state/demo

# COVER=1 tells which lines no test comes by, and takes twice as long.
test: $(VENV)/.installed-dev lint
ifeq ($(COVER),)
	$(BIN)/python -m pytest --numprocesses 2
else
	$(BIN)/coverage erase
	$(BIN)/python -m pytest --numprocesses 2 --cov --cov-report=
	$(BIN)/coverage report
	$(BIN)/coverage report --include='bot/identity.py,bot/digest.py' --fail-under=100
endif

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(BIN)/lint-imports > $(VENV)/lint-imports.txt || { cat $(VENV)/lint-imports.txt; exit 1; }

long: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m 'long or e2e'

fuzz: $(VENV)/.installed-dev
	PAPERROUND_FUZZ_SECONDS=$(SECONDS) PAPERROUND_FUZZ_SEED=$(SEED) PAPERROUND_FUZZ_CASE='$(CASE)' \
		$(BIN)/python -m pytest -m long tests/test_fuzz.py --capture=no

bench: $(VENV)/.installed-dev
	$(INSTALL) --editable '.[dev,bench]'
	$(BIN)/python -m benchmarks $(STAGE)

# In an environment of its own: it brings much that we do not need. Strict: what could not be asked about fails.
audit:
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

pictures: $(VENV)/.installed-dev
	$(BIN)/python tests/pictures.py

smoke: $(VENV)/.installed
	$(BIN)/python -m benchmarks.smoke

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) state/demo .coverage* .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
