# evbilling: `make` lists what can be done. Works on a bare Debian 12: what is missing is installed or named.

PYTHON ?= python3
VENV := .venv/bin
PIP := $(VENV)/python -m pip install --quiet --disable-pip-version-check --only-binary :all:
stamp = .venv/.$(1)-$(shell cat $(2) | sha256sum | cut -c1-12)
RUNTIME := $(call stamp,runtime,requirements.txt)
TOOLS := $(call stamp,tools,requirements.txt requirements-dev.txt)
CHECKS := style format types imports templates migrations deployment
SOURCES := $(wildcard evbilling portal api gateway revenue billing charging tariffs stations accounts pricing fakestripe demo tests benchmarks)

# As settings see it in production, where `check --deploy` has to be silent.
PRODUCTION := SECRET_KEY=$$(head -c 48 /dev/urandom | base64) BASE_URL=https://charging.example \
	ALLOWED_HOSTS=charging.example DATABASE_URL=postgresql://evbilling@database.example/evbilling \
	REDIS_URL=redis://queue.example/0 PAYMENTS_MODE=live STRIPE_LIVE_SECRET_KEY=sk_live_not_used \
	EMAIL_URL=smtp://mail.example STATIC_MANIFEST=1

headline = @printf '\n== %s\n' '$(HEADLINE)';

.DEFAULT_GOAL := help
.PHONY: help run test check bench fuzz chaos requirements clean-run packages-run packages-test $(CHECKS:%=check-%)

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME)  ## everything on this machine, with a demo world; Ctrl-C ends it, a second start keeps the data
	@$(VENV)/python -m evbilling.embedded.run

test: $(TOOLS) packages-test check  ## the checks, then all tests, browser included
	@$(VENV)/python -m pytest -n 2 $(ARGS)

check: $(TOOLS)  ## style, types, import order, templates, migrations, production settings
	@$(MAKE) --no-print-directory --keep-going $(CHECKS:%=check-%)

check-style: HEADLINE = ruff: style and traps
check-style:
	$(headline) $(VENV)/ruff check .

check-format: HEADLINE = ruff: format
check-format:
	$(headline) $(VENV)/ruff format --check .

check-types: HEADLINE = mypy: types
check-types:
	$(headline) $(VENV)/mypy $(SOURCES)

check-imports: HEADLINE = import-linter: no room imports from above
check-imports:
	$(headline) $(VENV)/lint-imports --no-cache

check-templates: HEADLINE = djlint: templates
check-templates:
	$(headline) $(VENV)/djlint --quiet --lint templates && $(VENV)/djlint --quiet --check templates

check-migrations: HEADLINE = migrations: none is missing
check-migrations:
	$(headline) $(VENV)/python manage.py makemigrations --check --dry-run

check-deployment: HEADLINE = deployment: no warning with production settings
check-deployment:
	$(headline) $(PRODUCTION) $(VENV)/python manage.py check --deploy --fail-level WARNING

bench: $(RUNTIME)  ## measure everything; results in .run/bench/
	@for file in benchmarks/[a-z]*.py; do $(VENV)/python -m benchmarks.$$(basename $$file .py) || exit 1; done

bench-%: $(RUNTIME)  ## measure one thing, for example `make bench-pricing`
	@$(VENV)/python -m benchmarks.$* $(ARGS)

fuzz: $(TOOLS)  ## long random runs of the property tests
	@FUZZ_PAIRS=1000000 $(VENV)/python -m pytest tests/pricing/test_reference.py -m fuzz -s $(ARGS)

chaos: $(TOOLS)  ## ten minutes of 200 stations with processes and PostgreSQL killed at random, then all is verified
	@$(VENV)/python -m tests.chaos $(ARGS)

requirements: $(TOOLS)  ## pin requirements*.in anew
	@$(PIP) pip-tools
	@for name in requirements requirements-dev; do \
		$(VENV)/pip-compile --quiet --upgrade --strip-extras --no-header --no-annotate --output-file $$name.txt $$name.in; done

clean-run:  ## delete .run/: the local database, files and logs (asks first)
	@printf 'Delete .run with the local database and all documents in it? Type yes: '; read answer; \
	if [ "$$answer" = yes ]; then rm -rf .run && echo "Gone."; else echo "Kept."; fi

# A stamp's name holds the hash of what was installed: an unchanged file costs nothing, a changed one installs anew.
$(RUNTIME): | .venv/pyvenv.cfg packages-run
	@echo "Installing what evbilling runs on (once) ..."
	@$(PIP) -r requirements.txt
	@rm -f .venv/.runtime-*; touch $@

$(TOOLS): | $(RUNTIME)
	@echo "Installing what its checks and tests need (once) ..."
	@$(PIP) -r requirements-dev.txt
	@rm -f .venv/.tools-*; touch $@

.venv/pyvenv.cfg: | packages-run
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"evbilling needs Python 3.11 or newer; $(PYTHON) is {sys.version.split()[0]}. Type: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv

packages-run packages-test: packages-%:
	@$(PYTHON) -m evbilling.embedded.packages $*
