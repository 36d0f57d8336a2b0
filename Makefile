# Bare `make` lists what one can do.
PYTHON ?= python3
BIN := .venv/bin
# Bytecode is compiled when it is first needed: pip would compile ten times more, and the demo waits for it.
PIP := $(BIN)/python -m pip install --no-compile --disable-pip-version-check -c constraints.txt
ESLINT := 9.39.1
# Where this is set nothing compiled is kept, and each of the tests' processes compiles torch anew: twice the time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check docs wheel format clean

help:  ## List the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/installed  ## Install, compare two methods on synthetic speech, and write the report
	$(BIN)/hpsearch run demo --database demo.db
	$(BIN)/hpsearch report demo.db --to demo-report
	@echo "The report is in $(CURDIR)/demo-report/README.md, its picture in demo-report/curves.png"

# One process more than the two cores that the tests are made for: a quarter of their time they wait, for kills and clocks.
test: .venv/developing  ## Run all tests
	$(BIN)/python -m pytest -n 3 --dist loadgroup

check: .venv/developing  ## Check style, types and the floors of the design
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v npx >/dev/null; then npx --yes eslint@$(ESLINT) hpsearch/report/page; \
	else echo "The page's JavaScript is not linted: there is no npx here"; fi

docs: .venv/documenting  ## Build the documentation in site/, with every link checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation is in $(CURDIR)/site/index.html"

wheel:  ## Build dist/, and run the demo with the wheel alone in an empty environment
	PYTHON=$(PYTHON) .ci/wheel

format: .venv/developing  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove the environment, the demo and all caches
	rm -rf .venv site dist demo.db demo.db-* demo-report .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing into .venv (about two minutes)"
	$(PIP) --editable .
	@touch $@

.venv/developing: .venv/installed
	$(PIP) --editable '.[dev]'
	@touch $@

.venv/documenting: .venv/installed
	$(PIP) --editable '.[docs]'
	@touch $@
