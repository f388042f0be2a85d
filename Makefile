# Two commands do everything on a fresh machine: `make demo` and `make test`.
# Needed beforehand: python3 with venv, make, a C++20 compiler, git.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PEERS  := $(VENV)/.peers-installed
NATIVE := $(shell find custom_ops fmpass/codecs -name '*.hpp' -o -name '*.cc' -o -name '*.h' -o -name 'CMakeLists.txt' -o -name '*.cmake' 2>/dev/null)

.PHONY: help install demo test lint types contracts check sanitize fuzz fuzz-models conformance test-runtimes wheel bench clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 18

$(STAMP): pyproject.toml $(NATIVE)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@echo "installing fmpass and building its operator library (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# What coders are measured beside; the tests do without.
$(PEERS): $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,bench]'
	@touch $@

install: $(STAMP) ## create .venv, build the native library

demo: install    ## rewrite and run the demo model, print the table
	@mkdir -p build
	@$(BIN)/fmpass rewrite models/demo.onnx -o build/demo.fm.onnx --data models/demo_samples.npz
	@$(BIN)/fmpass run build/demo.fm.onnx --data models/demo_samples.npz

test: install    ## the test suite (at most 10 minutes on two cores)
	$(BIN)/python -m pytest -n 2 --dist loadfile tests

lint: install    ## ruff, file lengths
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/python tests/file_lengths.py

types: install   ## static types, strict
	$(BIN)/basedpyright

contracts: install ## layers of imports
	$(BIN)/lint-imports

sanitize: install ## C++ tests under AddressSanitizer and UBSan
	$(BIN)/python custom_ops/tests/build.py --sanitize address,undefined --run

fuzz: install    ## libFuzzer on the decoder, 60 s
	$(BIN)/python custom_ops/tests/build.py --fuzz --seconds 60

fuzz-models: install ## mutated models through `fmpass rewrite`, 60 s
	$(BIN)/python tests/fuzz/fuzz_models.py --seconds 60

conformance: install ## all backend test cases of onnx, rewritten and compared bit for bit (three minutes)
	$(BIN)/python benchmarks/conformance.py --operators

test-runtimes: install ## operator tests, one virtual environment per onnxruntime version
	$(BIN)/python tests/runtimes.py 1.18 1.20 1.23 newest

wheel: install   ## build the wheel, install it into an empty environment, run the doctor
	$(BIN)/python tests/wheel.py

check: lint types contracts sanitize wheel ## everything CI runs besides the tests

bench: $(PEERS)  ## the numbers of the README
	$(BIN)/python benchmarks/models.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/coders.py

clean:           ## remove what was built
	rm -rf build .venv fmpass/_native/*.so
