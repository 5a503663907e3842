# Two commands do everything: `make demo` and `make test`. Needs Python 3.10 or newer; see README.md.
PYTHON ?= python3
VENV ?= .venv
SECONDS ?= 10
BIN = $(VENV)/bin
STAMP = $(VENV)/.swapcast

.PHONY: demo test check bench types sbom audit checksums clean
.DEFAULT_GOAL := demo

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "swapcast needs Python 3.10 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "no virtual environment could be made; on Debian: apt-get install -y python3-venv" >&2; exit 1; }

# The live product, without torch.
$(STAMP)-live: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# What the tests need. torch comes from the processor-only build where there is one: plain `torch` on
# Linux brings gigabytes of CUDA. TORCH="torch" asks for that build all the same.
TORCH ?=
$(STAMP)-test: $(STAMP)-live
	@if [ -n "$(TORCH)" ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH); \
	elif ! $(BIN)/python -c 'import torch' 2>/dev/null; then \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: --no-deps --dry-run 'torch==2.13.0+cpu' >/dev/null 2>&1 \
	  && $(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0+cpu' \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check torch --index-url https://download.pytorch.org/whl/cpu 2>/dev/null \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check torch; fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,openvino,screen,dev]'
	@touch $@

demo: $(STAMP)-live
	@$(BIN)/swapcast demo --seconds $(SECONDS) --out demo.mp4

test: $(STAMP)-test
	@$(BIN)/python -m pytest

# Lets mypy and editors see folder `kernels` as `swapcast.kernels`.
types:
	@mkdir -p .types/swapcast
	@for p in realtime export kernels models bench assets; do ln -sfn ../../$$p .types/swapcast/$$p; done

check: $(STAMP)-test types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -m 'not slow'

bench: $(STAMP)-live
	@$(BIN)/swapcast bench loop
	@$(BIN)/swapcast bench kernels

# What is in a release, whether it is known to be broken, and the sums by which it is recognised.
# The tools live in an environment of their own, so that they are not listed themselves.
TOOLS = build/tools
$(TOOLS)/bin/pip-audit:
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom pip-audit build

sbom: $(STAMP)-live $(TOOLS)/bin/pip-audit
	@mkdir -p dist
	@$(TOOLS)/bin/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json

audit: sbom
	@$(BIN)/python -m pip freeze --disable-pip-version-check --exclude-editable | sed "s/+cpu$$//" > dist/requirements.txt
	@$(TOOLS)/bin/pip-audit --strict --disable-pip --no-deps -r dist/requirements.txt

checksums: sbom
	@$(TOOLS)/bin/python -m build --quiet --outdir dist .
	@cd dist && sha256sum *.whl *.tar.gz sbom.cdx.json > SHA256SUMS && cat SHA256SUMS

clean:
	rm -rf $(VENV) .types build dist .pytest_cache .mypy_cache .ruff_cache
