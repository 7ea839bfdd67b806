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

# Files of tests run side by side; ARGS="-n 0" runs one after another.
test: $(READY)
	$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

# ARGS go to `chain`: ARGS="--vs lava". Brian2 is measured where LAVA_TORCH_BRIAN2_PYTHON names the
# Python that has it. About seven minutes.
BENCH = $(RUN) -m lava_torch.cli bench

bench: $(READY)
	@mkdir -p $(RESULTS)
	$(BENCH) chain --large --json $(RESULTS)/chain-cpu.json $(ARGS)
	$(BENCH) balanced --large $(if $(LAVA_TORCH_BRIAN2_PYTHON),--vs brian2) --json $(RESULTS)/balanced-cpu.json
	$(BENCH) balanced --large --threads 2 --json $(RESULTS)/balanced-cpu-2-threads.json
	$(BENCH) sparse --compile --json $(RESULTS)/sparse-cpu.json
	$(BENCH) conv --json $(RESULTS)/conv-cpu.json
	$(BENCH) oxford --data tests/data --json $(RESULTS)/oxford-cpu.json
	$(BENCH) learning --json $(RESULTS)/learning-cpu.json
	$(BENCH) hosted --json $(RESULTS)/hosted-cpu.json
	$(BENCH) train --json $(RESULTS)/train-cpu.json
	$(BENCH) startup --repeats 3 --json $(RESULTS)/startup-cpu.json

# The tests that need a GPU, then the benchmarks on it: under 9 minutes.
gpu-check: $(READY)
	@$(RUN) -c 'import sys, torch; torch.cuda.is_available() or sys.exit("gpu-check: torch sees no GPU on this machine")'
	@mkdir -p $(RESULTS)
	$(RUN) -m pytest -m gpu $(ARGS)
	$(BENCH) chain --device cuda --large --repeats 3 --json $(RESULTS)/chain-gpu.json
	$(BENCH) balanced --device cuda --large --huge --repeats 3 --json $(RESULTS)/balanced-gpu.json
	$(BENCH) sparse --device cuda --repeats 3 --json $(RESULTS)/sparse-gpu.json
	$(BENCH) conv --device cuda --json $(RESULTS)/conv-gpu.json
	$(BENCH) oxford --device cuda --data tests/data --json $(RESULTS)/oxford-gpu.json
	$(BENCH) learning --device cuda --n 1000 10000 --repeats 3 --json $(RESULTS)/learning-gpu.json
	$(BENCH) train --device cuda --json $(RESULTS)/train-gpu.json

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
