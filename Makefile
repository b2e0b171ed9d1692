# meshproof. `make` alone, or `make help`, lists the targets.
#
# What make builds lies in the user's cache directory, never in the tree, but for dist/. A recipe that takes long is one line that
# starts with exec: the program is then make's own child, gets Ctrl-C from the terminal itself, and make says nothing
# and waits until it has cleaned up.

ifeq ($(filter output-sync,$(.FEATURES)),)
$(error GNU make 4 or newer is needed, this is $(or $(MAKE_VERSION),another make))
endif

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# Parameters: shown by `make help`, given as `make e2e OTP=27`, and passed on only where they are set, so that a
# default has one place (scripts/versions.env and the program). INSTALL and ENGINE go through the environment.
# They are declared in e2e/run/options, whose test compares these lines with it.
#: PROFILE=dns-a    profiles to run: names under fixtures/profiles, folders, or files
#: OTP=             Erlang/OTP release of the application's image: 25, 27 or 29 (default: the pinned one)
#: K8S=             Kubernetes version of the cluster that is made: 1.37, 1.36 or 1.35 (default: the pinned one)
#: NODES=1          nodes of the cluster that is made, 1 to 20
#: IP=4             addresses of the cluster that is made: 4, 6, or dual (both, IPv4 first)
#: KEEP=            1 keeps the cluster, and the next run takes it over (about half the time)
#: CONTEXT=         use the cluster of this kubeconfig context and make none
#: PUSH=            push the images to this repository prefix, HOST/PATH; the nodes pull them from there (with CONTEXT=)
#: PULL_SECRET=     what the nodes pull with: a Secret NAMESPACE/NAME of the cluster, or a docker config.json (with PUSH=)
#: SCENARIOS=       scenarios to record beside formation, or all (default: those of the profile, else all but those that run on request only)
#: ACCEPT_UNSEEN=   1 accepts what is unknown only because the cluster refuses privileged pods (never mesh/full)
#: REPEAT=          run each profile so often, or the SCENARIOS with one mesh, and report flakes and how long each phase takes (make soak: 50)
#: MUTANTS=         for make kill-matrix: names under fixtures/mutants (default: all)
#: INSTALL=         0 forbids installing missing packages with apt
#: ENGINE=          docker or podman (default: whichever works)
#: ARGS=            further flags for the program that make runs
PROFILE ?= dns-a
export PROFILE OTP K8S NODES IP KEEP CONTEXT PUSH PULL_SECRET SCENARIOS ACCEPT_UNSEEN REPEAT INSTALL ENGINE

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/meshproof
# Binaries are named for the checkout, so that two checkouts do not replace each other's.
BIN := $(CACHE)/bin/$(firstword $(shell printf '%s' '$(CURDIR)' | cksum))
# Tools are named for what they are built from.
TOOLS := $(CACHE)/tools/$(firstword $(shell { cat scripts/tools/go.mod scripts/tools/go.sum; go env GOVERSION; } | cksum))
GOLANGCI_LINT := GOLANGCI_LINT_CACHE='$(CACHE)/golangci-lint' '$(TOOLS)/golangci-lint'
SHELL_FILES = $(shell grep -rlIE '^\#!.*/(env )?(ba)?sh' --exclude-dir=_build --exclude='*.go' .ci scripts fixtures erlang-app 2>/dev/null)

# The Ginkgo suite takes one dash (package flag), the meshproof binary two (cobra).
RUN_FLAGS = -profile "$$PROFILE" $${OTP:+-otp "$$OTP"} $${K8S:+-k8s "$$K8S"} $${NODES:+-nodes "$$NODES"} $${IP:+-ip "$$IP"} \
  $${KEEP:+-keep="$$KEEP"} $${CONTEXT:+-context "$$CONTEXT"} $${PUSH:+-push "$$PUSH"} $${PULL_SECRET:+-pull-secret "$$PULL_SECRET"} $${SCENARIOS:+-scenarios "$$SCENARIOS"} $${ACCEPT_UNSEEN:+-accept-unseen="$$ACCEPT_UNSEEN"} $(ARGS)
MATRIX_FLAGS = $${OTP:+--otp "$$OTP"} $${K8S:+--k8s "$$K8S"} $${NODES:+--nodes "$$NODES"} $${IP:+--ip "$$IP"} \
  $${KEEP:+--keep="$$KEEP"} $${CONTEXT:+--context "$$CONTEXT"} $${PUSH:+--push "$$PUSH"} $${PULL_SECRET:+--pull-secret "$$PULL_SECRET"} $${ACCEPT_UNSEEN:+--accept-unseen="$$ACCEPT_UNSEEN"} $(ARGS)

SOAK = exec $(BIN)/meshproof run --file "$$PROFILE" --repeat "$$REPEAT" $(MATRIX_FLAGS) $${SCENARIOS:+--scenarios "$$SCENARIOS"}

# What make help lists is no file.
.PHONY: FORCE $(shell sed -n 's/^\([a-z0-9-]*\):.*## .*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## list targets and parameters
	@echo 'Targets:'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'Parameters, with their defaults:'
	@sed -n 's/^#: /  /p' $(MAKEFILE_LIST)

build: $(BIN)/meshproof ## build the meshproof binary and say where it is
	@echo $(BIN)/meshproof

test: $(BIN)/gotally ## run every test that needs no cluster
	@exec $(BIN)/gotally $(or $(ARGS),./...)

lint: $(TOOLS)/.built ## run the linters: Go, import arrows, dead code, workflows, shell, Terraform
	@bad=; \
	echo go build for darwin; GOOS=darwin CGO_ENABLED=0 go build $$(go list -deps ./e2e/cmd/meshproof | grep ^meshproof.dev/) || bad="$$bad darwin"; \
	echo golangci-lint; $(GOLANGCI_LINT) run || bad="$$bad golangci-lint"; \
	echo actionlint; '$(TOOLS)/actionlint' || bad="$$bad actionlint"; \
	echo deadcode; scripts/deadcode.sh '$(TOOLS)/deadcode' || bad="$$bad deadcode"; \
	for f in $(SHELL_FILES); do bash -n "$$f" || bad="$$bad $$f"; done; \
	if command -v shellcheck >/dev/null; then echo shellcheck; shellcheck -e SC2016 $(SHELL_FILES) || bad="$$bad shellcheck"; \
	else echo 'shellcheck is not installed: shell files were only parsed'; fi; \
	echo terraform; go test -run 'Formatted|Attributes' ./scripts/gke || bad="$$bad scripts/gke"; \
	for t in terraform tofu; do ! command -v $$t >/dev/null || $$t fmt -check scripts/gke || bad="$$bad $$t-fmt"; done; \
	if [ -n "$$bad" ]; then echo "lint: not clean:$$bad"; exit 1; fi; echo 'lint: clean'

fmt: $(TOOLS)/.built ## format the Go code
	$(GOLANGCI_LINT) fmt

# What is repeated is no list of specs: it goes through the other program.
e2e: $(if $(REPEAT),$(BIN)/meshproof,$(BIN)/e2e.test) ## make a cluster, deploy, prove the mesh, clean up
	@$(if $(REPEAT),$(SOAK),MESHPROOF_E2E=1; export MESHPROOF_E2E; exec $(BIN)/e2e.test $(RUN_FLAGS))

kill-matrix: $(BIN)/meshproof ## prove that the checks can fail: run the broken variants
	@exec $(BIN)/meshproof kill-matrix $(MATRIX_FLAGS) $(MUTANTS)

soak: REPEAT := $(or $(N),$(REPEAT),50)
soak: $(BIN)/meshproof ## run PROFILE REPEAT=50 times (or N=) on one cluster: how often it is green, with an interval, and whether we leak (ten minutes)
	@$(SOAK)

record: $(BIN)/meshproof ## remake fixtures/recordings on a cluster; make test judges them
	@exec scripts/record.sh $(BIN)/meshproof $(MATRIX_FLAGS)

crash: $(BIN)/gotally ## end whole runs in the middle and see that nothing stays behind (an hour; ARGS='-run AsItWas' is a part)
	@MESHPROOF_CRASH_TEST=1; export MESHPROOF_CRASH_TEST; exec $(BIN)/gotally -count=1 -timeout=3h $(ARGS) ./e2e/crashtest

elsewhere: $(BIN)/gotally ## run on a cluster that is not ours, with a real registry beside it (ten minutes; ARGS='-run Domain' is a part)
	@MESHPROOF_ELSEWHERE_TEST=1; export MESHPROOF_ELSEWHERE_TEST; exec $(BIN)/gotally -count=1 -timeout=1h $(ARGS) ./e2e/elsewhere

pull: $(BIN)/gotally ## run a profile whose images come from a registry beside it, with each engine (some minutes)
	@MESHPROOF_PULL_TEST=1; export MESHPROOF_PULL_TEST; exec $(BIN)/gotally -count=1 -timeout=1h $(ARGS) ./e2e/pulltest

bench: $(BIN)/bench $(BIN)/e2e.test ## measure judging and observing; compare make e2e and a mesh view with doing the same by hand
	go test -run '^$$' -bench 'Judge|Checks|Matrix' ./e2e/check/rules ./e2e/judge ./e2e/erldist
	@exec $(BIN)/bench $(ARGS)

scale: $(BIN)/meshproof $(BIN)/scale ## measure what looking and judging cost as the mesh grows: N='5 20 50' pods (ARGS='-nodes 3' for three nodes)
	@exec $(BIN)/scale $(ARGS) $(or $(N),5 20 50)

recovery-table: $(BIN)/meshproof $(BIN)/recoverytable ## measure what is missing in docs/recovery-measured.md, and write it (hours; CELLS='recovery dns-a ticktime=8' is a part, ARGS=-list says what is left)
	@exec $(BIN)/recoverytable $(ARGS) $(CELLS)

fuzz: ## run every fuzz test, FUZZTIME=30s each
	@exec scripts/fuzz.sh $(FUZZTIME)

docs-commands: ## run the commands of docs/quick-start.md and docs/your-own-app.md in a fresh clone
	@exec scripts/docs-commands.sh docs/quick-start.md docs/your-own-app.md

DIST ?= dist
dist: $(BIN)/dist ## make the files of a release in dist/: programs, checksums, bills of materials, krew's manifest
	@exec $(BIN)/dist -out '$(DIST)' $(ARGS)

dist-check: ## try the release in dist/: compile it again elsewhere with empty caches, and run it alone
	scripts/reproduce.sh '$(DIST)' $(ARGS)
	@MESHPROOF_DIST='$(abspath $(DIST))'; export MESHPROOF_DIST; exec go test -count=1 -timeout=1h -v -run TestRelease ./scripts/dist

# These bring releases of their own, so that OTP= says little about them.
OWN_OTP := ejabberd mix-release mixed-otp rabbitmq upgrade-otp
profiles: ## every profile that takes OTP=, on three nodes
	@$(MAKE) e2e NODES=3 PROFILE="$(filter-out $(OWN_OTP),$(notdir $(wildcard fixtures/profiles/*)))"
profiles-own-otp: ## every profile that brings releases of its own
	@$(MAKE) e2e OTP= PROFILE="$(OWN_OTP)"

# These two leave a mesh that is not whole, by what they do; mutants have them.
BREAKING ?= -epmd-killed,-secret-rotated
scenarios: ## every scenario after which the mesh has to be whole, on three nodes
	@$(MAKE) e2e NODES=3 PROFILE="dns-a dns-srv" SCENARIOS="all,$(BREAKING)"

NIGHTLY_OTP ?= 25 27 29
# the minor versions of Kubernetes beside the pinned one
NIGHTLY_K8S ?= 1.36 1.35
# Mutants that need a cluster with addresses of that family say so.
mutants_of = $(notdir $(patsubst %/,%,$(dir $(shell grep -lx '  ip: $1' fixtures/mutants/*/mutant.yaml))))
ipv6: ## run what is for IPv6: profiles and mutants on a cluster with IPv6 addresses, and on one with both (ten minutes)
	$(MAKE) e2e IP=6 PROFILE="dns-a dns-srv kube-api rabbitmq"
	$(MAKE) e2e IP=6 NODES=3 PROFILE=dns-a
	$(MAKE) e2e IP=dual PROFILE="dns-a dns-srv rabbitmq"
	$(MAKE) kill-matrix IP=6 MUTANTS="$(call mutants_of,6)"
	$(MAKE) kill-matrix IP=dual MUTANTS="$(call mutants_of,dual)"

nightly: ## all of it: tests, fuzzing, each profile on each OTP release and three nodes, each Kubernetes, all scenarios, kill matrix, a soak, crashes, clusters of others, both engines
	$(MAKE) test
	$(MAKE) fuzz
	for otp in $(NIGHTLY_OTP); do $(MAKE) profiles OTP=$$otp || exit; done
	$(MAKE) profiles-own-otp
	for k8s in $(NIGHTLY_K8S); do $(MAKE) e2e K8S=$$k8s || exit; done
	$(MAKE) scenarios
	$(MAKE) kill-matrix
	$(MAKE) ipv6
	$(MAKE) soak N=100
	$(MAKE) crash
	$(MAKE) pull
	scripts/docker-daemon.sh run $(MAKE) e2e || [ $$? = 69 ] # 69: this machine cannot have a second docker daemon
	$(MAKE) dist dist-check
	$(MAKE) elsewhere
	$(MAKE) docs-commands

clean: $(BIN)/meshproof ## remove the clusters that meshproof made, and only those
	@exec $(BIN)/meshproof cluster clean $(ARGS)

clean-cache: ## remove what was built and downloaded (not run state, not Go's own caches); prints how much
	@scripts/clean-cache.sh '$(CACHE)'

# PROJECT=, and for gke-up REGION=, NODES= and AUTOPILOT=1; YES=1 does not ask. See docs/gke.md.
export PROJECT REGION AUTOPILOT YES
gke-up: ## make a GKE cluster and a registry for its images (costs money; docs/gke.md)
	@exec scripts/gke/gke.sh up

gke-push: $(BIN)/push ## build the images of PROFILE and push them to the registry of gke-up
	@PUSH='$(BIN)/push'; export PUSH; exec scripts/gke/gke.sh push

gke-e2e: $(BIN)/meshproof ## run PROFILE on the cluster of gke-up
	@MESHPROOF='$(BIN)/meshproof'; export MESHPROOF; exec scripts/gke/gke.sh e2e $(ARGS)

gke-down: ## remove what gke-up made, and look whether anything is left
	@exec scripts/gke/gke.sh down

# What the program was built from, for the reports; and where, for a run outside of a checkout.
LINK = -ldflags "-X 'meshproof.dev/meshproof/e2e/image.checkout=$(CURDIR)' -X meshproof.dev/meshproof/e2e/version.revision=$(shell git describe --always --dirty 2>/dev/null || echo unknown)"

# The go command knows best whether there is anything to do.
$(BIN)/meshproof: FORCE
	@go build $(LINK) -o $@ ./e2e/cmd/meshproof
$(BIN)/gotally: FORCE
	@go build -o $@ ./scripts/gotally
$(BIN)/dist: FORCE
	@go build -o $@ ./scripts/dist
$(BIN)/scale: FORCE
	@go build -o $@ ./scripts/scale
$(BIN)/recoverytable: FORCE
	@go build -o $@ ./scripts/recoverytable
$(BIN)/bench: FORCE
	@go build -o $@ ./scripts/bench
$(BIN)/push: FORCE
	@go build -o $@ ./scripts/gke/push
$(BIN)/e2e.test: FORCE
	@[ -e $@ ] || echo 'building the end-to-end suite (a few minutes, the first time)'
	@go test -c $(LINK) -o $@ ./e2e/suites

$(TOOLS)/.built:
	@echo 'building the linters, once for this state of scripts/tools (about three minutes on two cores)'
	@mkdir -p $(@D)
	@cd scripts/tools && go build -trimpath -ldflags '-s -w' -o $(@D)/ tool
	@touch $@
