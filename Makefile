# What people type. Each target calls an npm script or the dynamokv command; the work itself is done there.
# Try `make up` first.

.DEFAULT_GOAL := help
.PHONY: help up down wipe status build check test test-kubernetes demo demo-down sim faults bench bench-overload fmt clean

# Nodes of the local cluster, 1 to 9. Unset: as stored, else 3.
NODES ?=
# How long `make faults` runs; 0.1 is six minutes.
HOURS ?= 1
# Passed on, e.g. make sim ARGS="--seed 7".
ARGS ?=

DYNAMOKV := node dist/client/cli/main.js

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "; print "Usage: make TARGET [NODES=3]\n"} \
	  /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: build ## Start a cluster of NODES=3 nodes on this machine, or let it grow or shrink to that, and wait until it serves
	@$(DYNAMOKV) local up $(if $(NODES),--nodes $(NODES))

down: dist/client/cli/main.js ## Stop the cluster; a later `make up` finds its data
	@$(DYNAMOKV) local down

wipe: dist/client/cli/main.js ## Stop the cluster and delete its data
	@$(DYNAMOKV) local wipe

status: dist/client/cli/main.js ## Show the state of the cluster's nodes
	@$(DYNAMOKV) local status
	@$(DYNAMOKV) status

build: node_modules/.package-lock.json ## Install what is missing and compile
	@npm run --silent build
	@chmod +x dist/client/cli/main.js

check: node_modules/.package-lock.json ## Format, lint, types, unit, paper, tidy and simulator tests: what a commit must pass
	@npm run check

test: node_modules/.package-lock.json ## Run all tests that need no Kubernetes
	@npm test

test-kubernetes: node_modules/.package-lock.json ## Run the tests that need a Kubernetes: KUBECONFIG's, else a throwaway one
	@npm run --silent test:kubernetes

demo: ## Start a throwaway Kubernetes with the operator and a cluster on this machine, and leave it running
	@test/kubernetes/rig/demo.sh

demo-down: ## Stop and remove what `make demo` started
	@test/kubernetes/rig/down.sh

sim: node_modules/.package-lock.json ## Run the simulator, e.g. make sim ARGS="--seed 7"
	@npm run sim -- $(ARGS)

faults: node_modules/.package-lock.json ## Do real faults to real clusters for HOURS=1 and write docs/RELIABILITY.md
	@npm run --silent faults -- --hours $(HOURS) $(ARGS)

bench: node_modules/.package-lock.json ## Run the benchmarks
	@npm run bench -- $(ARGS)

bench-overload: node_modules/.package-lock.json ## Ask a cluster for up to twice what it can do, and see what it does
	@npm run bench:overload -- $(ARGS)

fmt: node_modules/.package-lock.json ## Format all files
	@npm run format

clean: ## Delete what was compiled (the local cluster's data stays)
	rm -rf dist

# Only when nothing is compiled yet: a cluster can be stopped also while the sources are broken.
dist/client/cli/main.js:
	@$(MAKE) --no-print-directory build

# npm itself writes this file at the end of an installation; older than package-lock.json means: install again.
node_modules/.package-lock.json: package-lock.json
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b > 18) ? 0 : 1)' \
	  || { echo "Node.js 20.19 or newer is needed (node --version: $$(node --version))"; exit 1; }
	@echo "installing packages (npm ci): seconds, or some minutes where better-sqlite3 has to be compiled"
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
