# One verb for each job; `make help` lists them. Everything is built once and then only looked at:
# a stamp in .venv remembers what each step was built from.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
CODE := flows tasks trading_core deployments infra tests
RUST := $(wildcard rust_ext/src/*.rs) rust_ext/Cargo.toml rust_ext/Cargo.lock.pinned

# Once there is what the tests need, it stays: a run does not take it away again.
PACKAGES := $(if $(wildcard $(VENV)/dev.stamp),dev,run)

# Whatever else is active in the shell, this is the environment meant.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PYO3_PYTHON := $(CURDIR)/$(BIN)/python
unexport CONDA_PREFIX

DAY_OPTIONS := $(if $(DATA),--data "$(DATA)") $(if $(DATE),--date "$(DATE)") $(if $(SEED),--seed "$(SEED)")

.PHONY: help day days up down status test soak check bench clean lock packages
.PHONY: check-format check-lint check-types check-imports check-stub check-rust check-hosts

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

day: $(VENV)/engine.stamp ## run one trading day; DATA=directory DATE=2013-10-07 SEED=1 choose it
	@$(BIN)/tradeops day $(DAY_OPTIONS)

FROM ?= 2013-11-27
TO ?= 2013-12-02
DAYS_OPTIONS := $(if $(DATA),--data "$(DATA)") --from "$(FROM)" --to "$(TO)" $(if $(SEED),--seed "$(SEED)")

days: $(VENV)/engine.stamp ## run days in a row; DATA=directory FROM=2013-10-04 TO=2013-10-09 choose them
	@$(BIN)/tradeops days $(DAYS_OPTIONS)

up: $(VENV)/engine.stamp ## bring the embedded stack up
	@$(BIN)/tradeops up

down: ## stop the stack; the data stays
	@if [ -x $(BIN)/tradeops ]; then $(BIN)/tradeops down; else echo "nothing was ever built here"; fi

status: $(VENV)/engine.stamp ## show every service of the stack
	@$(BIN)/tradeops status

test: $(VENV)/dev.stamp $(VENV)/engine.stamp packages ## run every test; TESTS=tests/tasks only some
	@$(BIN)/python -m tests.parts $(TESTS)
	@cd rust_ext && cargo test --locked --quiet

soak: $(VENV)/dev.stamp $(VENV)/engine.stamp packages ## run the long tests: killed at every place, days in a row
	@$(BIN)/python -m tests.parts --soak $(TESTS)

check: check-format check-lint check-types check-imports check-stub check-rust check-hosts ## every rule a tool can hold

# The generator of the workloads is the project's; what it makes stays in rust_ext/target.
GENERATOR ?= ../shared/perf/gen_orders.py
WORKLOADS ?= $(CURDIR)/rust_ext/target/workloads

bench: $(VENV)/dev.stamp $(VENV)/engine.stamp ## measure the engine, how fast trading stops and orders go; ROUNDS=3 gives medians of three rounds
	@$(BIN)/python rust_ext/benches/make_workloads.py $(GENERATOR) $(WORKLOADS)
	@cd rust_ext && export ROUNDS=$(or $(ROUNDS),1) \
	&& BARE=$$(cargo bench --locked --quiet --features bare --bench workload -- $(WORKLOADS)) && export BARE \
	&& cargo bench --locked --quiet --bench workload -- $(WORKLOADS)
	@$(BIN)/python rust_ext/benches/from_python.py $(WORKLOADS) $(or $(ROUNDS),1)
	@$(BIN)/python rust_ext/lock.py restore benches/peer >/dev/null
	@cd rust_ext/benches/peer && CARGO_TARGET_DIR=../../target/peer cargo run --release --locked --quiet -- $(WORKLOADS) $(or $(ROUNDS),1)
	@cd rust_ext && cargo bench --locked --quiet --bench engine
	@$(BIN)/python -m trading_core.gateway.bench
	@$(BIN)/python -m infra.embedded.bench
	@$(BIN)/python -m trading_core.bars.bench

clean: down ## remove what make built; the state of the stack in var stays
	rm -rf $(VENV) rust_ext/target trading_core/_engine*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis

lock: $(VENV)/dev.stamp ## choose package versions anew within pyproject.toml's bounds
	infra/bootstrap/lock.sh

check-format: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .

check-lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .

check-types: $(VENV)/dev.stamp $(VENV)/engine.stamp
	$(BIN)/mypy $(CODE)

check-imports: $(VENV)/dev.stamp $(VENV)/engine.stamp
	$(BIN)/lint-imports

check-stub: $(VENV)/dev.stamp $(VENV)/engine.stamp
	$(BIN)/python -m mypy.stubtest trading_core._engine

check-rust: $(VENV)/engine.stamp
	cd rust_ext && cargo fmt --check
	cd rust_ext && cargo clippy --quiet --locked --all-targets -- -D warnings
	cd rust_ext && cargo clippy --quiet --locked --all-targets --features python -- -D warnings

check-hosts: $(VENV)/dev.stamp
	$(BIN)/python infra/bootstrap/no_hosts.py

packages:
	@infra/bootstrap/packages.sh

# --- the environment, each step behind its stamp ---

$(VENV)/uv.stamp: requirements/uv.txt infra/bootstrap/tools.sh
	@python=$$(infra/bootstrap/tools.sh); echo "Environment: $$("$$python" --version) in $(VENV)"; "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# Compiled once here: Prefect starts in half the time, in every process of every run.
$(VENV)/run.stamp: $(VENV)/uv.stamp requirements/$(PACKAGES).txt
	@echo "Packages: requirements/$(PACKAGES).txt"
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/$(PACKAGES).txt
	@touch $@

$(VENV)/dev.stamp: $(VENV)/uv.stamp requirements/dev.txt
	@echo "Packages: requirements/dev.txt"
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.txt
	@touch $(VENV)/run.stamp $@

$(VENV)/engine.stamp: $(VENV)/run.stamp pyproject.toml $(RUST)
	@echo "Engine: building rust_ext"
	@$(BIN)/python rust_ext/lock.py restore
	@$(BIN)/maturin develop --release --locked --uv --quiet
	@rm -f trading_core/_engine.cpython-*.so # of before there was one binary for every Python; it would be found first
	@touch $@
