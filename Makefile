# Everything a newcomer needs: `make demo` and `make test` on a machine that has Python >= 3.10, pip and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-real fuzz default-model check format clean

.venv/.done: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "emotone needs Python 3.10 or newer; name one: make demo PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	@# torch first and pinned: anything else would bring the newest build with gigabytes of CUDA. PyTorch's own index has
	@# the build for processors (2.13.0+cpu sorts before 2.13.0); where it cannot be reached, the usual one serves.
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch \
	  --extra-index-url https://download.pytorch.org/whl/cpu --retries 1 --timeout 20
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,encoders,vision,media,parquet,live,dev]'
	@touch $@

demo: .venv/.done  ## synthetic speech -> train -> compare -> report -> predict
	$(BIN)/emotone demo

test: .venv/.done  ## every test but the long ones on real corpora
	$(BIN)/python -m pytest -q -n 2

test-real: .venv/.done  ## long measurements on real corpora; EMOTONE_DATA names their folder
	$(BIN)/python -m pytest -q -m real

# Examples per test, and a seed that is another one each day: make fuzz EXAMPLES=500 SEED=1
EXAMPLES ?= 60
SEED ?= $(shell date +%Y%m%d)

fuzz: .venv/.done  ## thousands of random arguments, damaged files and odd names; prints their number and the seed
	EMOTONE_FUZZ=$(EXAMPLES) $(BIN)/python -m pytest -q -n 2 tests/fuzz --hypothesis-seed=$(SEED)
	@! $(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m scripts.fuzz_headers -seed=$(SEED) -runs=100000

# Checkpoints that are not in the Hugging Face cache: make default-model CHECKPOINTS='--checkpoint default=FOLDER'
default-model: .venv/.done  ## the models that come with emotone, from corpora and Whisper checkpoints; continues where it stopped
	$(BIN)/python -m scripts.shipped_model.build $(CHECKPOINTS)
	$(BIN)/python -m scripts.speech_gate.fit
	$(BIN)/python -m scripts.shipped_model.page

check: .venv/.done  ## what must be clean before a change goes in: style, layers, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: .venv/.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .mypy_cache .import_linter_cache
