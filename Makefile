# The course's commands: `make` lists them. Each makes .venv and installs into it when that is still to do.
override PYTHON := $(or $(PYTHON),python3)
V := .venv/bin

.PHONY: help lab test course refresh publish student key browser book matrix

help:  ## list these commands
	@echo "make lab                      open JupyterLab at notebook 01"
	@echo "make test                     run every check: all notebooks against their outputs, and the tests"
	@echo "make course                   run all notebooks into build/ and print the ladder (DIGITS=full: on all of MNIST)"
	@echo "make refresh [NB=03]          execute the notebooks (or one) in place: how committed outputs are made"
	@echo "make student                  copy the course into build/student/, without solutions and answers"
	@echo "make key                      run the notebooks with all exercises solved, into build/key/"
	@echo "make browser                  run notebooks in JupyterLab in a real browser, and look at the web book"
	@echo "make book                     build the course as a web site into build/book/"
	@echo "make matrix                   check the notebooks with other versions of Python and PyTorch, and write the README's table"
	@echo "make publish REPO=owner/name  write the course's public address into set-up cells and Colab links"

lab: $(V)/.installed
	@echo "Opening JupyterLab at notebook 01; without a browser, use the address that it prints. Ctrl-C ends it."
	@$(V)/python -m jupyterlab --ip=localhost --LabApp.default_url=/lab/tree/notebooks/01_pixels.ipynb \
		--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None $$(test "$$(id -u)" != 0 || echo --allow-root)

test: $(V)/.installed
	@echo "The tests, and each cell of each notebook, twice in a row, against its committed output (ten minutes on two cores) ..."
	@$(V)/python -m pytest --nbval --twice tests notebooks

course: $(V)/.installed
	@$(V)/python -m tools.notebooks run

refresh: $(V)/.installed
	@$(V)/python -m tools.notebooks refresh $(NB)

student: $(V)/.installed
	@$(V)/python -m tools.notebooks student

key: $(V)/.installed
	@$(V)/python -m tools.notebooks key

publish: $(V)/.installed
	@$(V)/python -m tools.notebooks publish "$(REPO)"

matrix: $(V)/.installed
	@$(V)/python -m tools.matrix

browser: $(V)/.tools
	@$(V)/python -m tools.browser

book: $(V)/.tools
	@$(V)/python -m tools.book

$(V)/.tools: $(V)/.installed tools/requirements.txt
	@echo "Installing what the browser test and the web book need ..."
	@$(V)/uv pip install --compile-bytecode --python $(V)/python -r tools/requirements.txt -c tools/constraints.txt
	@touch $@

$(V)/.installed: requirements.txt tools/constraints.txt
	@echo "Making .venv and installing the tested set (on Linux about 6 GB, torch brings CUDA) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "The course needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.11 ...")'
	@$(PYTHON) -c 'import venv, ensurepip' || { echo "This Python has no venv: install it (Debian, Ubuntu: apt install python3-venv) and run make again."; exit 1; }
	@rm -f $@
	@$(PYTHON) -m venv .venv
	@$(V)/python -m pip install --quiet uv
	@$(V)/uv pip install --compile-bytecode --python $(V)/python -r requirements.txt -c tools/constraints.txt
	@touch $@
	@echo "Installed."
