# Moltbot. Plain make lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

module := github.com/moltbot/moltbot
commit := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 10s
SOAK ?= 20000

# Packages that reach C, in code or in tests, are native; all others are pure.
# The import graph says which is which. e2e drives the built program: neither.
classify = go list -test -f '{{.ImportPath}} {{.Deps}}' ./... | awk -v want=$(1) ' \
	{ pkg = $$1; sub(/(_test|\.test)$$/, "", pkg); seen[pkg] = 1 } \
	/$(subst /,\/,$(module))\/cgo\// { native[pkg] = 1 } \
	END { for (p in seen) if (p !~ /\/e2e$$/ && (p in native ? "native" : "pure") == want) print p }' | sort

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: native
native: ## build llama.cpp and llguidance into the user cache, once, and link build/native, build/guidance
	@scripts/native

.PHONY: cuda
cuda: ## the same with the CUDA plug-in; needs nvcc
	@scripts/native cuda

.PHONY: release-native
release-native: ## the same with a plug-in per CPU variant, for other machines
	@scripts/native release

.PHONY: peer
peer: ## build llama-server and the benches from the same source: build/peer/bin
	@scripts/native peer

.PHONY: build
build: native ## build bin/moltbot
	@scripts/tools go
	@ln -sfn build/native/lib lib
	go build -ldflags '-X main.commit=$(commit)' -o bin/moltbot ./cmd/moltbot

.PHONY: run
run: build ## build, fetch the default model and serve on 127.0.0.1:8080
	@scripts/tools pip
	@exec bin/moltbot

.PHONY: test
test: ## everything: lint, pure tests, race, the real models
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory test-pure
	@$(MAKE) --no-print-directory test-race
	@$(MAKE) --no-print-directory test-native

.PHONY: test-pure
test-pure: ## the packages without C, built without cgo
	@scripts/tools go pip
	CGO_ENABLED=0 go build -o /dev/null ./cmd/moltbot
	@echo 'CGO_ENABLED=0 go test: the pure packages'
	@packages=$$($(call classify,pure)); CGO_ENABLED=0 go test $$packages ./cmd/moltbot

.PHONY: test-race
test-race: ## the same under the race detector
	@scripts/tools c++ go pip
	@echo 'go test -race: the pure packages'
	@packages=$$($(call classify,pure)); go test -race $$packages

.PHONY: test-native
test-native: native ## bindings and end to end, with the real models
	@scripts/tools go npm pip venv
	@echo 'go test: the packages that need the libraries and the models'
	@packages=$$($(call classify,native)); go test -timeout 50m $$packages
	@go -C cgo/go-llama.cpp test ./... # a module of its own
	@go test -count 1 -timeout 50m ./e2e # a program that go test doesn't watch: no cached result

.PHONY: fuzz
fuzz: native ## every fuzz target for FUZZTIME (10s)
	@FUZZTIME=$(FUZZTIME) scripts/fuzz

.PHONY: soak
soak: native ## random load for ten minutes, then the random tests with SOAK (20000) draws each
	@go test -count 1 -timeout 1h -run '^TestSoak$$' -v ./e2e -args -soak=10m
	@go test -count 1 -timeout 3h $$(grep -rl --include='*_test.go' '"pgregory.net/rapid"' . | xargs -n 1 dirname | sort -u) -args -rapid.checks=$(SOAK)
	@go test -count 1 -timeout 3h -run 'Sampled' -v ./e2e -args -schemas=2000

.PHONY: bench-peer
bench-peer: build peer ## measure against llama-server, all workloads and two models, twice: docs/benchmarks; takes hours
	RUN=1 scripts/bench-peer run
	RUN=2 scripts/bench-peer run
	scripts/bench-peer report

.PHONY: golden
golden: native peer ## write the golden files anew; read the diff before you commit it
	@go test -count 1 $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -n 1 dirname | sort -u) -args -update

.PHONY: parity
parity: native peer ## compare greedy texts with llama-server's, live; writes docs/benchmarks/parity.md
	@scripts/tools go pip
	go test -count 1 -timeout 50m -tags peer -run '^TestParity$$' -v ./e2e -args -update

.PHONY: lint
lint: native ## go vet, staticcheck, gofumpt
	@scripts/tools go
	go vet ./...
	go vet -tags peer ./e2e
	go tool staticcheck ./...
	@unformatted=$$(go tool gofumpt -l .); if [ -n "$$unformatted" ]; then echo "make fmt would change:"; echo "$$unformatted"; exit 1; fi

.PHONY: fmt
fmt: ## format the Go code
	go tool gofumpt -w .

.PHONY: clean
clean: ## remove what was built here; the user cache stays
	rm -rf bin build dist lib
