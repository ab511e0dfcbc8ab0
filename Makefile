# The commands a person types. `make run` and `make test` are all that is needed.
#
#   make run      build everything and watch this host at http://127.0.0.1:8000/monitoring
#   make test     install what tests need, then run all of them
#   make conformance CONFORMANCE=DIR    published test lists, tried on the binary from outside
#   make lint     formatting, clippy, dependency rules
#   make bench    the figures of bench/, against the peers where one is named: an hour
#   make soak     the long forms of the tests and ten minutes of churn: hours, not minutes
#   make dist     a stripped binary, a tar.gz and its checksum in target/dist/

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run ui build test conformance test-tools lint bench soak dist clean

CARGO ?= cargo
PEERS := target/peers
TOOLS := target/tools
# Everything the pages are made of; a change rebuilds them.
UI_SOURCES := $(shell find ui -path ui/node_modules -prune -o -path ui/dist -prune -o -type f -print 2>/dev/null)

help:
	@sed -n '3,10p' Makefile

run: ui
	$(CARGO) run --release --bin pharos

ui: ui/dist/index.html

ui/node_modules/.installed: ui/package.json ui/package-lock.json
	@command -v npm >/dev/null || { echo "Node.js 20 with npm is needed to build the pages: https://nodejs.org" >&2; exit 1; }
	cd ui && npm ci --no-audit --no-fund
	touch $@

ui/dist/index.html: ui/node_modules/.installed $(UI_SOURCES)
	cd ui && npm run build
	touch $@

build: ui
	$(CARGO) build --bin pharos

# CONFORMANCE=DIR: a folder of published test lists with their runners, which are tried too.
# REAL_WORLD=DIR: a folder of files as people and programs write them, with a program that tries them.
ifneq ($(CONFORMANCE),)
export CONFORMANCE
endif
ifneq ($(REAL_WORLD),)
export REAL_WORLD
endif
# DOCUMENTS=DIR: a folder of texts whose examples the clients must run as they stand.
ifneq ($(DOCUMENTS),)
export PHAROS_DOCUMENTS = $(DOCUMENTS)
endif
test: test-tools build
	tests/run.sh

conformance: build
	tests/conformance.py $(if $(CONFORMANCE),--lists "$(CONFORMANCE)") \
		$(if $(REAL_WORLD),--real-world "$(REAL_WORLD)")

test-tools:
	tests/install-tools.sh

lint: ui/node_modules/.installed
	$(CARGO) fmt --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd ui && npm run check
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check licenses bans sources; \
	else echo "not run: cargo deny (cargo install cargo-deny)"; fi

bench: ui test-tools
	$(CARGO) build --release --bin pharos
	bench/run.sh

soak: test-tools build
	tests/soak.sh

dist: ui
	$(CARGO) build --profile dist --bin pharos
	tests/make-dist.sh

clean:
	$(CARGO) clean
	rm -rf ui/dist ui/node_modules
