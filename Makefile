# `make demo` and `make test` work on a fresh machine with Python >= 3.11 and make: the rest is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
WORKERS ?= 2

# what a new or an old release of a dependency could break: readers, writers, training, fits, laws, symbols
QUICK := tests/test_layers.py tests/test_checks.py tests/test_files.py tests/test_interrupts.py tests/cli/test_main.py \
         tests/cli/test_simulate.py tests/spectra tests/training/test_recorder.py tests/laws/test_protocol.py \
         tests/symbolic/test_parse.py tests/report/test_ensemble.py tests/hostile/test_exploits.py \
         tests/hostile/test_stores.py

.PHONY: demo test test-full durations mutants lint house types bench bench-check docs newest oldest clean help
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

demo: $(STAMP)  ## train small ensembles, infer their temperatures, write demo/report.html (two minutes)
	$(BIN)/coulombgas demo --out demo --overwrite

# The tests and the pages keep the programs that JAX compiles: two workers, the programs that tests start, and the next
# run find them there. `make clean` removes them; the durations and the benchmarks do without. Compiled modules are kept
# too, even where the environment says otherwise.
test test-full docs: export JAX_COMPILATION_CACHE_DIR ?= $(CURDIR)/.cache/jax
test test-full docs: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS ?= 0
test test-full docs: export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES ?= -1
# an entry that another process is just writing is compiled once more
test test-full docs: export PYTHONWARNINGS ?= ignore:Error reading persistent compilation cache entry
test test-full docs: export PYTHONDONTWRITEBYTECODE =

# The quick form compiles without optimisation; `test-full` and `docs` use the compiler as users do, unless told.
test: $(STAMP)  ## the test suite, statistical checks in their reduced form
	XLA_FLAGS="$${XLA_FLAGS-$$($(BIN)/python tests/compiler.py)}" OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal tests

test-full: $(STAMP)  ## the statistical checks at full size (hours; PARTS="theory dmft" for some)
	WORKERS=$(WORKERS) $(BIN)/python tests/full.py $(PARTS)

durations: $(STAMP)  ## the test suite once more, and where its time goes; kept in docs/benchmarks/durations.json
	WORKERS=$(WORKERS) $(BIN)/python tests/durations.py $(LABEL)

mutants: $(STAMP)  ## how many changes of the numerical code its tests notice (long)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/mutation_numerical.py --named
	OPENBLAS_NUM_THREADS=1 $(BIN)/python tests/mutation_numerical.py

lint: $(STAMP)  ## style, banned imports, formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

house: $(STAMP)  ## counts of the house: cycles, private imports, long functions, synonyms
	$(BIN)/python tests/house.py

types: $(STAMP)  ## static types
	$(BIN)/basedpyright

bench: $(STAMP)  ## every benchmark, as ratios measured side by side; tables to docs/benchmarks/results.json
	$(BIN)/python tests/benchmarks/run.py $(BENCH)

bench-check: $(STAMP)  ## the benchmarks again, and which ratios fell since (BENCH="sizes laws" for some)
	$(BIN)/python tests/benchmarks/run.py --check $(BENCH)

docs: $(STAMP)  ## build docs/_build/html; warnings are errors, the code in the pages runs
	$(BIN)/sphinx-build -W --keep-going -q -j 2 -b html docs docs/_build/html
	$(BIN)/python docs/check_site.py docs/_build/html

newest:  ## the quick tests against the newest release of every dependency, unconstrained
	rm -rf .venv-newest
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade pip
	.venv-newest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]'
	OPENBLAS_NUM_THREADS=1 .venv-newest/bin/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" $(QUICK)

oldest:  ## the quick tests against the lower bounds of pyproject.toml
	rm -rf .venv-oldest
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --upgrade pip
	.venv-oldest/bin/python .ci/lower_bounds.py dev > .venv-oldest/lower_bounds.txt
	.venv-oldest/bin/python -m pip install --quiet --constraint .venv-oldest/lower_bounds.txt --editable '.[dev]'
	OPENBLAS_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not slow" \
		-W ignore::DeprecationWarning $(QUICK)  # old releases warn of what newer ones of others took away

clean:  ## remove what the targets made
	rm -rf $(VENV) .venv-newest .venv-oldest .cache demo docs/_build docs/api/generated build dist
