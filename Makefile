# Verbs; what they do is in scripts/ and CMakePresets.json.
PREFIX ?= /usr/local
SECONDS_PER_TARGET ?= 60
JOBS ?= $(shell nproc)
export JOBS

.PHONY: help demo test test-all coverage bench bench-peers lint fuzz docs install clean

help: ## Show the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

demo: ## Build, then train, measure, predict and inspect on data that is shipped
	@sh scripts/build.sh release nadir
	@sh scripts/demo.sh build/release/nadir

test: ## Run all tests: release, sanitizers, lint
	@QUICK=1 sh scripts/test.sh release asan tsan lint

test-all: ## As test, and debug, double, memory sanitizer, valgrind, coverage
	@DEEP=1 sh scripts/test.sh release debug double asan asan-double tsan msan lint valgrind coverage

coverage: ## Lines and branches that the tests run, by file
	@sh scripts/coverage.sh

bench: ## Build and run the measurements
	@sh scripts/build.sh release bench
	@sh scripts/bench.sh build/release/bench

bench-peers: ## Measure beside PyTorch, scikit-learn and FANN (ROUNDS=5 NETS=T1,T2)
	@sh scripts/bench-peers.sh $(if $(JSON),--json)

lint: ## Check includes, format, both compilers' warnings, clang-tidy, cppcheck
	@sh scripts/lint.sh

fuzz: ## Feed the parsers random input (SECONDS_PER_TARGET=60)
	@sh scripts/fuzz.sh $(SECONDS_PER_TARGET)

docs: ## Make the man pages and shell completions
	@sh scripts/build.sh release generated
	@echo "in build/release/generated"

install: ## Install program, library, header, man pages (PREFIX=/usr/local, DESTDIR)
	@sh scripts/build.sh release
	@cmake --install build/release --prefix "$(PREFIX)"

clean: ## Remove build/
	@rm -rf build
