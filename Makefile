# The short commands. `make run` on a clean Debian 12 with Swift starts a node with ./data.

DATA ?= data

.PHONY: run build test docs format dependencies clean

run: build
	.build/release/meshd serve --data-dir $(DATA)

build: dependencies
	swift build -c release --product meshd

test: dependencies
	swift build --build-tests
	swift test --skip-build

docs: dependencies
	swift package --allow-writing-to-directory .build/docs generate-documentation --target Mesh --output-path .build/docs

format:
	swift format --in-place --recursive Sources Tests chaos Package.swift

dependencies:
	@scripts/dependencies.sh

clean:
	rm -rf .build
