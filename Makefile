# make run    sets up .venv and opens the window on a sample step (without a display: the same work
#             headless, into out/)
# make test   sets up .venv and runs all tests, offscreen, in two processes where there are two cores;
#             ARGS="-k library" runs some, in one process ("-n auto --dist loadfile -k library": in two)
#             For tests of exported pages root gets a browser installed; without one they are skipped
# make test-screen  runs the window's tests on a virtual screen (Xvfb) instead of Qt's offscreen one
# make bench  solves all cases into out/bench.json and fails where a figure is worse than in the
#             reference; ARGS="--compare EARLIER.json" compares with another result
# make bench-budgets  solves steps within budgets, next to MONeT's figures and to torch.compile's
#             activation_memory_budget; ARGS="--only resnet50" solves some
# make pictures  compares pictures of the map with the accepted ones (out/pictures/index.html shows what
#             differs); ARGS="--accept-pictures" accepts those drawn now
# make bench-map  prints what the map needs for a frame; ARGS="1000000" is how many rectangles
# make reference  makes the reference anew, on an idle machine
# make test-cuda  proves exports wherever a GPU is, with nothing but torch; ARGS="FOLDER... --write"
# make test-captures  compares captures for CUDA by rules with torch's own choice, where a GPU is
# make cuda-exports  makes those exports, without a GPU; ARGS="gpt" makes some
# make plans  makes the ready plans of resources/plans anew; ARGS="--only resnet50" makes some
# make lessons  captures the steps of the lessons anew and solves the budgets they show
# make lint   ruff, mypy, import-linter
# make translations  collects the window's texts for translators into out/bayplan.ts
# make sample captures and plans the sample step anew

PYTHON ?= python3
ARGS ?=
SAMPLE = resources/samples/resnet50
REFERENCE = tests/benchmarks/reference.json

.PHONY: translations run test test-screen test-cuda test-captures cuda-exports bench bench-budgets bench-map pictures reference lint sample plans lessons browser setup

run: setup
	@.venv/bin/python -m app demo $(ARGS)

test: setup browser
	@QT_QPA_PLATFORM=offscreen .venv/bin/python -m pytest $(or $(ARGS),-n auto --dist loadfile)

test-screen: setup
	@QT_QPA_PLATFORM=xcb xvfb-run -a -s "-screen 0 2560x1600x24" .venv/bin/python -m pytest $(or $(ARGS),tests/gui)

test-cuda:
	@$(PYTHON) tests/cuda $(ARGS)

test-captures:
	@$(PYTHON) tests/cuda/captures.py $(ARGS)

cuda-exports: setup
	@.venv/bin/python tests/cuda/make_exports.py $(ARGS)

bench: setup
	@mkdir -p out
	@.venv/bin/python -m app bench -o out/bench.json $(if $(wildcard $(REFERENCE)),--compare $(REFERENCE)) $(ARGS)

bench-budgets: setup
	@mkdir -p out
	@.venv/bin/python tests/benchmarks/bench_budgets.py -o out/bench_budgets.json $(ARGS)

pictures: setup
	@QT_QPA_PLATFORM=offscreen .venv/bin/python -m pytest tests/gui/test_pictures.py $(ARGS)

bench-map: setup
	@.venv/bin/python tests/benchmarks/bench_map.py $(ARGS)

reference: setup
	@.venv/bin/python -m app bench -o $(REFERENCE) $(ARGS)

lint: setup
	@.venv/bin/python -m ruff check .
	@.venv/bin/python -m ruff format --check .
	@.venv/bin/python -m mypy
	@.venv/bin/lint-imports

sample: setup
	@.venv/bin/python -m app capture zoo:resnet50 --batch 32 --optimizer sgd -o $(SAMPLE).step
	@.venv/bin/python -m app solve $(SAMPLE).step -o $(SAMPLE).plan

plans: setup
	@.venv/bin/python tests/benchmarks/make_plans.py $(ARGS)

translations: setup
	@.venv/bin/python tests/make_translations.py out/bayplan.ts

lessons: setup
	@.venv/bin/python tests/benchmarks/make_lessons.py

setup:
	@$(PYTHON) setup_environment.py

browser:
	@$(PYTHON) setup_environment.py browser
