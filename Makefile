# Everything below needs Go, git, make and, for the race detector, a C compiler.

BIN       := bin/weighbridge
FUZZTIME  ?= 10m
BENCH     ?= .
BENCHTIME ?= 1s
PKG       ?= ./...
PEERS     ?=
HASH      ?=

# The embedded database is C turned into Go. Watched by the race detector it is five times as
# slow, and nothing in it is ours: what calls it is watched.
RACE := -race -gcflags='modernc.org/sqlite/lib=-race=false'

# The linter is built from the version that .ci/tools/go.mod pins, once.
LINT = $$(go tool -modfile=.ci/tools/go.mod -n golangci-lint)

# Modules within the repository that ./... does not enter.
NESTED := $(patsubst ./%/go.mod,%,$(shell find . -mindepth 2 -name go.mod -not -path './.ci/*'))

.DEFAULT_GOAL := help
.PHONY: help build test vet fmt-check fences chromium race conformance lint fuzz bench bench-peers bench-hash bench-queue generate cover vendor-free image image-check

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build the static binary bin/weighbridge
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $(BIN) ./cmd/weighbridge

test: vet fmt-check fences race conformance lint ## run every check: vet, format, import fences, tests with the race detector, lint

vet:
	go vet ./...

fmt-check:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi

# Its result may not come from the cache, which does not see other packages change.
fences: ## hold the imports to the arrows of the architecture
	go test -count=1 -run '^TestImports' ./pipeline

# The tests of pages open them in a real browser.
chromium: ## install Chromium where there is none (Debian and its kin; as root, or through sudo)
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		as=; [ "$$(id -u)" = 0 ] || as=sudo; \
		$$as apt-get update -q && DEBIAN_FRONTEND=noninteractive $$as apt-get install -y -q --no-install-recommends chromium fonts-noto-cjk; }

race: chromium ## run the tests with the race detector (PKG=./pipeline/... for some)
	go test $(RACE) -timeout 40m $(PKG)

conformance: ## run the tests that need a real S3 server, each in a module of its own
	@set -e; for module in $(NESTED); do echo "go test ./... in $$module"; (cd $$module && go vet ./... && go test $(RACE) ./...); done

lint: ## run golangci-lint as pinned
	@set -e; lint=$(LINT); config=$(CURDIR)/.golangci.yml; "$$lint" config verify; "$$lint" run ./...; \
	for module in $(NESTED); do (cd $$module && "$$lint" run --config "$$config" ./...); done

fuzz: ## run every fuzz test for FUZZTIME (10m) one after the other (PKG, as for race)
	@set -e; for package in $$(go list $(PKG)); do \
		listed=$$(go test -list '^Fuzz' $$package); \
		for target in $$(echo "$$listed" | grep '^Fuzz' || true); do \
			echo "$$package $$target for $(FUZZTIME)"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$package; \
		done; \
	done

bench: ## run the benchmarks that BENCH (a pattern) names, BENCHTIME (1s) each
	go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -benchmem $(PKG)

# What comes from the npm registry goes into bin/, which is not kept. PEERS holds options, such as
# "-runs 21 -delay 50ms".
bench-peers: build ## time whole runs beside huggingface.js (needs Node.js and the npm registry)
	mkdir -p bin/peers
	cp cmd/internal/peers/huggingface/* bin/peers/
	npm ci --prefix bin/peers --ignore-scripts --no-audit --no-fund
	go build -o bin/peers/compare ./cmd/internal/peers
	bin/peers/compare $(PEERS)

bench-hash: build ## time check --hash and release on 10 GB beside sha256sum and a plain copy (HASH="-gb 1 -rounds 5")
	go build -C storage/object/s3/conformance -o $(CURDIR)/bin/gateway ./gateway
	go run ./cmd/internal/hashbench $(HASH)

bench-queue: ## time pages of a queue of 1,000,000 cases (QUEUE="-cases 100000 -time 5s" for others); 10 GB of disk
	go run ./cmd/internal/queuebench $(QUEUE)

generate: ## write generated files again
	go generate ./...

cover: ## show the coverage of the tests by function
	go test -coverprofile=coverage.out $(PKG)
	go tool cover -func=coverage.out

vendor-free: ## check that modules are as published, go.mod is tidy, and nothing is vendored
	go mod verify
	go mod tidy -diff
	@for module in $(NESTED) .ci/tools; do (cd $$module && go mod tidy -diff) || exit 1; done
	@test ! -e vendor || { echo "remove the folder vendor"; exit 1; }

image: ## build the container image weighbridge:latest
	docker build -t weighbridge:latest .

image-check: ## without a container engine: run the image's build, then the binary alone in a root as its user
	.ci/image-check
