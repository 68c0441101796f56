# One command does all that CI does: make check.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
LINKS := .dev/safelight

.PHONY: setup run test check lint types contracts soak clean

setup: $(READY)

# A virtual environment of our own, the project in it, and the links that type checkers follow.
$(READY): pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "safelight needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@mkdir -p $(LINKS)
	@for file in safelight/*; do ln -sfn ../../$$file $(LINKS)/$$(basename $$file); done
	@for room in devices engine sequences states; do ln -sfn ../../$$room $(LINKS)/$$room; done
	@touch $@

# The main job: LVM's normal calibrations on the embedded simulated observatory, 120 times faster than real.
run: $(READY)
	$(BIN)/safelight run normal --speed 120 --home .run/home --frames .run/frames

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist worksteal

soak: $(READY)
	$(BIN)/python -m pytest -m soak

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

check: lint types contracts test

clean:
	rm -rf .venv .dev .run build dist *.egg-info
