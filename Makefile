# One file for the daily work: `make` lists what it can do.
# Every target sets up .venv by itself, from requirements.lock, and only when that or pyproject.toml has changed.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
READY := $(VENV)/.ready

RUN := reports/shop#       where `make run` writes
ARGS :=#                   more arguments for `make run` and `make api`, e.g. ARGS="-p seed 8"
DB := reports/shop/shop.db# what `make api` serves
LESSONS := reports/lessons# where `make lessons` writes
BEHAVIOUR := eu#          of the shops of `make lessons`: a name or a file, e.g. BEHAVIOUR=mine.toml
WORKERS := 2#              processes of `make test`
PORT =#                    where `make api` (8000), `make dashboard` (8866) and `make docs-serve` (8200) listen
SERVICES := .venv-services#  what `make services` makes
TAG :=#                    the version that `make dist` and `make notes` must be for, e.g. TAG=v0.1.0
ADDRESS :=#                where README of `make dist` finds the project's files, e.g. ADDRESS=https://github.com/OWNER/NAME
UPGRADE :=#                `make lock UPGRADE=1` takes the newest versions of all packages
PYTHONS :=#                Pythons of `make wheel` other than that of .venv, e.g. PYTHONS="python3.12 python3.13"
NB = $(CHAPTERS)#          notebooks of `make outputs`, e.g. NB=nbs/20_quality/01_validate.ipynb

CHAPTERS = nbs/index.ipynb nbs/evidence/certificate.ipynb nbs/evidence/engines.ipynb $(wildcard nbs/[0-9]*/*.ipynb nbs/lessons/*.ipynb nbs/lessons/*/*.ipynb)
EXECUTE = $(PY) -m nbconvert --to notebook --execute --inplace --log-level WARN --ExecutePreprocessor.timeout=1800
NBVAL = --nbval --nbval-current-env --nbval-sanitize-with nbs/sanitize.cfg --nbval-cell-timeout 300

# in the shell variable python: the first that is new enough
define FIND
for python in $(PYTHON) python3.11 python3.12 python3.13 python3 python; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
done; \
if [ -z "$$python" ]; then \
  echo "Python 3.11 or newer is needed and was not found on PATH." >&2; \
  echo "Install it, or name one: make install PYTHON=/path/to/python3.11" >&2; exit 1; \
fi; \
if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
  echo "$$python has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; \
fi
endef

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export JUPYTER_PREFER_ENV_PATH := 1
export PYTHONUTF8 := 1

.PHONY: help install export readme outputs run verify api dashboard lessons lab test soak check wheel docs docs-serve bench peers pools effects services image up down dist notes hooks lock clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(READY) ## make .venv with the exact versions of requirements.lock
	@echo "Ready: $$($(PY) --version) in $(VENV)"

$(READY): requirements.lock pyproject.toml
	@set -e; $(FIND); $$python scripts/alone.py $(VENV).lock $(MAKE) environment

# one at a time: whoever waited for another make may find the work done
environment:
	@if [ $(READY) -nt requirements.lock ] && [ $(READY) -nt pyproject.toml ]; then exit; fi; \
	set -e; $(FIND); \
	if ! $(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	  rm -rf $(VENV); $$python -m venv $(VENV); \
	fi; \
	echo "Installing requirements.lock into $(VENV): this takes a few minutes the first time"; \
	$(PY) -m pip -qq install -r requirements.lock; \
	$(PY) -m pip -qq install --no-deps --no-build-isolation --editable .; \
	touch $(READY)

export: $(READY) ## write shop_nb/*.py and README.md from the notebooks
	@$(BIN)/nbdev-clean
	@$(BIN)/nbdev-export
	@$(PY) scripts/readme.py

readme: $(READY) ## write README.md from nbs/index.ipynb
	@$(PY) scripts/readme.py

outputs: $(READY) ## run notebooks top to bottom in a fresh kernel and store what they show (NB=nbs/20_quality/01_validate.ipynb for one)
	@$(BIN)/nbdev-export
	@set -e; for nb in $(NB); do echo "$$nb"; $(EXECUTE) "$$nb"; done
	@$(MAKE) export

run: $(READY) ## run the whole pipeline: make, check, load, analyse and profile a shop in reports/shop (RUN=folder, ARGS="-p seed 8")
	@$(BIN)/shop-nb run --out $(RUN) $(ARGS)

api: $(READY) ## serve the database of a run over HTTP: http://127.0.0.1:8000/docs (DB=file, PORT=number, ARGS="--workers 2")
	@[ -e $(DB) ] || [ $(DB) != reports/shop/shop.db ] || $(MAKE) run
	@$(BIN)/shop-nb api --db $(DB) --port $(or $(PORT),8000) $(ARGS)

verify: $(READY) ## make the tables of a run again and compare them (RUN=folder)
	@$(BIN)/shop-nb verify $(RUN)

lessons: $(READY) ## write the lessons for a class, without solutions and outputs: reports/lessons (LESSONS=folder, BEHAVIOUR=us)
	@$(PY) scripts/lessons.py "$(LESSONS)" "$(BEHAVIOUR)"

lab: $(READY) ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab nbs --LabApp.default_url=/lab/tree/index.ipynb

dashboard: $(READY) ## serve the dashboard of reports/shop, which is made first if needed (RUN=folder, PORT=8866)
	@[ -e $(RUN)/manifest.json ] || $(MAKE) run
	@$(BIN)/shop-nb dashboard $(RUN) --port $(or $(PORT),8866)

soak: $(READY) ## test as before a release: many seeds, and for the service random requests, races, kills, long load; files that a fuzzer makes (hours)
	@TEST_FULL=1 $(PY) -m pytest -s tests/app/test_run.py::test_an_ended_run_ends_its_kernel tests/generator/test_parameters.py tests/analytics/test_absent.py tests/model/test_absent.py tests/dashboard/test_absent.py tests/generator/test_settings_take_effect.py tests/realism/test_scorecard.py tests/realism/test_markets.py tests/course/test_lessons.py tests/dashboard/test_page.py::test_it_is_for_everyone tests/dashboard/test_page.py::test_peaks_have_room tests/dashboard/test_page.py::test_every_amount_has_the_sign_of_the_shop_and_room tests/shop/test_crashes.py tests/shop/test_lakes.py tests/imports/test_crashes.py tests/database/test_postgresql.py tests/database/test_mysql.py tests/database/test_own_sql.py tests/database/test_appends.py tests/database/test_append.py tests/database/test_postgresql_append.py tests/database/test_duckdb.py tests/feeds/test_feed_files.py tests/shop/test_incidents.py tests/reporting/test_pages.py tests/imports/test_poison.py tests/imports/test_contract.py tests/history/test_replay.py tests/audit/test_audit.py tests/feeds/test_stream.py tests/formats/test_damage.py tests/project/test_dlt.py tests/project/test_docs.py::test_what_is_shown_works tests/api/test_app_openapi.py::test_schemathesis tests/api/test_app_hostile.py::test_injection tests/api/test_app_model.py tests/api/test_app_races.py tests/api/test_app_soak.py
	@TEST_FULL=1 TEST_MYSQL=mysql $(PY) -m pytest -s tests/database/test_mysql.py tests/database/test_appends.py tests/database/test_own_sql.py tests/database/test_views.py
	@$(PY) scripts/fuzz.py

check: $(READY) ## run the fast part of `make test`: clean notebooks, library and README up to date, quick tests
	@$(PY) scripts/tools.py
	@$(PY) -m pytest -q -m "not slow" tests

test: $(READY) ## run every test, and compare every stored output of the notebooks with a fresh run
	@$(PY) scripts/tools.py
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(NBVAL) tests $(CHAPTERS)

wheel: $(READY) ## build the wheel, install it into an empty environment from the package index, and use it there
	@$(PY) scripts/package.py $(PYTHONS)

docs: $(READY) ## build the documentation, which needs no network: _docs/index.html
	@$(PY) scripts/docs.py

docs-serve: $(READY) ## build the documentation and serve it on this machine: http://127.0.0.1:8200 (PORT=number)
	@$(PY) scripts/docs.py --serve $(if $(filter command%,$(origin PORT)),--port $(PORT))

bench: $(READY) peers ## run the benchmark notebooks and store their figures (a quarter of an hour)
	@$(PY) scripts/tools.py
	@set -e; for nb in nbs/evidence/benchmarks*.ipynb; do echo "$$nb"; $(EXECUTE) "$$nb"; $(BIN)/nbdev-clean --fname "$$nb"; done

peers: .venv-peers/.ready ## install the generators that benchmarks compare with into .venv-peers

.venv-peers/.ready: scripts/peers.txt | $(READY)
	@$(PY) scripts/alone.py $(VENV).lock $(MAKE) peers-environment

peers-environment:
	@if [ .venv-peers/.ready -nt scripts/peers.txt ]; then exit; fi; \
	set -e; rm -rf .venv-peers; $(PY) -m venv .venv-peers; \
	.venv-peers/bin/python -m pip -qq install -r scripts/peers.txt; \
	touch .venv-peers/.ready

pools: $(READY) ## make the word pools in shop_nb/data again, by the notebooks in nbs/sources
	@$(PY) -m pip -qq install --no-build-isolation --editable '.[pools]'
	@set -e; for nb in nbs/sources/pools*.ipynb; do $(EXECUTE) $$nb; $(BIN)/nbdev-clean --fname $$nb; done

effects: $(READY) ## measure what each parameter moves, for the table of the reference
	@$(PY) scripts/effects.py

services: ## install what the container image has: the package and what its services need, without tools (SERVICES=/opt/shop)
	@set -e; $(FIND); rm -rf $(SERVICES); $$python -m venv $(SERVICES)
	@mkdir $(SERVICES)/src && cp -R LICENSE README.md nbs pyproject.toml shop_nb $(SERVICES)/src # a copy, because building leaves files behind
	@sed -n '/^pip==/,/# via/p; /^setuptools==/,/# via/p' requirements.lock > $(SERVICES)/src/tools.txt
	@$(SERVICES)/bin/python -m pip -qq install --no-compile --upgrade --requirement $(SERVICES)/src/tools.txt
	@$(SERVICES)/bin/python -m pip -qq wheel --no-deps --no-build-isolation --wheel-dir $(SERVICES)/src $(SERVICES)/src
	@set -e; wheel=$$(echo $(abspath $(SERVICES))/src/*.whl); hash=$$($(SERVICES)/bin/python -m pip hash $$wheel | tail -n 1); \
	echo "$$wheel[services] $$hash" > $(SERVICES)/src/wheel.txt # where other packages have hashes, pip wants one of the wheel, too
	@$(SERVICES)/bin/python -m pip -qq install --no-compile --constraint requirements.lock --requirement $(SERVICES)/src/wheel.txt
	@$(SERVICES)/bin/python -m pip -qq uninstall --yes setuptools pip
	@rm -rf $(SERVICES)/src; find $(SERVICES)/lib -type d -name tests -prune -exec rm -rf {} + # a sixth of it: tests of other packages
	@$(SERVICES)/bin/python -m compileall -qq -j 0 $(SERVICES)/lib

image: ## build the container image (needs Docker)
	@docker compose build

up: ## start the services in containers, on this machine alone, and wait until they are healthy (needs Docker)
	@docker compose up --build --detach --wait --wait-timeout 600

down: ## stop what `make up` started; the shop stays
	@docker compose down

dist: $(READY) ## build the package into dist (TAG=v0.1.0 must be its version; ADDRESS=where it is published)
	@$(PY) scripts/notes.py '$(TAG)' >/dev/null
	@rm -rf dist && PIP_CONSTRAINT=$(CURDIR)/requirements.lock $(PY) scripts/dist.py --tag '$(TAG)' --address '$(ADDRESS)' && ls dist

notes: $(READY) ## print the version's part of CHANGELOG.md (TAG=v0.1.0 must be that version)
	@$(PY) scripts/notes.py '$(TAG)'

hooks: $(READY) ## have git clean notebooks before a commit, and merge and compare them cell by cell
	@git config core.hooksPath scripts/hooks
	@git config merge.jupyternotebook.name "merge notebooks cell by cell"
	@git config merge.jupyternotebook.driver "$(BIN)/nbdev-merge %O %A %B %P"
	@git config diff.jupyternotebook.command "$(BIN)/nbdev-diff-driver"
	@echo "Git hooks are on; git config --unset core.hooksPath turns them off."

lock: ## add what pyproject.toml asks for to requirements.lock (UPGRADE=1: the newest of everything; needs Python 3.11)
	@rm -rf .cache/lock && python3.11 -m venv .cache/lock && .cache/lock/bin/python -m pip -qq install --upgrade pip pip-tools
	@cp requirements.lock .cache/lock/lock.txt
	@.cache/lock/bin/pip-compile --quiet $(if $(UPGRADE),--upgrade) --generate-hashes --extra dev --strip-extras --allow-unsafe \
	  --no-header --annotation-style line --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file .cache/lock/lock.txt pyproject.toml
	@{ head -n 1 requirements.lock; \
	   sed -E '/^# WARNING/,/^shop-nb @/d; s/shop_nb \(pyproject\.toml\)|shop-nb/shop_nb/g; s/shop_nb, shop_nb/shop_nb/' .cache/lock/lock.txt; \
	 } > .cache/lock/new && mv .cache/lock/new requirements.lock && rm -rf .cache/lock

clean: ## remove runs, pages and caches (not .venv)
	@find reports -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
	@rm -rf _docs _proc build dist .cache .pytest_cache .hypothesis
	@find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv as well
	@rm -rf $(VENV) $(VENV).lock .venv-peers $(SERVICES) *.egg-info
