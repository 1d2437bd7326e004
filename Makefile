# The commands of the project; `make help` lists them. All state lives in .venv.

PYTHON ?= $(shell command -v python3 || command -v python)
BIN := .venv/bin
PRESET ?=
LAB_FLAGS ?= $(if $(filter 0,$(shell id -u)),--allow-root)
INSTALL_FLAGS := $(if $(PRESET),--preset $(PRESET))

.DEFAULT_GOAL := help
.PHONY: help install lab test test-unit test-integration test-browser smoke bench lint lock uninstall

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

install: ## Set everything up (run it again at any time; PRESET=small also downloads models)
	@$(PYTHON) bootstrap.py $(INSTALL_FLAGS)

lab: ## Set up what is missing, then open JupyterLab with the assistant ready
	@# Exit 1: a part does not work, and it was said. JupyterLab opens all the same.
	@$(PYTHON) bootstrap.py --quiet $(INSTALL_FLAGS) || [ $$? -eq 1 ]
	@PATH="$(CURDIR)/$(BIN):$$PATH" exec $(BIN)/jupyter-lab $(LAB_FLAGS)

smoke: ## Ask the configured models one question each, through every layer
	@$(PYTHON) bootstrap.py --quiet || [ $$? -eq 1 ]
	@$(BIN)/jupyter-assistant smoke

test: test-unit test-integration test-browser ## Run all tests (a real engine, kernel and browser)

test-unit: .test-env ## Run the unit tests only (seconds)
	@$(BIN)/python -m pytest tests/unit -q

test-integration: .test-env
	@$(BIN)/python -m pytest tests/integration -q

test-browser: .test-env
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest tests/browser -q

.PHONY: .test-env
.test-env:
	@$(PYTHON) bootstrap.py --tests --env-only

lint: .test-env ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: .test-env ## Measure the figures that the docs name
	@$(BIN)/python -m benchmarks

LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.10 \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: ## Pin the newest versions again (maintainers; needs uv)
	$(LOCK) --upgrade pyproject.toml --extra all --group build -o requirements/lab.txt
	$(LOCK) --upgrade pyproject.toml --extra all --group build --group test \
		-c requirements/lab.txt -o requirements/test.txt
	$(LOCK) --upgrade --group bootstrap -o requirements/bootstrap.txt

uninstall: ## Undo what the set-up changed, then remove .venv
	@if [ -x $(BIN)/jupyter-assistant ]; then $(BIN)/jupyter-assistant uninstall; fi
	@rm -rf .venv
