# make demo | test | lint | bench | gpu-check | clean
#
# Each target makes what it needs: a virtual environment in VENV, with PYTHON (3.11 or newer).
#
#     make test PYTHON=python3.12 VENV=/tmp/venv ARGS="-k lif"
#
# VENV= (empty) installs nothing and uses the packages that PYTHON has: for a machine that is offline,
# or that has a torch of its own.
#
#     make gpu-check PYTHON=python3 VENV=

PYTHON = python3
VENV = .venv
RESULTS = tests/benchmarks/results

.PHONY: demo test lint bench gpu-check clean importable

ifneq ($(VENV),)
READY = $(VENV)/.installed
RUN = $(VENV)/bin/python

$(READY): pyproject.toml constraints.txt
	@echo "installing into $(VENV): about two minutes"
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@
else
# kernels/ imports as lava_torch.kernels, which an installation arranges. Without one, a folder of
# links holds the packages under the names that they import by; PYTHONSAFEPATH keeps the working
# folder, where the same packages lie under other names, off the path.
READY = importable
RUN = PYTHONSAFEPATH=1 PYTHONPATH="$(CURDIR)/build/importable" $(PYTHON)

importable:
	rm -rf build/importable
	mkdir -p build/importable/lava_torch
	ln -s "$(CURDIR)"/lava_torch/* "$(CURDIR)/kernels" "$(CURDIR)/examples" build/importable/lava_torch
endif

demo: $(READY)
	$(RUN) -m lava_torch.cli demo $(ARGS)

test: $(READY)
	$(RUN) -m pytest $(ARGS)

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

bench: $(READY)
	@mkdir -p $(RESULTS)
	$(RUN) -m lava_torch.cli bench chain --json $(RESULTS)/chain-cpu.json $(ARGS)
	$(RUN) -m lava_torch.cli bench train --json $(RESULTS)/train-cpu.json

# The tests that need a GPU, then the benchmarks on it: under 9 minutes.
gpu-check: $(READY)
	@$(RUN) -c 'import sys, torch; torch.cuda.is_available() or sys.exit("gpu-check: torch sees no GPU on this machine")'
	@mkdir -p $(RESULTS)
	$(RUN) -m pytest -m gpu $(ARGS)
	$(RUN) -m lava_torch.cli bench chain --device cuda --large --json $(RESULTS)/chain-gpu.json
	$(RUN) -m lava_torch.cli bench train --device cuda --json $(RESULTS)/train-gpu.json

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
