# The verbs of this project. `python dev.py VERB` runs one in a ready environment; inside it, `just VERB` does.

set windows-shell := ["powershell.exe", "-NoLogo", "-Command"]

environment := env("UV_PROJECT_ENVIRONMENT", justfile_directory() / ".venv")
export PATH := environment / (if os_family() == "windows" { "Scripts" } else { "bin" }) + PATH_VAR_SEP + env("PATH")

# List the verbs
default:
    @just --list --unsorted

# Run the main job: a small training pipeline whose every value is kept, loaded back and compared
quickstart *args:
    python examples/quickstart.py {{ args }}

# Run the fast tests: offline, on SQLite and the file system
test *args:
    pytest -n auto -m "not slow and not long" {{ args }}

# Run everything that CI runs, and say what failed and how long each step took
check *steps:
    python scripts/check.py {{ steps }}

# Rewrite what can be rewritten: formatting, import order, simple lint
fix:
    ruff check --fix .
    ruff format .

# Write the sync twin anew from the async API (docs/design/sync.md)
sync:
    python -m scripts.make_sync

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

# Check that the public interface is completely typed, as an installed package shows it
verifytypes:
    python scripts/installed.py verifytypes

# Check that imports go down the floors only
layers:
    python scripts/installed.py layers

# Check that each distribution declares what it imports
dependencies:
    pytest -q tests/packaging/test_dependencies.py

# Check that constraints.txt is what uv resolves
constraints:
    python scripts/constraints.py --check

# Resolve anew and write constraints.txt; first move `exclude-newer` in pyproject.toml
pin:
    python scripts/constraints.py

# Python 3.11 may loop for ever when it is traced while threads that used greenlets end, where no timeout of a test gets
# through; so a process that hangs ends, and its test fails.
# Run the fast tests and ask for 95% of the branches
unit *args:
    pytest -n auto -m "not slow and not long" --cov --cov-report=term \
      -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true {{ args }}

# Run the tests that need servers (integration/README.md says which, and how to name them)
integration *args:
    pytest -n auto -m "not long" integration {{ args }}

# Run the examples, and every snippet of README.md and docs/
examples:
    pytest tests/docs -m slow

# Build wheels and sdists, try them in environments of their own, and run what else is slow
packaging *args:
    pytest tests --ignore tests/docs -m slow {{ args }}

# Run the tests that take minutes or gigabytes, which `just check` leaves out, and keep their figures
long *args:
    ARTIGRAPH_RELIABILITY_FIGURES=${ARTIGRAPH_RELIABILITY_FIGURES:-$PWD/docs/reliability/figures.jsonl} \
      pytest -m long {{ if args == "" { "tests integration" } else { args } }}

# Write docs/reliability.md anew with the figures of the long run
reliability-report:
    python scripts/reliability.py

# Measure every job beside its floor, on SQLite and the servers that are there (benchmarks/README.md); --quick takes seconds
bench *args:
    python -m benchmarks run {{ args }}

# Measure the jobs that take much time or memory
bench-long *args:
    python -m benchmarks run --long {{ args }}

# Write docs/performance.md and its plots from what was measured
bench-report *args:
    uv run --quiet --no-project benchmarks/plots.py docs/performance/results.json docs/performance
    python -m benchmarks report {{ args }}

# Compare with other libraries that keep results, each in an environment of its own (some ten minutes)
bench-peers *args:
    python -m benchmarks.peers {{ args }}
