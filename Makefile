VENV ?= .venv
PYTHON ?= python3
RUN = $(VENV)/bin

.PHONY: setup demo app test lint

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN)/pip install --quiet --editable ".[train,eval,dev]"
	touch $@

demo: setup
	@echo "A small CLAP learns the order of synthetic sounds: 4 to 5 minutes on two CPU cores, less on more."
	$(RUN)/python train_accelerate.py --config configs/quickstart.yaml --resume_from_checkpoint latest
	@echo
	@echo "Try next, after 'source $(VENV)/bin/activate':"
	@echo '  teminal timeline docs/bell_then_siren.ogg --model runs/quickstart --labels bell siren drum wind'
	@echo '  teminal embed FOLDER --model runs/quickstart --index runs/sounds.index, then teminal search runs/sounds.index "..."'
	@echo '  make app   # a page to try it on: which came first, search, timeline'

app: setup
	$(RUN)/python app/app.py

test: setup
	$(RUN)/pytest

lint: setup
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
