# Every target is one line, and one command of a tool that `pip install -e '.[dev]'` brings.
PYTHON ?= python
BIN := $(shell $(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("scripts"))')

.DEFAULT_GOAL := help
.PHONY: help check test lint types contract generate docs wire-coverage wheel interop bench faults soak

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

check: lint types contract ## all that can be known without running the tests

test: ## the whole suite; downloads nothing
	$(PYTHON) -m pytest

lint: ## formatting, style, layers
	$(BIN)/ruff format --check && $(BIN)/ruff check && $(BIN)/lint-imports

types: ## mypy and pyright, both strict, on our side and on that of users
	$(PYTHON) -m mypy && $(PYTHON) -m pyright --pythonpath $(BIN)/python
	$(PYTHON) -m pytest --no-skip -m typing tests/typing

contract: ## stubs up to date, the .proto clean, nothing broken for old clients
	$(PYTHON) proto/generate.py --check && cd proto && $(BIN)/buf lint && $(BIN)/buf breaking --against baseline.binpb

generate: ## rebuild generated/ from proto/
	$(PYTHON) proto/generate.py

docs: ## the API reference, out of the docstrings, into build/api
	$(PYTHON) -W error tests/readme/reference.py build/api

# The folder and not the package: coverage would import that, and msgpack with it, twice.
wire-coverage: ## every branch of renderer/wire, by its own unit tests
	$(BIN)/coverage run --branch --source=renderer/wire -m pytest -n0 tests/unit/renderer/wire && $(BIN)/coverage report --fail-under=100

wheel: ## build, look inside, and run the demo from an empty environment
	$(PYTHON) -m build && $(PYTHON) -m pytest -m "" tests/packaging

interop: ## foreign clients; what is missing on this machine fails
	for lock in $$(find renderer tests -name package-lock.json -not -path '*/node_modules/*'); do npm ci --prefix $$(dirname $$lock) || exit; done && $(PYTHON) -m pytest --no-skip tests/interop

bench: ## measure, beside what else there is
	$(PYTHON) -m tests.bench

faults: ## break connections and kill processes; count what is lost: nothing
	$(PYTHON) -m tests.faults

soak: ## hours of use in less than half an hour: fuzz, churn, a million messages; prints a table
	$(PYTHON) -m tests.soak
