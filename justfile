# The verbs of this project. `python dev.py VERB` runs one in a ready environment; inside it, `just VERB` does.

set windows-shell := ["powershell.exe", "-NoLogo", "-Command"]

environment := env("UV_PROJECT_ENVIRONMENT", justfile_directory() / ".venv")
long_of_frameworks := "tests/long/test_state_dicts.py integration/buckets/test_state_dicts.py"
export PATH := environment / (if os_family() == "windows" { "Scripts" } else { "bin" }) + PATH_VAR_SEP + env("PATH")

# List the verbs
default:
    @just --list --unsorted

# Run the main job: a small training pipeline that saves every value, loads it back and compares it
quickstart *args:
    python examples/quickstart.py {{ args }}

# Run the fast tests: offline, on SQLite and the file system
test *args:
    pytest -n auto -m "not slow and not long" {{ args }}

# Run all steps of CI, and print which failed and how long each took
check *steps:
    python scripts/check.py {{ steps }}

# Fix what tools can fix: formatting, import order, simple lint
fix:
    ruff check --fix .
    ruff format .

# Print which functions a save, a load and a query enter, and check docs/design/walks.md
walks:
    python -m scripts.walks

# Print which share of the lines are imports, and fail if it is more than 8 %
imports:
    python -m scripts.imports

# Write the sync twin anew from the async API (docs/design/sync.md)
sync:
    python -m scripts.make_sync

# Write the JSON Schemas of the documents of artigraph.view and of the command line anew (docs/design/view.md)
schemas:
    python -m scripts.make_schemas

# Write the lists in pyproject.toml that follow from packages/
workspace:
    python -m scripts.workspace

# Write the reference of the command line from its help texts and real output, and the recording of the README
cli-page:
    COLUMNS=80 python -m scripts.cli_page
    python -m scripts.cli_examples --recording

# Take the pictures of the web view for the docs, in Chromium
web-pictures:
    python -m scripts.web_pictures

# Check the formatting
format:
    ruff format --check .

# Check the code's style and common mistakes
lint:
    ruff check .

# Check types with pyright
pyright *args:
    pyright {{ args }}

# Check types with mypy
mypy *args:
    mypy {{ args }}

# Check that the public interface of the installed package is completely typed
verifytypes:
    python -m scripts.installed verifytypes

# Check that every import goes to a lower layer
layers:
    python -m scripts.installed layers

# Check that each distribution declares what it imports
dependencies:
    pytest -q tests/packaging/test_dependencies.py

# Check that constraints.txt matches what uv resolves
constraints:
    python scripts/constraints.py --check

# Resolve anew and write constraints.txt; first move `exclude-newer` in pyproject.toml
pin:
    python scripts/constraints.py

# Run the fast tests and require 96% of the lines; with --branches, 95% of the branches (on Python 3.12 or newer)
unit *args:
    python scripts/unit.py {{ args }}

# Run the tests that depend on versions of other libraries on another set of them: lowest, sqlalchemy-2.0
versions set *args:
    python scripts/versions.py {{ set }} {{ args }}

# Run the tests of values of large libraries, such as PyTorch, in an environment that pip makes with them
frameworks *args:
    python scripts/frameworks.py {{ args }}

# Run the tests with workers of Ray and Spark, in an environment that uv makes with them
workers *args:
    python scripts/workers.py {{ args }}

# Run the tests that need servers (integration/README.md lists them and their variables)
integration *args:
    pytest -n auto --dist loadgroup -m "not long" integration {{ args }}

# Run the examples, and every snippet of README.md and docs/
examples:
    pytest -n auto tests/docs -m slow

# Build wheels and sdists, test them in separate environments, and run the other slow tests
packaging *args:
    pytest -n auto tests --ignore tests/docs -m slow {{ args }}

# Run the tests that take minutes or gigabytes, which `just check` leaves out, and record their figures
long *args:
    ARTIGRAPH_RELIABILITY_FIGURES=${ARTIGRAPH_RELIABILITY_FIGURES:-$PWD/docs/appendix/reliability/figures.jsonl} \
      pytest -m long {{ if args == "" { "tests integration" } else { args } }}
    {{ if args == "" { "python scripts/frameworks.py -n 0 -m long " + long_of_frameworks } else { "" } }}

# Write docs/appendix/reliability.md anew with the figures of the long run
reliability-report:
    python scripts/reliability.py

# Compare every job with its floor, on SQLite and the available servers (benchmarks/README.md); --quick takes seconds
bench *args:
    python -m benchmarks run {{ args }}

# Measure the jobs that take much time or memory
bench-long *args:
    python -m benchmarks run --long {{ args }}

# Write docs/appendix/performance.md and its plots from the measured results
bench-report *args:
    uv run --quiet --no-project benchmarks/plots.py docs/appendix/performance/results.json docs/appendix/performance
    python -m benchmarks report {{ args }}

# Compare with other libraries that store results, each in its own environment (some ten minutes)
bench-peers *args:
    python -m benchmarks.peers {{ args }}

# Check that the checkout is ready to be released as a tag (docs/design/release.md)
release-check tag:
    python scripts/release.py {{ tag }}

# Build the wheel and the sdist of every distribution into dist/
build:
    rm -rf dist
    uv build --quiet --all-packages --out-dir dist

# Make small changes to the code and list those that no test notices (about an hour)
mutation report="build/mutation.md" *args:
    mkdir -p {{ parent_directory(report) }}
    MUTATION_PYTHON={{ environment / "bin" / "python" }} uv run --quiet --no-project scripts/mutation.py {{ report }} {{ args }}
