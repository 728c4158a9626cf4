# make run         open the app on this machine and start the four demo workers (headless without a terminal)
# make test        install what the tests need and run the default suite
# make test-hosts  long tests, which CI runs too: 200 launches, faults against a real sshd, hostile screens, trainings
# make test-faults the longest, by hand: network namespaces (root on Linux), real hosts in every way, leaks over 2,000 turns
# make check       format, lint, types, tests
# make screens     draw the pictures of every screen in docs/screens anew
# make test-pythons  wire, remote and tui on every Python 3.11 to 3.13 found, wire and remote/onhost on 3.9

VENV   ?= .venv
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
            $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN     = $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# Bytecode is kept whatever the shell says: without it each of many processes compiles every test anew.
PYTEST  = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest
INPUTS  = pyproject.toml constraints.txt
# Of the trainer's long tests those of seconds; the others train for minutes, by hand.
LONG    = tests/renderer tests/trainer/evidence $(patsubst %,tests/trainer/test_%.py,analysis clip controls detector \
            distributed early_stop evaluation export resume syncer)

.PHONY: run test test-hosts test-faults screens test-pythons check format clean

run: $(VENV)/.laptop
	@sh .ci/packages git rsync
	@if [ -t 0 ] && [ -t 1 ]; then $(BIN)/trajvid-tui --start; else $(BIN)/trajvid-tui launch --all --wait; fi

test: $(VENV)/.test
	@sh .ci/packages git rsync sshd tmux
	$(PYTEST) -n 3

test-hosts: $(VENV)/.test
	@sh .ci/packages git rsync sshd tmux
	TRAJVID_LAUNCHES=200 $(PYTEST) -n 2 tests/end_to_end/test_exactly_once.py
	$(PYTEST) -n 2 -m 'slow and hosts' tests/end_to_end
	$(PYTEST) -n 2 -m slow tests/tui tests/test_benchmarks.py
	$(PYTEST) -n 2 -m slow $(LONG)

test-faults: $(VENV)/.test
	@sh .ci/packages git rsync sshd tmux
	@for mark in netns slurm; do if [ -d tests/$$mark ]; then $(PYTEST) -m $$mark tests/$$mark || exit 1; fi; done
	$(PYTEST) -n 2 -m slow -k 'not two_thousand' tests/remote tests/onhost tests/security
	$(PYTEST) -n 2 -m slow -k two_thousand tests/remote

screens: $(VENV)/.test
	$(BIN)/python -m tests.tui.draw_screens

test-pythons: $(VENV)/.test
	@BIN=$(BIN) sh .ci/pythons

check: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed (Debian/Ubuntu: apt install python3 python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.laptop: $(INPUTS) | $(BIN)/python
	@echo "installing the laptop side into $(VENV) (about 110 MB)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(INPUTS) | $(BIN)/python
	@echo "installing what the tests need into $(VENV) (about 1.3 GB with a CPU build of torch)"
	@$(PIP) --editable '.[train,dev,preview,pictures,export,clip,tensorboard,openai,anthropic]'
	@touch $@ $(VENV)/.laptop
