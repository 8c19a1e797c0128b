# Everything that the README and CI call. Needs python3.11 or newer and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PLUGINS := corpora torch alexnet sklearn perturbations transformers rivals slurm template
PACKAGES := -e ".[report]" $(foreach name,$(PLUGINS),-e plugins/serbench-$(name))
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt
# tests share two cores with nothing: one thread each, and no spinning while they wait; processes
# that they start find compiled modules
ONE := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE \
	PYTHONDONTWRITEBYTECODE=
# tests that are asked for by name fail where what they need is not there, instead of being skipped
STRICT := SERBENCH_NO_SKIPS=1 $(ONE)

.PHONY: help setup demo test test-slow test-browser test-template test-release test-trackers test-bounds test-engines test-docs faults check site format bench docs clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# build tools come first, so that the packages need not fetch them once each
$(VENV)/.installed: $(VENV)/bin/python constraints.txt pyproject.toml $(wildcard plugins/*/pyproject.toml)
	$(PIP) hatchling editables hatch-fancy-pypi-readme
	$(PIP) --no-build-isolation $(PACKAGES)
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements-dev.txt
	$(PIP) --requirement requirements-dev.txt
	$(PIP) --no-build-isolation --no-deps -e plugins/serbench-ray
	$(PIP) --no-deps Resemblyzer==0.1.4  # the weights of a speaker encoder
	@touch $@

setup: $(VENV)/.installed ## a virtual environment with serbench and its plugins

demo: setup ## the main job on the built-in corpus: two tables and a leaderboard
	$(BIN)/serbench evaluate --model functionals-svm --dataset toy
	@echo
	$(BIN)/serbench evaluate --model alexnet-mel --dataset toy
	@echo
	$(BIN)/serbench leaderboard show --dataset toy --format text

test: $(VENV)/.dev ## the tests; under five minutes on two cores
	$(ONE) $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

test-slow: $(VENV)/.dev ## tests that take minutes; installs ray
	$(PIP) --no-build-isolation -e plugins/serbench-ray
	$(STRICT) $(BIN)/python -m pytest -m slow

test-docs: $(VENV)/.dev ## every page as its reader works through it; prints what is not run, and why
	$(STRICT) $(BIN)/python -m pytest tests/docs -m docs -rP \
		--numprocesses auto --maxprocesses 4 --dist worksteal

test-browser: $(VENV)/.dev ## the report's page in chromium (Debian: apt-get install chromium)
	$(PIP) playwright
	$(STRICT) $(BIN)/python -m pytest tests/browser -m browser

test-trackers: $(VENV)/.dev ## the examples that log runs to a tracker; installs mlflow-skinny
	$(PIP) mlflow-skinny
	$(STRICT) $(BIN)/python -m pytest tests/trackers -m trackers

test-template: $(VENV)/.dev ## new plugins, installed in clean environments; needs the package index
	$(STRICT) $(BIN)/python -m pytest plugins/serbench-template -m template

test-release: $(VENV)/.dev ## the packages as a release builds them, in clean environments; needs the package index
	$(STRICT) $(BIN)/python -m pytest tests/release -m release -rP

test-bounds: $(VENV)/.dev ## tests with the oldest and the newest allowed versions; needs the package index
	$(STRICT) $(BIN)/python -m pytest tests/bounds -m bounds

test-engines: $(VENV)/.dev ## evaluations on real engines; installs ray, fetches Slurm (Debian, Ubuntu)
	$(PIP) --no-build-isolation -e plugins/serbench-ray
	$(STRICT) $(BIN)/python -m pytest tests/engines -m "engines and not faults and not slow"

faults: $(VENV)/.dev ## kill evaluations at random moments, and go on; installs ray, fetches Slurm
	$(PIP) --no-build-isolation -e plugins/serbench-ray
	$(STRICT) $(BIN)/python -m pytest -m faults

check: $(VENV)/.dev site ## format, lint, types (Linux, Windows, macOS), import layers, generated pages, the site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	$(BIN)/serbench leaderboard build --check

site: $(VENV)/.dev ## the documentation as pages, in build/site; every broken link is an error
	$(BIN)/python -m sphinx -c docs -b html -d build/doctrees \
		-E -a -W --keep-going -n --quiet . build/site

format: $(VENV)/.dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## benchmarks: no ratio may fall far below what it was
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only -m "" $(BENCH)

docs: $(VENV)/.dev ## write the generated pages anew
	$(BIN)/python docs/generate.py
	$(BIN)/serbench leaderboard build

clean: ## remove the environment and what tools left behind
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .benchmarks
