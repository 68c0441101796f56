# One command does all that CI does: make check.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
READY := .venv/.ready
LINKS := .dev/safelight

.PHONY: setup run test check lint types contracts docs soak bench clean

setup: $(READY)

# A virtual environment of our own, the project in it, and the links that type checkers follow.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "safelight needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# The rooms as one package, for tools that read source and can't follow the editable install.
.PHONY: links
links:
	@mkdir -p $(LINKS)
	@for file in safelight/*; do ln -sfn ../../$$file $(LINKS)/$$(basename $$file); done
	@for room in devices engine sequences states; do ln -sfn ../../$$room $(LINKS)/$$room; done

# The main job: LVM's normal calibrations on the embedded simulated observatory, 120 times faster than real.
run: $(READY)
	$(BIN)/safelight run normal --speed 120 --home .run/home --frames .run/frames

# Servers that some tests need (PostgreSQL, SPIN, ...) are installed first, where that is possible. Much of the tests is
# waiting, so three share two cores.
test: $(READY)
	@if [ -x tests/install-servers ]; then tests/install-servers; fi
	-@tests/clu/make-actors-env $(PYTHON)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not soak"

# The site, into .dev/docs/index.html. The tests build it too, in a folder of their own.
docs: $(READY)
	$(BIN)/python -m sphinx -E -W --keep-going -n -q docs .dev/docs

soak: $(READY)
	$(BIN)/python -m pytest -m soak --timeout 0

# Side by side with what else could be used, in an environment of its own; on a quiet machine.
bench:
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	.venv-bench/bin/python -m benchmarks -o docs/explanation/performance.md

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) links
	$(BIN)/mypy

# The import linter follows no links: it gets a copy.
contracts: $(READY) links
	@rm -rf .dev/copy && mkdir -p .dev/copy && cp -rL $(LINKS) .dev/copy/safelight
	cd .dev/copy && ../../$(BIN)/lint-imports --config ../../.importlinter --no-logo

check: lint types contracts test

clean:
	rm -rf .venv .venv-actors .venv-bench .dev .run build dist *.egg-info
