# Everything runs in .venv, which each command makes and fills by itself.
# The files .venv/.venv-made, .venv/.viz, .venv/.tutorials, .venv/.book and .venv/.dev say what is in there already.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check
PYTEST := $(RUN) -m pytest -n auto --dist worksteal --durations=10
ARGS ?=

.PHONY: help demo test coverage test-ci test-deep release-check check format tutorials book bench docs clean distclean
.DEFAULT_GOAL := help
.NOTPARALLEL:
# Python keeps what it compiled: each process of the tests would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

help:
	@echo "make demo       see why the gradient is a - y: terminal output, pictures in build/demo/"
	@echo "make test       the tests (more options for pytest: ARGS='-k iris')"
	@echo "make coverage   the same, with branch coverage"
	@echo "make test-ci    what .ci/run adds: packages, hash seeds, axe on every phase of the page"
	@echo "make test-deep  the tests that take minutes: all planted faults, all scales"
	@echo "make check      format, lint and types"
	@echo "make release-check  build, look at what was built, install it bare and run the demo"
	@echo "make format     put the format right, and what the linter can mend by itself"
	@echo "make tutorials  run every script in tutorials/"
	@echo "make book       run them as notebooks, and build the site in build/book/"
	@echo "make bench      run every script in benchmarks/"
	@echo "make docs       write docs/numpy.md and docs/judged.md from the declarations"
	@echo "make clean      remove what was built; make distclean removes .venv too"
	@echo "With another interpreter: make PYTHON=python3.13 demo (after make distclean)"

demo: $(VENV)/.viz
	@$(RUN) -m tinygrad_edu demo $(ARGS)

test: $(VENV)/.dev
	@$(PYTEST) -m "not deep and not ci" $(ARGS)

coverage: $(VENV)/.dev
	@$(PYTEST) -m "not deep and not ci" --cov --cov-report=term-missing:skip-covered $(ARGS)

test-ci: $(VENV)/.dev book
	@$(PYTEST) -m ci $(ARGS)

test-deep: $(VENV)/.dev
	@$(PYTEST) -m deep $(ARGS)

check: $(VENV)/.dev
	@$(RUN) -m ruff format --check .
	@$(RUN) -m ruff check .
	@$(RUN) -m mypy

release-check: $(VENV)/.dev
	@rm -rf dist build/release
	@$(RUN) -m build --outdir dist >/dev/null
	@$(RUN) -m twine check --strict dist/*
	@$(RUN) -m venv --clear build/release
	@build/release/bin/python -m pip --disable-pip-version-check install --quiet dist/*.whl
	@build/release/bin/tinygrad-edu demo --into build/release/demo
	@build/release/bin/tinygrad-edu --version

format: $(VENV)/.dev
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

tutorials: $(VENV)/.tutorials
	@set -e; for script in $(sort $(wildcard tutorials/[0-9]*.py tutorials/teacher.py)); do echo "== $$script"; $(RUN) "$$script"; done

book: $(VENV)/.book
	@$(RUN) tools/book.py

bench: $(VENV)/.dev
	@set -e; for script in $(sort $(wildcard benchmarks/*.py)); do echo "== $$script"; $(RUN) "$$script"; done

docs: $(VENV)/.dev
	@$(RUN) -m tinygrad_edu numpy > docs/numpy.md
	@$(RUN) tools/judged.py > docs/judged.md

clean:
	rm -rf build dist *.egg-info .coverage .coverage.* htmlcov .hypothesis
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

$(VENV)/.venv-made:
	@command -v $(PYTHON) >/dev/null 2>&1 \
	  || { echo "error: no '$(PYTHON)' found: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: $$($(PYTHON) --version 2>&1) is too old, 3.11 or newer is needed; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "error: $(PYTHON) cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "Making $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.viz: $(VENV)/.venv-made setup.cfg pyproject.toml
	@echo "Installing what the demo needs (once)"
	@$(PIP) install --quiet --editable '.[viz]'
	@touch $@

$(VENV)/.tutorials: $(VENV)/.venv-made setup.cfg pyproject.toml
	@echo "Installing what the tutorials need (once)"
	@$(PIP) install --quiet --editable '.[viz,train,data]'
	@touch $(VENV)/.viz $@

$(VENV)/.book: $(VENV)/.venv-made setup.cfg pyproject.toml
	@command -v npm >/dev/null 2>&1 || { echo "error: no 'npm' found, which brings MathJax: install Node.js" >&2; exit 1; }
	@echo "Installing what the book needs (once)"
	@$(PIP) install --quiet --editable '.[viz,train,data,book]'
	@mkdir -p $(VENV)/mathjax && cd $(VENV)/mathjax && npm pack --silent mathjax@3.2.2 >/dev/null \
	  && tar -xzf mathjax-3.2.2.tgz --strip-components=2 package/es5/tex-svg-full.js && rm mathjax-3.2.2.tgz
	@touch $(VENV)/.viz $(VENV)/.tutorials $@

$(VENV)/.dev: $(VENV)/.venv-made setup.cfg pyproject.toml
	@echo "Installing what the tests need (once)"
	@$(PIP) install --quiet --editable '.[viz,train,data,mpi,dev]'
	@touch $(VENV)/.viz $(VENV)/.tutorials $@
