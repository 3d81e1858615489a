# make demo and make test are all that a new user needs; each sets up .venv by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# The engine is compiled afterwards (ENGINE): the installation itself would need Numba a second time for it
INSTALL = GLASSNET_BUILD=no $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install) --quiet
DATA ?=
TEST ?=
OUT = demo
QUICK ?=
PARTS ?=
N ?=
KIND ?=

# Test workers, one a core, must not start more threads of their own
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo tables wheel test test-all test-slow test-restricted crash fuzz attack audit lint bench comparison docs docs-code examples clean help torch jax

help:  ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s  %s\n", $$1, $$2 }' Makefile

# Compile the fused engine for this processor, unless it is; otherwise it is compiled at its first use
ENGINE = @$(BIN)/python -m glassnet.engines.fused.build || true

demo: $(VENV)/.installed  ## train, evaluate and draw a network; DATA=… TEST=… TARGET=… for your own files
	$(ENGINE)
ifeq ($(strip $(DATA)),)
	$(BIN)/glassnet train --out "$(OUT)/digits.glassnet"
	$(BIN)/glassnet evaluate "$(OUT)/digits.glassnet"
	$(BIN)/glassnet plot "$(OUT)/digits.glassnet" --out "$(OUT)/plots"
	@echo
	@echo "written:"
	@echo "  $(OUT)/digits.glassnet"
	@find "$(OUT)/plots" -type f -newer "$(OUT)/digits.glassnet" | sort | sed 's/^/  /'
	@echo "what to try next:"
	@echo "  $(BIN)/glassnet show $(OUT)/digits.glassnet        what is inside the model"
	@echo "  $(BIN)/glassnet train --hidden 32 --activation tanh  another network"
	@echo "  make demo DATA=mine.csv TEST=held_out.csv TARGET=price   your own files"
	@echo "  docs/walkthrough.md                                  how it works, step by step"
else
	$(BIN)/glassnet train "$(DATA)" $(if $(strip $(TEST)),--test "$(TEST)") $(if $(strip $(TARGET)),--target "$(TARGET)") --out "$(OUT)/model.glassnet"
	$(BIN)/glassnet evaluate "$(OUT)/model.glassnet" "$(if $(strip $(TEST)),$(TEST),$(DATA))"
	$(BIN)/glassnet plot "$(OUT)/model.glassnet" --data "$(if $(strip $(TEST)),$(TEST),$(DATA))" --out "$(OUT)/plots"
	@echo
	@echo "written:"
	@echo "  $(OUT)/model.glassnet"
	@find "$(OUT)/plots" -type f -newer "$(OUT)/model.glassnet" | sort | sed 's/^/  /'
	@echo "what to try next:"
	@echo "  $(BIN)/glassnet show $(OUT)/model.glassnet           what is inside the model"
	@echo "  $(BIN)/glassnet predict $(OUT)/model.glassnet FILE   the target of new rows"
	@echo "  $(BIN)/glassnet train --help                         everything that can be set"
endif

# Bytecode is kept between the many processes that the tests start
PYTEST := PYTHONDONTWRITEBYTECODE= $(ONE_THREAD) $(BIN)/python -m pytest -n auto --dist worksteal

wheel: $(VENV)/.installed  ## a wheel in dist/ with the fused engine for every processor of this kind
	GLASSNET_BUILD=all $(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

test: $(VENV)/.dev  ## the tests, without the slow ones: under five minutes on two cores
	$(if $(filter true 1,$(CI) $(TORCH)),$(MAKE) torch)
	$(ENGINE)
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.dev  ## the slow tests alone: whole sweeps, benchmarks, kills, many broken files
	$(PYTEST) -m slow

test-all: test test-slow  ## every test

# The numerical tests as on a processor with AVX2 and without AVX-512 (x86-64 only): BLAS, NumPy and compiled code
AVX2_ONLY = OPENBLAS_CORETYPE=Haswell GLASSNET_PROCESSOR=x86-64-v3 \
	NPY_DISABLE_CPU_FEATURES="$$($(BIN)/python -c 'from numpy._core._multiarray_umath import __cpu_dispatch__ as names; \
	print(*[name for name in names if "AVX512" in name or name == "X86_V4"])')"
NUMERICAL := tests/network tests/engines tests/training/test_training.py tests/estimators/test_lbfgs.py \
	tests/estimators/test_sklearn_training.py tests/estimators/test_precision.py
test-restricted: $(VENV)/.dev  ## the numerical tests as on an AVX2 processor
	$(AVX2_ONLY) $(PYTEST) -m "not slow" $(NUMERICAL)

crash: $(VENV)/.dev  ## kill trainings 50 times each, fill disks, tear checkpoints; each ends in the same bits
	$(ONE_THREAD) GLASSNET_KILLS=50 $(BIN)/python -m pytest tests/training/checkpoints/crash -s

fuzz: $(VENV)/.dev  ## break 100,000 model files and 20,000 of each other format; N=… for another count, KIND="csv idx" for some
	$(ONE_THREAD) $(BIN)/python -m tests.fuzz $(KIND) $(if $(N),--n $(N))

attack: $(VENV)/.dev  ## try known attacks on a server and files of its own; KIND="work: tables:" for some
	$(ONE_THREAD) $(BIN)/python -m tests.attack $(KIND)

audit: $(VENV)/.dev  ## ask PyPI for known weaknesses of what is needed to run
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit .

lint: $(VENV)/.dev  ## ruff and mypy --strict
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy --strict

bench: $(VENV)/.dev torch jax  ## everything claimed about speed, measured here; QUICK=1, PARTS="epoch peak", DATA=…
	$(BIN)/python benchmarks $(PARTS) $(if $(strip $(QUICK)),--quick) $(if $(strip $(DATA)),--data "$(DATA)")

comparison: $(VENV)/.dev  ## scores on real tables beside scikit-learn's; writes the tables of docs/comparison.md
	$(BIN)/python benchmarks comparison

tables: $(VENV)/.dev  ## scores of `glassnet train FILE` on real tables; writes the table of docs/tables.md
	$(BIN)/python benchmarks tables

docs: $(VENV)/.dev  ## build the documentation site into site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-code: $(VENV)/.dev  ## run every line of code in the documentation, which make test does too
	$(ONE_THREAD) $(BIN)/python -m pytest tests/test_docs.py

examples: $(VENV)/.dev  ## run the examples; their pictures go to demo/examples
	@mkdir -p "$(OUT)/examples"
	@for example in examples/*.py; do \
		$(BIN)/python $$example --out "$(OUT)/examples/$$(basename $$example .py).png" || exit 1; done

clean:  ## remove everything that was made
	rm -rf $(VENV) bench demo dist build site .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# PyTorch is what the tests and benchmarks compare with; users never need it. pip knows its local wheels, uv does not
torch: $(VENV)/.dev
	@$(BIN)/python -c "import torch" 2>/dev/null || $(BIN)/python -m pip install --quiet "torch==2.13.0" \
		|| echo "PyTorch can't be had here; the tests that compare with it are skipped"

# JAX is what the benchmarks compare with, and nothing else
jax: $(VENV)/.dev
	@$(BIN)/python -c "import jax" 2>/dev/null || $(BIN)/python -m pip install --quiet jax jaxlib \
		|| echo "JAX can't be had here; the benchmarks leave it out"

$(VENV)/.python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "glassnet needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python pyproject.toml src/glassnet/_version.py
	$(INSTALL) -e ".[build]"
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml src/glassnet/_version.py
	$(INSTALL) -e ".[dev]"
	@touch $@ $(VENV)/.installed
