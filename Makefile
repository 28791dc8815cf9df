# `make demo` and `make test` do all set-up themselves. See README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST_PACKAGES := mmdebstrap systemd-container openssh-client openssh-server openssl iproute2 util-linux curl jq
TEST_PACKAGES := chromium sudo

.PHONY: help install demo test lint tidy runbook bench clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile

install: $(BIN)/.installed ## .venv with locked versions; as root also the host packages that the lab needs

$(BIN)/.installed: requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh tests/set-up.sh $(HOST_PACKAGES)
	@touch $@

demo: install ## the main job on the practice platform, from the table to sealed records
	@$(BIN)/python -m opsguide_lab.demo

test: install ## everything: rules, wire, lab, notebooks; as root also the host packages that only tests need
	@sh tests/packages.sh $(TEST_PACKAGES)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: install ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

tidy: install ## mend the form of code and runbooks
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .
	@$(BIN)/python tests/tidy_notebooks.py runbooks

runbook: install ## a runbook to fill in, from its scope: make runbook ACTIVITY=slug
	@$(BIN)/python tests/new_runbook.py "$(ACTIVITY)"

bench: install ## figures as ratios against named peers in the same run
	@$(BIN)/python -m benchmarks

clean: ## take the lab down and remove the virtual environment
	@test "$$(id -u)" != 0 || test ! -x $(BIN)/opsguide || $(BIN)/opsguide lab down
	@rm -rf $(VENV)
