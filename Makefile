# The short commands. `make run` on a clean Debian 12 with Swift starts a node with ./data; `make cluster` starts three
# that are one store (NODES=5 for five), with ./cluster. `make chaos` breaks five for two minutes and writes a report.

DATA ?= data

.PHONY: run cluster chaos build test docs format dependencies clean

run: build
	.build/release/meshd serve --data-dir $(DATA)

cluster: build
	@scripts/cluster.sh

# As root also networks are cut; without, what loopback allows. CHAOS="run --minutes 10 --seed 42" does other things.
CHAOS ?= run --nodes 5 --minutes 2 --faults all

chaos: build
	@scripts/release.sh --product chaos
	.build/release/chaos $(CHAOS)

build: dependencies
	@scripts/release.sh --product meshd

test: dependencies
	swift build --build-tests
	# One after the other where tests talk over sockets and look at a clock; all at once where they only compute.
	@scripts/test.sh --no-parallel --skip '^(StoreTests|SimulationTests)\.'
	@scripts/test.sh --filter '^(StoreTests|SimulationTests)\.'

docs: dependencies
	swift package --allow-writing-to-directory .build/docs generate-documentation --target Mesh --output-path .build/docs

format:
	swift format --in-place --recursive Sources Tests chaos Package.swift

dependencies:
	@scripts/dependencies.sh

clean:
	rm -rf .build
