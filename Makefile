# One command does all that CI does: make check.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LINKS := .dev/safelight
# In memory where there is room for it: the tests write thousands of journals and frames, and none of them cuts the power.
TEMPORARY := $(shell test "$$(df --output=avail -k /dev/shm 2>/dev/null | tail -1)" -gt 8000000 2>/dev/null && echo /dev/shm || echo "$${TMPDIR:-/tmp}")
# Two processes for each core: many tests wait for real devices, brokers and guards, and those must not wait for each other.
PROCESSES := $(shell cores=$$(nproc 2>/dev/null || echo 2); echo $$((cores > 3 ? 8 : 2 * cores)))
PYTEST := PYTEST_DEBUG_TEMPROOT=$(TEMPORARY) $(BIN)/python -m pytest -n $(PROCESSES) -m "not soak"

# Where nothing may be compiled to bytecode, each of thousands of processes compiles all that it imports, for a second.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test servers check lint types contracts wheel docs lock latest oldest soak soak-python bench release clean

setup: $(READY)

# A virtual environment of our own with the versions of the lock, and the project in it.
$(VENV)/.ready: pyproject.toml locks/dev.txt locks/build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "safelight needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ...")'
	locks/install $(PYTHON) $(VENV) dev build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Write the locks anew, with the newest versions that the ranges in pyproject.toml allow.
lock: $(READY)
	locks/make $(BIN)/uv

# All tests with the newest versions that the ranges allow, whatever the lock says.
latest: servers
	$(PYTHON) -m venv --clear .venv-latest
	.venv-latest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
	.venv-latest/bin/uv pip install --quiet --python .venv-latest/bin/python --upgrade --editable '.[dev]' --requirement locks/build.in
	$(MAKE) VENV=.venv-latest READY= test

# All tests with the lowest direct versions that the ranges allow.
oldest: servers
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade uv
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --resolution lowest-direct --editable '.[dev]' --requirement locks/build.in
	$(MAKE) VENV=.venv-oldest READY= test

# The rooms as one package, for tools that read source and can't follow the editable install.
.PHONY: links
links:
	@rm -rf $(LINKS) && mkdir -p $(LINKS)
	@for file in safelight/*; do ln -sfn ../../$$file $(LINKS)/$$(basename $$file); done
	@for room in devices engine sequences states; do ln -sfn ../../$$room $(LINKS)/$$room; done

# The main job: LVM's normal calibrations on the embedded simulated observatory, 120 times faster than real.
run: $(READY)
	$(BIN)/safelight run normal --speed 120 --state-dir .run/home --frames .run/frames

# Servers that some tests need (PostgreSQL, SPIN, ...) are installed first, where that is possible, and the actors that
# are the tests' peers get an environment of their own.
servers:
	@tests/install-servers
	-@tests/devices/clu/make-actors-env $(PYTHON)

test: $(READY) servers
	$(PYTEST)

# The site, into .dev/docs/index.html. The tests build it too, in a folder of their own.
docs: $(READY)
	$(BIN)/python -m sphinx -E -W --keep-going -n -q docs .dev/docs

soak: $(READY)
	$(BIN)/python -m pytest -m soak --timeout 0

# The whole suite on Debian 13 with its own Python (3.13), in a root that is made for it; as root, with debootstrap.
soak-python:
	tests/packaging/debian-root

# Side by side with what else could be used, in an environment of its own; on a quiet machine.
bench:
	locks/install $(PYTHON) .venv-bench bench build
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	.venv-bench/bin/python -m benchmarks -o docs/explanation/performance.md

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) links
	$(BIN)/mypy
	$(BIN)/mypy benchmarks

# The import linter follows no links: it gets a copy.
contracts: $(READY) links
	@rm -rf .dev/copy && mkdir -p .dev/copy && cp -rL $(LINKS) .dev/copy/safelight
	cd .dev/copy && ../../$(BIN)/lint-imports --config ../../.importlinter --no-logo

# The wheel and the source distribution, built and checked.
wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	$(BIN)/python -m twine check --strict dist/*

# What would be uploaded: everything is checked first.
release: check wheel
	@ls -l dist

check: lint types contracts docs wheel test

clean:
	rm -rf .venv .venv-actors .venv-bench .venv-latest .venv-oldest .dev .run build dist *.egg-info
