# Everything a checkout needs: `make run` to try it, `make test` to trust it. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
CONFIG ?= conf/smtpintake.toml
BIN := .venv/bin
# The uv on PATH, otherwise one of the checkout's own. Not in .venv: uv removes from there what the lock doesn't name.
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)

# Two processes a core, as a test waits for its servers half of the time; the tests of a file stay together, as they share
# them.
PARALLEL = -n $(shell $(PYTHON) -c 'import os; print(2 * (os.cpu_count() or 1))') --dist loadfile --no-loadscope-reorder

.PHONY: help setup browser run test lint format bench docs goldens catalogues fuzz simulate migration first-migration wheel clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready ## make .venv with everything that uv.lock names

.tools/bin/uv:
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv

.venv/.ready: pyproject.toml uv.lock | $(filter .tools/%,$(UV))
	$(UV) sync --frozen
	@touch $@

browser: .venv/.ready ## what the tests in a browser need besides Chromium
	$(UV) sync --frozen --group browser

run: export SMTPINTAKE_CONFIG = $(CONFIG)
run: .venv/.ready ## database, demo policy and server on 127.0.0.1:2525, from nothing
	@mkdir -p var
	$(BIN)/smtpintake migrate
	$(BIN)/smtpintake apply conf/intake.toml
	@cat conf/try-it.txt
	exec $(BIN)/smtpintake serve

# COVERAGE is what pytest-cov is to be told, as .ci/run does.
test: .venv/.ready ## all tests, or some: make test ARGS="tests/mail -k address"
	$(BIN)/pytest $(or $(ARGS),$(PARALLEL)) $(COVERAGE)

lint: .venv/.ready ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.ready ## let ruff put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.ready ## throughput and latency against bare aiosmtpd: make bench ARGS="--quick"
	$(BIN)/python -m bench $(ARGS)

docs: .venv/.ready ## write docs/smtp-replies.md and the tables of docs/policy.md anew, check every link
	$(BIN)/python -m docs.build

catalogues: .venv/.ready ## what the templates say, into templates/locale/*.po; then translate what is new there
	$(BIN)/python -m tests.compose.messages

fuzz: .venv/.ready ## ten minutes of what a fuzzer thinks of, on every parser: make fuzz ARGS="--seconds 60 trim"
	$(UV) run --quiet --frozen --group fuzz python -m tests.fuzz $(ARGS)

simulate: .venv/.ready ## 10,000 mails between two installations and robots of every kind: make simulate ARGS="1000 7"
	$(BIN)/python -m tests.robots $(ARGS)

goldens: .venv/.ready ## write what the mails of tests/corpus say anew; then look at the difference
	$(BIN)/python -m tests.corpus.golden $(ARGS)

migration: .venv/.ready ## a migration from what the models changed: make migration MESSAGE="Add issue.due_at"
	@test -n "$(MESSAGE)" || { echo 'make migration needs MESSAGE="what it does"'; exit 2; }
	@mkdir -p build && rm -f build/schema.db*
	$(BIN)/alembic -x url=sqlite:///build/schema.db upgrade head
	$(BIN)/alembic -x url=sqlite:///build/schema.db revision --autogenerate -m "$(MESSAGE)"
	-$(BIN)/ruff check --quiet --fix alembic
	$(BIN)/ruff format --quiet alembic

first-migration: .venv/.ready ## until the first release: write 0001 anew from the models
	@mkdir -p build && rm -f build/schema.db* alembic/versions/0001_*.py
	$(BIN)/alembic -x url=sqlite:///build/schema.db revision --autogenerate --rev-id 0001 -m first
	-$(BIN)/ruff check --quiet --fix alembic
	$(BIN)/ruff format --quiet alembic

wheel: .venv/.ready ## dist/smtpintake-*.whl
	$(UV) build --wheel

clean: ## remove what the other targets made, but not var/
	rm -rf .venv .tools build dist htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .import_linter_cache bench/build
