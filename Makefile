# Two commands for a newcomer: `make demo` and `make test`. Both install what they need.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test test-all fuzz lint bench leaderboard clean

demo: $(INSTALLED)
	$(BIN)/iqa-eval demo

test: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

test-all: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

fuzz: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m hypothesis --hypothesis-profile=fuzz

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/iqa-eval leaderboard --check

bench: $(INSTALLED)
	for script in benchmarks/*.py; do $(BIN)/python -P $$script || exit 1; done

leaderboard: $(INSTALLED)
	$(BIN)/iqa-eval leaderboard

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	@echo "Installing (about 7 GB, a few minutes) ..."
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e ".[pyiqa,pretrain,test]"
	touch $@

clean:
	rm -rf .venv build *.egg-info results/demo results/run
