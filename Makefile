# The course's commands: `make` lists them. Each makes .venv and installs into it when that is still to do.
override PYTHON := $(or $(PYTHON),python3)
V := .venv/bin
ifdef TORCH
export UV_TORCH_BACKEND := $(TORCH)
endif

HEAVY = tests/test_experiments.py $(wildcard $(addprefix notebooks/*,many_workers.ipynb ten_digits.ipynb relu_net.ipynb))     # begun first

.PHONY: help lab test check course refresh order publish student key zip browser book matrix

help:
	@sed -nE 's/^([a-z]+):.*  ## /make \1           /; s/^(make .{10}) */\1/p' Makefile
	@echo "The first call installs. TORCH=cpu make lab: the PyTorch without CUDA, a tenth of the size, from PyTorch's own index."

lab: $(V)/.installed  ## open JupyterLab at the first notebook
	@echo "Opening JupyterLab; without a browser, use the address that it prints. Ctrl-C ends it."
	@$(V)/python -m jupyterlab --ip=localhost --LabApp.default_url=/lab/tree/$(firstword $(sort $(wildcard notebooks/*.ipynb))) \
		$$(test "$$(id -u)" != 0 || echo --allow-root)

test: $(V)/.installed  ## run every check: all notebooks against their outputs, and the tests
	@echo "The tests, and each cell of each notebook, twice in a row, against its committed output (five minutes on two cores) ..."
	@OMP_NUM_THREADS=1 $(V)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --nbval --twice $(HEAVY) tests notebooks

check: $(V)/.installed  ## what an editor runs all day: the tests that run no notebook, and the notebooks that git sees changed
	@OMP_NUM_THREADS=1 $(V)/python -m pytest -q -n 2 --dist loadfile --nbval tests/test_notebooks.py tests/test_prose_numbers.py \
		tests/test_glossary.py tests/test_style.py $$(git diff --name-only HEAD -- notebooks)

course: $(V)/.installed  ## run all notebooks into build/ and print the ladder (DIGITS=full: on all of MNIST)
	@$(V)/python -m tools.notebooks run

refresh: $(V)/.installed  ## execute the notebooks in place, or one (NB=relu_net): how committed outputs are made
	@$(V)/python -m tools.notebooks refresh $(NB)

order: $(V)/.installed  ## number the notebooks by their names, and renew links, tables and "Next" (refresh does so, too)
	@$(V)/python -m tools.order

student: $(V)/.installed  ## copy the course into build/student/, without solutions and answers
	@$(V)/python -m tools.copies student

key: $(V)/.installed  ## run the notebooks with all exercises solved, into build/key/
	@$(V)/python -m tools.copies key

zip: $(V)/.installed  ## pack the course into build/3or7.zip, to upload to Colab
	@$(V)/python -m tools.copies zip

publish: $(V)/.installed  ## write the course's public address (REPO=owner/name) into set-up cells and Colab links
	@$(V)/python -m tools.copies publish "$(REPO)"

matrix: $(V)/.installed  ## check the notebooks with other versions of Python and PyTorch, and write their table in the evidence
	@$(V)/python -m tools.matrix

browser: book  ## run notebooks in JupyterLab in a real browser, and look at the web book
	@$(V)/python -m tools.browser

book: $(V)/.tools  ## build the course as a web site into build/book/
	@$(V)/python -m tools.book

$(V)/.tools: $(V)/.installed tools/requirements.txt
	@echo "Installing what the browser test and the web book need ..."
	@$(V)/uv pip install --compile-bytecode --python $(V)/python -r tools/requirements.txt -c tools/constraints.txt
	@touch $@

$(V)/.installed: requirements.txt tools/constraints.txt
	@echo "Making .venv and installing the tested set (on Linux about 6 GB, for torch brings CUDA; a tenth with TORCH=cpu) ..."
	@$(PYTHON) tools/before.py
	@rm -f $@
	@$(PYTHON) -m venv .venv
	@$(V)/python -m pip install --quiet uv
	@$(V)/uv pip install --compile-bytecode --python $(V)/python -r requirements.txt -c tools/constraints.txt
	@$(V)/python -m tools.lab
	@touch $@
	@echo "Installed."
