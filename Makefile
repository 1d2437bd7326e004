# The commands of the project; `make help` lists them. All state lives in .venv.

PYTHON ?= $(shell command -v python3 || command -v python)
BIN := .venv/bin
PRESET ?=
LAB_FLAGS ?= $(if $(filter 0,$(shell id -u)),--allow-root)
INSTALL_FLAGS := $(if $(PRESET),--preset $(PRESET))

.DEFAULT_GOAL := help
.PHONY: help install lab test test-unit test-integration test-short test-browser test-jupyter-ai
.PHONY: test-long pictures smoke bench bench-chat bench-completion lint lock uninstall

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

test: test-unit test-integration test-short test-browser test-jupyter-ai ## Run all tests (a real engine, kernel and browser)

test-unit: .test-env ## Run the unit tests only (seconds)
	@$(BIN)/python -m pytest tests/unit -q -n 2

test-integration: .test-env
	@# Two at once, a file of tests each: most of them wait for processes and deadlines.
	@$(BIN)/python -m pytest tests/integration -q -n 2 --dist loadfile --no-loadscope-reorder

test-short: .test-env
	@# What `make test-long` runs, in seconds instead of an hour.
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest tests/long -q -n 2 --dist loadfile

test-long: .test-env ## Faults, load and what leaves the machine, at full length (about an hour)
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest tests/long tests/integration/lab/test_doors_session.py \
		-v --long --figures=build/figures.json

test-browser: .test-env
	@$(BIN)/python -m tests.browser.chromium
	@# Two pages at once, each with a JupyterLab and an engine of its own.
	@$(BIN)/python -m pytest tests/browser -q -n 2 --dist loadfile

test-jupyter-ai: .test-env ## Test Jupyter AI 2 and Jupyternaut, each in an environment of its own
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest tests/peers -q -n 2 --dist loadfile

pictures: .test-env ## Take the pictures of the documentation again (maintainers)
	@$(BIN)/python -m tests.browser.chromium
	@# Each file by itself: no picture shows what another's tests have left open.
	@for file in $$(grep -l picture: tests/browser/test_*.py); do \
		$(BIN)/python -m pytest $$file -q --pictures=docs/images || exit 1; done

.PHONY: .test-env
.test-env:
	@$(PYTHON) bootstrap.py --tests --env-only

lint: .test-env ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python labextension/build.py --check

bench: .test-env ## Measure the figures that the docs name
	@$(BIN)/python -m benchmarks

bench-chat: .test-env ## Measure the chat beside Jupyternaut, %%ai beside Jupyter AI's, /learn and /ask
	@$(BIN)/python -m benchmarks chat magic learn

bench-completion: .test-env ## Measure ghost text in a real browser, beside its peers
	@$(BIN)/python -m benchmarks ghost

LOCK := uv pip compile --quiet --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate
OLDEST := --python-version 3.10

lock: ## Pin the newest versions again (maintainers; needs uv)
	$(LOCK) $(OLDEST) --upgrade pyproject.toml --extra all --group build -o requirements/lab.txt
	$(LOCK) $(OLDEST) --upgrade pyproject.toml --extra all --group build --group test \
		-c requirements/lab.txt -o requirements/test.txt
	$(LOCK) $(OLDEST) --upgrade --group bootstrap -o requirements/bootstrap.txt
	@# Jupyternaut needs Python 3.11.
	$(LOCK) --python-version 3.11 --upgrade pyproject.toml --extra all --group build \
		--group jupyternaut -o requirements/jupyternaut.txt
	$(LOCK) $(OLDEST) --upgrade pyproject.toml --extra engine --group build \
		--group jupyter-ai-2 -o requirements/jupyter-ai-2.txt

uninstall: ## Undo what the set-up changed, then remove .venv
	@if [ -x $(BIN)/jupyter-assistant ]; then LOCAL_ASSISTANT_CHECKOUT=1 $(BIN)/jupyter-assistant uninstall; fi
	@rm -rf .venv && echo "removed $(CURDIR)/.venv"
