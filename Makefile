PYTHON ?= python3
V := .venv/bin

$(V)/.installed: requirements.txt constraints.txt
	@echo "Making .venv and installing the tested set (on Linux about 6 GB, torch brings CUDA) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "The course needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv
	@$(V)/python -m pip install --quiet uv
	@$(V)/uv pip install --python $(V)/python -r requirements.txt -c constraints.txt
	@touch $@
