# The two commands that matter: `make run` and `make test`. Both work on a fresh Debian 12 with Go
# and nothing else: they install what is missing.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION)
# Where the program spends its time, for the compiler: some three percent of it. `make profile` measures it anew.
PROFILE  := cmd/icapd/cpu.pgo
FUZZTIME ?= 30s
ARGS     ?=
# What -race is for: our own code. The integration tests drive other processes.
UNIT      = $$(go list ./... | grep -v '/integration')

.PHONY: help build run test test-unit test-gateway test-integration test-squid6 lint vuln fuzz profile bench bench-icap bench-scan bench-cdr bench-injection demo static deb clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/icapd, after installing what the build needs
	@scripts/setup.sh build
	go build -pgo=$(PROFILE) -ldflags '$(LDFLAGS)' -o bin/icapd.linked ./cmd/icapd
	@# A copy: what the linker writes lies in the page cache in large pieces, and a process has them whole in memory.
	@cp bin/icapd.linked bin/icapd.new && mv bin/icapd.new bin/icapd && rm bin/icapd.linked

run: build ## serve with the embedded defaults: ICAP on 127.0.0.1:1344, admin on 127.0.0.1:8344 (ARGS= adds flags)
	exec bin/icapd serve $(ARGS)

test: ## everything that CI runs: vet, the builds without YARA, all tests with real peers
	@scripts/setup.sh test
	go vet ./...
	go build -tags noyara ./...
	CGO_ENABLED=0 go build ./...
	$(MAKE) --no-print-directory --keep-going test-unit test-gateway test-integration

test-unit: ## the tests of our own rooms, with the race detector
	go test -race -timeout 20m $(UNIT)

test-gateway: ## the Caddy module, a Go module of its own, in a real Caddy in front of a real icapd
	@scripts/setup.sh build
	cd gateway/caddy && GOWORK=off go vet . && GOWORK=off go test -count=1 .

test-integration: ## icapd with the real Squid, clamd, c-icap, e2guardian, Redis (root, for Squid's sake)
	@scripts/setup.sh test
	go test -count=1 -timeout 20m ./integration/...

test-squid6: ## the same with Debian 13's Squid 6 in a chroot, which takes a minute to build the first time
	@scripts/setup.sh squid6
	scripts/squid6.sh
	ICAPD_SQUID6_ROOT="$$(scripts/squid6.sh --path)" go test -count=1 -run Squid ./integration

lint: ## golangci-lint, the version of tools/go.mod
	@scripts/setup.sh build
	"$$(GOWORK=off go -C tools tool -n golangci-lint)" run ./...

vuln: ## known vulnerabilities in what the binary calls (asks vuln.go.dev)
	@scripts/setup.sh build
	"$$(GOWORK=off go -C tools tool -n govulncheck)" ./...

fuzz: ## every fuzz target for FUZZTIME each (30s)
	@scripts/setup.sh build
	scripts/fuzz.sh $(FUZZTIME)

profile: ## measure anew where the program spends its time, which the compiler makes use of (4 minutes)
	@scripts/setup.sh build
	scripts/profile.sh

bench: ## the Go benchmarks beside the code, in the form that benchstat reads
	@scripts/setup.sh build
	go test -run '^$$' -bench . -benchmem $(UNIT)

bench-icap: build ## icapd and c-icap under the same load, in turn (ARGS=-quick to try)
	@scripts/setup.sh test
	go run ./integration/benchicap -icapd bin/icapd $(ARGS)

bench-scan: build ## scanning: icapd against libyara alone, clamd alone, and c-icap's virus_scan (ARGS=-quick to try)
	@scripts/setup.sh test
	go run ./integration/benchscan -icapd bin/icapd $(ARGS)

bench-injection: ## injection: icapd against Coraza with CRS, and libinjection alone (ARGS='-labelled FILE.jsonl', -quick to try)
	@scripts/setup.sh build
	go run ./integration/benchinjection $(ARGS)

bench-cdr: build ## disarming: MB/s of processor time by format, beside qpdf, mat2 and the codecs alone (ARGS='-docs DIR' for own files)
	@scripts/setup.sh test
	go run ./integration/benchcdr $(ARGS)

demo: build ## a fake API, Squid, clamd and icapd: five outcomes, shown with curl and checked
	@scripts/setup.sh test
	go run ./integration/demo -icapd bin/icapd $(ARGS)

# libyara and what it is made with, after all else: pkg-config names libcrypto before libyara needs it.
STATIC = -linkmode external -extldflags "-static -lyara -lmagic -ljansson -lcrypto -llzma -lbz2 -lz -lm"

static: ## bin/icapd.static, which needs no shared library: for other distributions and empty images
	@scripts/setup.sh static
	@# The linker warns of getaddrinfo and dlopen in libcrypto: libyara calls neither, and names are resolved by Go.
	go build -tags 'yara_static netgo osusergo' -ldflags '$(LDFLAGS) $(STATIC)' -o bin/icapd.static ./cmd/icapd

deb: build ## bin/icapd_VERSION_ARCH.deb
	@scripts/setup.sh deb
	VERSION='$(VERSION)' deploy/deb/build.sh

clean: ## what the targets above left
	rm -rf bin coverage.out
