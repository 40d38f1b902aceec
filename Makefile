# Five targets, each makes and fills its own virtual environment first.
#   make demo    build an archive from simulated FITS files and ask it the questions
#   make test    linters, types, import rules, every test
#   make quick   linters and the tests that take seconds, for the inner loop
#   make notebooks  run the notebooks and write their outputs, which are committed
#   make bench   every figure of tests/benchmarks/FIGURES.md, each beside its peer; python -m tests.benchmarks NAME --write
#                runs a part and puts its tables there
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WIRE := $(CURDIR)/.venv-wire/bin/python

# What `make quick` leaves to `make test`, beside the tests marked "patient".
PATIENT := benchmarks conformance crash golden hostile pipelines/jwst test_notebooks.py test_packaging.py

.PHONY: demo test quick notebooks bench wire clean

demo: $(VENV)/.demo
	$(BIN)/darkroom demo darkroom-demo

test: $(VENV)/.dev wire
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	if [ -x $(WIRE) ]; then export DARKROOM_MONGOECO_PYTHON=$${DARKROOM_MONGOECO_PYTHON:-$(WIRE)}; fi; \
	$(BIN)/pytest -n 2 --dist loadfile

quick: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/pytest -n 2 --dist loadfile -m 'not slow and not patient' $(PATIENT:%=--ignore=tests/%)

notebooks: $(VENV)/.dev
	$(BIN)/python -m tests.notebooks

bench: $(VENV)/.bench
	$(BIN)/python -m tests.benchmarks

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Darkroom needs Python >= 3.11, this is " + sys.version.split()[0] + "; try make PYTHON=python3.13") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml setup.cfg | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[web,xarray,pandas]'
	touch $@

$(VENV)/.dev: pyproject.toml setup.cfg | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@ $(VENV)/.demo

$(VENV)/.bench: pyproject.toml setup.cfg | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	touch $@ $(VENV)/.dev $(VENV)/.demo

# A MongoDB wire-protocol server written in Python (>= 3.13), for the conformance suite; without it those tests skip.
wire: $(VENV)/.wire
$(VENV)/.wire: | $(BIN)/python
	@for python in python3.14 python3.13 $(BIN)/python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null; then \
	    $$python -m venv .venv-wire && .venv-wire/bin/python -m pip install --quiet 'mongoeco[wire]==4.11.0' && touch $@; \
	    break; \
	  fi; \
	done; [ -e $@ ] || echo 'no wire-protocol server: its part of the conformance suite will be skipped'

clean:
	rm -rf $(VENV) .venv-wire darkroom-demo build dist *.egg-info
