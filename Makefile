# The same names everywhere: `make demo`, `make test`, `make check`, `make bench`.
# Every target does its own set-up; a second run finds it done and starts at once.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MAKEFLAGS += --no-print-directory
# Tests start hundreds of processes: without bytecode each of them would take half a second to compile.
export PYTHONDONTWRITEBYTECODE :=

# What the console itself needs of the machine: a virtual environment, systemd-python's build, the etcd it
# starts where none is configured; and the journal tests a writer of journal files, those of the terminal a
# terminal, those of completion a shell, those of etcd somebody else who writes.
PACKAGES := python3-venv python3-dev gcc pkg-config libsystemd-dev openssh-client etcd-server \
  systemd-journal-remote tmux zsh etcd-client
# Lab tests mostly wait for hosts: three files at a time, each worker with a lab of its own.
SIDE_BY_SIDE := -n 3 --dist loadfile
LAB_PACKAGES := $(shell sed 's/#.*//' console/lab/packages.txt)

.PHONY: help setup demo lab lab-down test test-full check bench bench-hold screenshots lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: .make/packages .make/venv .make/systemd  ## system packages and the virtual environment

demo: setup  ## real hosts on this machine, and the live fleet
	@scripts/demo $(BIN)

lab: setup  ## bring the lab up and leave it running
	@$(BIN)/quarterdeck lab up

lab-down:  ## take the lab down
	@$(BIN)/quarterdeck lab down

test: setup  ## unit tests and the core lab tests
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not full and not bench" $(ARGS)

test-full: setup  ## every test there is
	@$(BIN)/pytest $(SIDE_BY_SIDE) -m "not bench" $(ARGS)

check: setup  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup  ## measure, against named alternatives in the same run; all of it makes docs/performance.md
	@rm -f .make/bench.json; $(BIN)/python -m tests.bench --json .make/bench.json $(ARGS); code=$$?; \
	  test -n "$(ARGS)" || { $(BIN)/python -m tests.bench.page .make/bench.json > .make/performance.md && \
	  mv .make/performance.md docs/performance.md; } || code=1; exit $$code

bench-hold: setup  ## a thousand simulated hosts under churn, held for ten minutes
	@QUARTERDECK_BENCH_HOLD=600 $(BIN)/python -m tests.bench.bench_mass hold

screenshots: setup  ## pictures of the terminal on the lab, into screenshots/
	@said=$$($(BIN)/quarterdeck lab up) && config=$$(echo "$$said" | tail -n 1) && $(BIN)/python scripts/screenshots "$$config" screenshots

lock:  ## pin what pyproject.toml asks for
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-header --extra dev pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-header --constraint requirements.lock pyproject.toml -o requirements-run.lock
	@$(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 --no-emit-index-url \
	  --no-header --no-deps --extra systemd pyproject.toml -o .make/all.lock
	@awk '/^[a-z]/ {ours = /^systemd-python/} ours' .make/all.lock > requirements-systemd.lock

clean:  ## the virtual environment and the caches; the lab's image stays
	rm -rf $(VENV) .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.make/packages: Makefile console/lab/packages.txt
	@mkdir -p .make
	@scripts/packages $(PACKAGES) $(LAB_PACKAGES)
	@touch $@

.make/venv: requirements.lock pyproject.toml | .make/packages
	@echo "virtual environment: $(VENV)" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Quarterdeck needs Python 3.11 or newer; say which: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv --upgrade-deps $(VENV) >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib console
	@touch $@

# An extra: it needs libsystemd's headers. Without it the local journal goes through journalctl.
.make/systemd: requirements-systemd.lock | .make/venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-systemd.lock \
	  2>.make/systemd.log || echo "left out: systemd-python (no libsystemd headers?); see .make/systemd.log" >&2
	@touch $@
