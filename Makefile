# make sandbox | test | run | doctor | check | audit | sbom | bench | soak | lock     (README.md explains each)
# Every target makes the virtual environment it needs: Python >= 3.11 and make are all that a machine must have.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help sandbox run doctor test lint types audit sbom check bench soak lock clean

help:
	@echo "make sandbox   talk with the bot in a browser page: no account, no key"
	@echo "make test      run the tests"
	@echo "make run       run the bot for real, with the settings in .env"
	@echo "make doctor    check the settings, the token, the models and the database"
	@echo "make check     format, lint, types, audit and tests: the only gate"
	@echo "make audit     ask for known vulnerabilities of the locked packages"
	@echo "make sbom      print the bill of materials (CycloneDX) of the locked packages"
	@echo "make bench     reproducible measurements"
	@echo "make soak      kill it everywhere, then 15 minutes of faults at random (MINUTES=, SEED=)"

sandbox: $(VENV)/.installed-sandbox
	@exec $(BIN)/python -m bot sandbox

run: $(VENV)/.installed-runtime
	@exec $(BIN)/python -m bot run

doctor: $(VENV)/.installed-runtime
	@$(BIN)/python -m bot doctor

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	@$(BIN)/mypy

audit: $(VENV)/.installed-dev
	@$(BIN)/python tools/audit.py $(BIN)/pip-audit requirements.txt

check: lint types audit test

sbom: $(VENV)/.installed-dev
	@$(BIN)/python tools/sbom.py requirements.txt

bench: $(VENV)/.installed-dev
	@$(BIN)/python -m benchmarks

soak: $(VENV)/.installed-dev
	@PARLEY_WHOLE_MATRIX=1 $(BIN)/python -m pytest -q tests/wire/test_failpoints.py
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV)

# A stamp per set of packages; tools/install says one clear line when something is missing.
$(VENV)/.installed-runtime: requirements.txt
	@tools/install "$(PYTHON)" "$(VENV)" $< $@

$(VENV)/.installed-sandbox: requirements-sandbox.txt
	@tools/install "$(PYTHON)" "$(VENV)" $< $@

$(VENV)/.installed-dev: requirements-dev.txt
	@tools/install "$(PYTHON)" "$(VENV)" $< $@

# Hash-pinned for every platform and Python; the files name no package index. Needs uv.
COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
          --no-emit-find-links --no-header --no-annotate pyproject.toml
lock:
	$(COMPILE) --extra sandbox --extra dev -o requirements-dev.txt
	$(COMPILE) --extra sandbox -c requirements-dev.txt -o requirements-sandbox.txt
	$(COMPILE) -c requirements-dev.txt -o requirements.txt
