# The commands of daily work; `make` alone lists them. Steps that need more than a line are scripts in .ci/.

# Each step of `make check` prints the time and its name in one line, so that a log can be read at a glance.
HEADLINE = @printf '\n== %s %s\n' "$$(date +%T)"
POINTSYNC = go run ./cmd/pointsync
NODE_TOOLS = tools/node_modules/.package-lock.json

# What `make sim` simulates: SEEDS seeds from SEED on, each on both databases unless DATABASE names one.
SEED ?= 1
SEEDS ?= 25
USERS ?= 4
STEPS ?= 60
DATABASE ?=
SIMFLAGS ?=
# A simulation waits more than it computes, so several run at a time.
SIMULATE = go run ./pkg/store/storetest/pgtest -- go test ./pkg/simtest -count=1 -v -run '^TestSimulation$$' -parallel 6

# What `make sim-long` simulates on PostgreSQL: LONG_USERS users, until LONG_EVENTS webhooks came or LONG_FOR is over.
LONG_USERS ?= 10000
LONG_EVENTS ?= 1000000
LONG_FOR ?= 6h
LONG_REPORT ?= $(CURDIR)/docs/simulation-long.md
SIMULATE_LONG = go run ./pkg/store/storetest/pgtest -- go test ./pkg/simtest -count=1 -v -run '^TestLong$$' -timeout 24h \
	-args -seed=$(SEED) -long-for=$(LONG_FOR) -long-report=$(LONG_REPORT) -patience=30m

# The proofs of docs/proofs.md, without the simulation. Plain `go test` runs their short form; `-full` runs the full
# form.
PROOFS = ^Test(Linearizable|ThreeReplicas|PostgresKilled|ServerKilledOnSQLite|KeysTogether|RepliesCut|StaleTokens|ManyLies|ManyPoisons|RefundAgainstSpend|AnyOrderOfPictures)$$
PROVE = go run ./pkg/store/storetest/pgtest -- go test ./pkg/simtest ./pkg/inbox ./pkg/reconcile -count=1 -v -run '$(PROOFS)' -parallel 4

# How long each part of `make login-load` lasts.
LOAD_FOR ?= 60s
LOGIN_LOAD = go run ./pkg/store/storetest/pgtest -- go test ./pkg/simtest -run '^$$' -bench '^BenchmarkLoginLoad$$' -benchtime 1x -timeout 1h \
	-args -load-for=$(LOAD_FOR)

# How often `make bench` measures each part, and for how long. ONLY measures the parts whose names contain it.
ROUNDS ?= 5
FOR ?= 5s
ONLY ?=
BENCH = TEST_DATABASE_FOLDER=$${TMPDIR:-/tmp} go run ./pkg/store/storetest/pgtest -- \
	go test ./pkg/simtest -run '^$$' -bench '^BenchmarkHotPath$$' -benchtime 1x -timeout 2h \
	-args -rounds=$(ROUNDS) -round-for=$(FOR) -only='$(ONLY)'

# What `make mutants` breaks, and its flags: MUTANTFLAGS='-only change.go' tries one file, -every 5 each fifth mutant.
PKG ?= ./pkg/ledger
MUTANTFLAGS ?=

# The packages of `make quick`: those that need no whole server.
QUICK = $(addprefix ./pkg/,billing metric config mail catalog oidc store jobs stripegw token outbox ledger reconcile audit inbox account checkout)

# The tests that need PostgreSQL, for `make quick`, `test-sqlite` and `sqlite` to leave out. Whole tests come first: go
# test looks no further after a pattern of a subtest, because that matches each test in part.
POSTGRES_TESTS = OnPostgres$$|^($(shell paste -sd '|' .ci/postgres-alone))$$|/^postgres|//^postgres

# How long `make fuzz` runs each target.
FUZZTIME ?= 60s

# How many requests `make fuzz-api` sends to each database; SEED says which.
REQUESTS ?= 20000

# How the suite and the attacks are tested; `make check` uses the race detector.
GOTEST = go test
ATTACK ?= go test
# SQLite is C translated to Go. Under the race detector it would take three times as long, and show no race of ours.
# What a test builds itself is built as it is shipped.
RACE = env CGO_ENABLED=1 go test -race -gcflags=github.com/ncruces/go-sqlite3-wasm/...=-race=false -exec "env CGO_ENABLED=0"

# TESTFLAGS go to `go test`: make test TESTFLAGS='-race -run Spend'
TESTFLAGS ?=

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help dev demo test test-sqlite quick cover bench benchmarks generate screenshots check generated format vet lint tidy contract postman postman-serve client client-pack shop-client guides site browser conformance attack fuzz fuzz-api sbom vuln speed npm release release-check release-dry-run sim sim-long proofs counts mutants login-load tools build docker-steps postgres promtool race servers sqlite

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

dev: ## run the API, the local Stripe and SQLite: no account needed anywhere
	@echo 'Building. With empty caches, this takes about two minutes; later, seconds.'
	$(POINTSYNC) dev

demo: ## play the whole story once, and fail if a step goes wrong
	$(HEADLINE) 'demo: the whole story'
	$(POINTSYNC) demo

test: postgres promtool ## run the whole suite, on SQLite and on a real PostgreSQL
	$(HEADLINE) 'test: the suite, on SQLite and PostgreSQL'
	go run ./pkg/store/storetest/pgtest -- $(GOTEST) $(TESTFLAGS) ./...

test-sqlite: ## without PostgreSQL: the tests of pkg/, api and cmd on SQLite, without the simulation
	$(HEADLINE) 'test-sqlite: the tests on SQLite'
	go test -short -skip '$(POSTGRES_TESTS)' $(TESTFLAGS) $(QUICK) ./pkg/sandbox/... ./api ./cmd/pointsync

quick: format vet lint ## with Go alone: format, vet, lint, and the tests of pkg/ on SQLite
	$(HEADLINE) 'quick: the tests of pkg/ on SQLite'
	go test -short -skip '$(POSTGRES_TESTS)' $(QUICK)

cover: postgres promtool ## print how much of the code the whole suite covers; writes coverage.html
	$(HEADLINE) 'cover: the suite'
	go run ./pkg/store/storetest/pgtest -- go test -coverpkg=./api/...,./cmd/...,./pkg/... -coverprofile=coverage.out ./...
	go tool cover -html=coverage.out -o coverage.html
	go tool cover -func=coverage.out | tail -1

bench: postgres ## measure spends beside pgbench: make bench ROUNDS=1 FOR=3s; docs/performance.md says what it prints
	$(HEADLINE) 'bench: spends and webhooks, beside pgbench'
	@.ci/need pgbench
	$(BENCH)

benchmarks: postgres ## run the benchmarks of the packages
	$(HEADLINE) 'benchmarks: those of the packages'
	go run ./pkg/store/storetest/pgtest -- go test -run '^$$' -bench . -benchmem $(TESTFLAGS) ./...

generate: ## write the generated code; run it after a change of openapi.yaml or catalog.yaml
	go -C tools mod download github.com/stripe/stripe-mock
	STRIPE_OPENAPI="$$(go -C tools list -m -f '{{.Dir}}' github.com/stripe/stripe-mock)/embedded/openapi" go generate ./...

screenshots: $(NODE_TOOLS) ## take the pictures of the shop, the console and the sandbox's pages again, into docs/screenshots
	@.ci/need chromium
	node .ci/screenshots.mjs

# What takes seconds comes first, and ends the check where it fails. The rest runs in two lanes beside each other. A
# step that writes what another one reads is in the same lane. The suite leaves the attacks out: they are a step of
# their own, which prints how many there were.
check: export ATTACK = $(RACE)
# With the flags of the Dockerfile, everything is compiled only twice: as it is shipped, and for the race detector.
# `make vet` has looked before a test begins, and no one debugs what the check builds. Memory costs less than time.
check: export GOFLAGS = -trimpath -ldflags=-w -vet=off
check: export CGO_ENABLED = 0
check: export GOGC = 400
check: generated format vet lint tidy $(NODE_TOOLS) postgres promtool ## run all that must pass before a change lands
	$(HEADLINE) 'check: the other steps, in two lanes; each prints what it said when it has ended'
	node .ci/lanes.mjs 'contract build docker-steps demo postman postman-serve client npm guides site browser sim sqlite' \
		'tools conformance speed attack servers race'

generated: ## check that the generated code is what `make generate` writes
	$(HEADLINE) 'generated: the generated code is current'
	.ci/generated

format: ## check that the code is formatted
	$(HEADLINE) 'format: gofmt'
	@files=$$(find . -name '*.go' -not -path '*/node_modules/*' -exec gofmt -l {} +); \
		if [ -n "$$files" ]; then echo "not formatted (gofmt -w fixes it):"; echo "$$files"; exit 1; fi

vet: ## run go vet
	$(HEADLINE) 'vet: go vet'
	go vet ./...

lint: ## golangci-lint, at the version that tools/lint/go.mod pins; .golangci.yml says what it checks
	$(HEADLINE) 'lint: golangci-lint'
	"$$(go -C tools/lint tool -n golangci-lint)" run ./...

tidy: ## check that go.mod and go.sum name exactly what is used, here and in tools
	$(HEADLINE) 'tidy: go mod tidy'
	go mod tidy -diff
	go -C tools mod tidy -diff

tools: ## test tools/mutants on a package whose mutants have known results, and the manifests of Kubernetes
	$(HEADLINE) 'tools: the tests of tools/mutants and tools/manifests'
	go -C tools vet ./mutants ./manifests
	go -C tools test ./mutants ./manifests

contract: $(NODE_TOOLS) ## lint openapi.yaml, and compile a client that a generator writes from it
	$(HEADLINE) 'contract: redocly lint'
	tools/node_modules/.bin/redocly lint --config tools/redocly.yaml openapi.yaml
	$(HEADLINE) 'contract: spectral lint'
	tools/node_modules/.bin/spectral lint --ruleset tools/spectral.yaml --fail-severity hint openapi.yaml
	$(HEADLINE) 'contract: a generated client'
	node .ci/generators.mjs

postman: $(NODE_TOOLS) ## run the Postman collections against a fresh `dev`, whole and folder by folder
	$(HEADLINE) 'postman: the collections, against a fresh dev'
	node .ci/postman.mjs

postman-serve: $(NODE_TOOLS) postgres ## run the Postman collections against two `serve` on PostgreSQL, with the local Stripe
	$(HEADLINE) 'postman-serve: the collections, against two servers on PostgreSQL'
	go run ./pkg/store/storetest/pgtest -- node .ci/postman.mjs serve

client: $(NODE_TOOLS) ## build the TypeScript client; check its types and size; test it in Node and Chromium against a fresh `dev`
	$(HEADLINE) 'client: the TypeScript client, against a fresh dev'
	@.ci/need chromium
	node .ci/client.mjs

client-pack: $(NODE_TOOLS) ## build the TypeScript client and pack it into bin, for `npm install`
	node .ci/client.mjs --pack

shop-client: $(NODE_TOOLS) ## write the TypeScript client in one file for the demo shop; run it after a change of the client
	node .ci/client.mjs --shop

guides: $(NODE_TOOLS) ## do what docs/guides say, each in an empty folder and against a fresh `dev`
	$(HEADLINE) 'guides: docs/guides, as they say'
	@.ci/need chromium
	node .ci/guides.mjs

npm: ## pack the npm package for this computer, install it offline in an empty folder, and run `npx pointsync dev`
	$(HEADLINE) 'npm: the npm package, from an empty folder'
	@.ci/need node npm
	node .ci/npm.mjs

site: $(NODE_TOOLS) ## build docs and the contract as a static site in bin/site, and check its links
	$(HEADLINE) 'site: docs as a static site'
	node .ci/site.mjs

browser: $(NODE_TOOLS) ## walk through the shop and the sandbox's pages in a real browser, and check them against WCAG 2.1
	$(HEADLINE) 'browser: the shop and the pages, in a real browser'
	@.ci/need chromium
	node .ci/browser.mjs

conformance: $(NODE_TOOLS) ## check the sandbox against Stripe's own document, fixtures, mock, second SDK and command line
	$(HEADLINE) 'conformance: the sandbox against the official material'
	go -C tools vet ./conformance
	go -C tools test ./conformance
	node --test tools/conformance/node/*.test.mjs

attack: postgres ## send some 1,000 hostile requests to a whole server, check each refusal, and print their number
	$(HEADLINE) 'attack: hostile requests, on SQLite and PostgreSQL'
	go run ./pkg/store/storetest/pgtest -- $(ATTACK) ./api -count=1 -v -run '^TestAttack$$'

fuzz: postgres ## run each fuzz target for FUZZTIME (60s)
	$(HEADLINE) 'fuzz: each target for $(FUZZTIME)'
	.ci/fuzz $(FUZZTIME)

fuzz-api: postgres ## send REQUESTS requests made from openapi.yaml to a whole server: make fuzz-api REQUESTS=20000 SEED=7
	$(HEADLINE) 'fuzz-api: $(REQUESTS) requests of seed $(SEED), on SQLite and on PostgreSQL'
	go run ./pkg/store/storetest/pgtest -- go test ./api -count=1 -v -run '^TestFuzzAPI$$' -timeout 6h \
		-args -fuzz-requests=$(REQUESTS) -fuzz-seed=$(SEED)

sbom: ## write bin/pointsync.cdx.json: every module in the program, with its licence (CycloneDX)
	$(HEADLINE) 'sbom: the modules in the program'
	.ci/sbom bin/pointsync.cdx.json

release-check: ## check .goreleaser.yaml
	$(HEADLINE) 'release-check: .goreleaser.yaml'
	"$$(go -C tools/release tool -n goreleaser)" check

release-dry-run: ## make all that a release is made of in dist/, and publish nothing
	$(HEADLINE) 'release-dry-run: archives, checksums, bills of materials, image, cask, npm packages'
	@.ci/need node npm
	.ci/release-dry-run

release: ## publish the tag that is checked out; CI does it (docs/releasing.md)
	$(HEADLINE) 'release: publish'
	@.ci/need node npm
	"$$(go -C tools/release tool -n goreleaser)" release --clean
	node docs/clients/npm/pack.mjs dist
	for package in dist/npm/pointsync-cli-*.tgz dist/npm/pointsync-[0-9]*.tgz; do npm publish "$$package" || exit 1; done

vuln: ## look for known vulnerabilities in what we call; needs the network, so it is not part of check
	$(HEADLINE) 'vuln: known vulnerabilities'
	.ci/vuln

speed: ## measure a paid checkout, and a year of renewals of 10,000 customers, in the sandbox
	$(HEADLINE) 'speed: the sandbox'
	go test -run '^$$' -bench 'PaidCheckout|YearOfRenewals' ./pkg/sandbox

sim: postgres ## simulate the whole system under faults: make sim SEED=7 SEEDS=1 USERS=4 STEPS=60 DATABASE=sqlite
	$(HEADLINE) 'sim: $(SEEDS) seeds from $(SEED), $(USERS) users and $(STEPS) steps each, on both databases'
	$(SIMULATE) -timeout 24h -args -seed=$(SEED) -seeds=$(SEEDS) -users=$(USERS) -steps=$(STEPS) -database=$(DATABASE) $(SIMFLAGS)

sim-long: postgres ## simulate a large shop for months: LONG_USERS, LONG_EVENTS, LONG_FOR; writes docs/simulation-long.md
	$(HEADLINE) 'sim-long: $(LONG_USERS) users and $(LONG_EVENTS) webhooks on PostgreSQL, a twentieth of both on SQLite'
	printf '# The long simulation\n\nWritten by `make sim-long`; [simulation.md](simulation.md) says what it does.\n\n' > $(LONG_REPORT)
	GOGC=300 $(SIMULATE_LONG) -database=postgres -long-users=$(LONG_USERS) -long-events=$(LONG_EVENTS)
	GOGC=300 $(SIMULATE_LONG) -database=sqlite -long-users=$$(($(LONG_USERS) / 20)) -long-events=$$(($(LONG_EVENTS) / 20))

proofs: postgres ## run the proofs of docs/proofs.md in their short form, as the suite does
	$(HEADLINE) 'proofs: restarts, kills and counts'
	$(PROVE)

counts: postgres ## run the proofs in full, which takes long; prints the report
	$(HEADLINE) 'counts: the proofs in full'
	$(PROVE) -timeout 6h -args -full

login-load: postgres ## measure what 200 clients that guess passwords cost spends and logins: make login-load LOAD_FOR=10s
	$(HEADLINE) 'login-load: spends and logins while passwords are guessed'
	$(LOGIN_LOAD)

mutants: postgres ## break a package in small ways, and list the breaks that its tests do not notice: make mutants PKG=./pkg/ledger
	$(HEADLINE) 'mutants: $(PKG)'
	go run ./pkg/store/storetest/pgtest -- go -C tools run ./mutants -root $(CURDIR) $(MUTANTFLAGS) $(PKG)

build: ## build bin/pointsync: static, without cgo
	$(HEADLINE) 'build: without cgo'
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o bin/pointsync ./cmd/pointsync

docker-steps: ## do what the Dockerfile does, without a container engine
	$(HEADLINE) 'docker-steps: the Dockerfile, step by step'
	.ci/docker-steps

# The suite as `make check` runs it, in three steps and without TestAttack. Our code is the same on both databases, so
# the race detector sees it once, on PostgreSQL. The tests that start whole servers run once, on both.
SERVERS = ./cmd/pointsync ./pkg/simtest
race: postgres
	@.ci/need gcc
	$(HEADLINE) 'race: the tests on PostgreSQL, with the race detector'
	go run ./pkg/store/storetest/pgtest -- $(RACE) -timeout 40m -skip '^TestAttack$$|/^sqlite|//^sqlite' \
		$$(go list ./... | grep -vxF "$$(go list $(SERVERS))")

servers: postgres promtool
	@.ci/need gcc
	$(HEADLINE) 'servers: the tests that start servers, on both databases, with the race detector'
	go run ./pkg/store/storetest/pgtest -- $(RACE) -timeout 40m $(SERVERS)

sqlite:
	$(HEADLINE) 'sqlite: the tests on SQLite, without the race detector'
	go test -timeout 40m -skip '^TestAttack$$|$(POSTGRES_TESTS)' $(QUICK) ./api

# Installs PostgreSQL if it is needed and possible. If it is not possible, it says what to do.
postgres:
	@.ci/postgres

# The same for promtool, which evaluates the alerts.
promtool:
	@.ci/promtool

$(NODE_TOOLS): tools/package-lock.json
	@.ci/need node npm
	npm ci --prefix tools --no-progress
	@touch $@
