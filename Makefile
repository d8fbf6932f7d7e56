# Everything from a fresh clone; each target does its own set-up in .venv.
#
#   make run  [ARGS="--port 8080"]   the node, with its own PostgreSQL and a sandbox national node
#   make test [ARGS="-k prefix"]     checks, then every test but the long ones
#   make soak                        the long tests
#   make bench [ARGS="--lines 5000000"]  ratios of speed, measured in one run
#   make dashboards                  writes Grafana's dashboards anew from deploy/grafana
#   make users [ARGS="--users 50"]   enterprises at work on a node of its own, for a minute
#   make check                       lint, format, types, layers
#   make pins [ARGS=--upgrade]       writes requirements/*.txt anew from pyproject.toml
#   make clean                       removes .venv and caches; data in .data stay
#
# PYTHON=python3.12 picks the interpreter (3.11 to 3.14); JOBS=1 runs the tests in one process.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help run test soak bench dashboards check pins clean

VENV := .venv
PYTHON ?=
JOBS ?= 2

# A set-up is ready when its stamp exists. The stamp is written last and named after what it was
# made from, so a changed pin, a moved checkout or an interrupted install is set up anew.
ready = $(VENV)/ready-$(1)-$(shell { cat requirements/$(1).txt Makefile; pwd; echo '$(PYTHON)'; } \
	| sha256sum | cut -c1-16)
RUNTIME := $(call ready,runtime)
TEST := $(call ready,test)

# Sets $$python to an interpreter that can make an environment, or says in one line why not.
define find_python
python= bare=
for candidate in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do
  "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
    2>/dev/null || continue
  if "$$candidate" -c 'import venv, ensurepip' 2>/dev/null; then python=$$candidate; break; fi
  bare=$$candidate
done
if [ -z "$$python" ] && [ -n "$$bare" ]; then
  echo "$$bare cannot make environments: install its venv package (Debian: python3-venv)" >&2
  exit 1
elif [ -z "$$python" ]; then
  echo "no Python 3.11 to 3.14 found: install one, or name it with PYTHON=" >&2
  exit 1
fi
endef

# Installs requirements/$(1).txt. Whoever comes second waits for the lock and finds it done.
# The checkout is put on the path by a .pth file, not by a build, which would fetch build tools.
define install
exec 9<Makefile
if command -v flock >/dev/null; then flock 9; fi
if [ -e $(2) ]; then exit 0; fi
$(find_python)
id='import sys; print(sys.version_info[:3], sys.base_prefix)'
wanted=$$("$$python" -c "$$id")
if [ "$$($(VENV)/bin/python -c "$$id" 2>&1)" != "$$wanted" ] \
  || ! $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then
  echo "making $(VENV) with $$python"
  "$$python" -m venv --clear $(VENV)
fi
echo "installing requirements/$(1).txt"
rm -f $(VENV)/ready-$(1)-*
$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
  --require-hashes --only-binary :all: -r requirements/$(1).txt
pwd > "$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/biaoshi.pth"
printf '%s\n' '#!/bin/sh' \
  'exec "$$(dirname "$$(readlink -f "$$0")")/python" -m node "$$@"' > $(VENV)/bin/biaoshi
chmod 755 $(VENV)/bin/biaoshi
touch $(2)
endef

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

$(RUNTIME):
	@$(call install,runtime,$@)

$(TEST):
	@$(call install,test,$@)

run: $(RUNTIME)
	@exec $(VENV)/bin/biaoshi run $(ARGS)

check: $(TEST)
	@$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: check
	@$(VENV)/bin/python -m pytest -m "not soak" -n $(JOBS) --dist loadfile $(ARGS)

soak: $(TEST)
	@$(VENV)/bin/python -m pytest -m soak $(ARGS)

bench: $(TEST)
	@$(VENV)/bin/python -m loadtests.bench $(ARGS)

dashboards: $(TEST)
	@$(VENV)/bin/python -m deploy.grafana

users: $(TEST)
	@$(VENV)/bin/python -m loadtests.users $(ARGS)

pins:
	@$(find_python)
	tool=$$(mktemp -d)
	trap 'rm -rf "$$tool"' EXIT
	"$$python" -m venv "$$tool"
	"$$tool/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
	  --require-hashes --only-binary :all: -r requirements/pins.txt
	compile() {
	  "$$tool/bin/uv" pip compile --quiet --no-config --system-certs --universal \
	    --python-version 3.11 --generate-hashes --no-header --no-annotate "$$@" \
	    $(ARGS) pyproject.toml >/dev/null
	}
	compile --extra embedded -o requirements/runtime.txt
	compile --extra embedded --extra test -c requirements/runtime.txt -o requirements/test.txt
	echo "uv==$$("$$tool/bin/uv" --version | cut -d' ' -f2)" \
	  | "$$tool/bin/uv" pip compile --quiet --no-config --system-certs --universal \
	    --python-version 3.11 --generate-hashes --no-header --no-annotate - \
	    -o requirements/pins.txt >/dev/null

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.data/*' -prune -exec rm -rf {} +
