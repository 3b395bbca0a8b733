# What people type. `make` installs what the build needs, then builds build/mailhandler.
#
# CMake does the building; this file only knows the order of things. Every target works on a bare
# Debian 12 with nothing but make, apt and a network.

SHELL    := /bin/bash
BUILD    ?= build
JOBS     ?= $(shell nproc)
SUDO     := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1

PACKAGES := g++ cmake ninja-build ccache pkg-config make \
  libboost1.81-dev libboost-filesystem1.81-dev libssl-dev libtomlplusplus-dev libcli11-dev \
  nlohmann-json3-dev libfmt-dev libexpected-dev libidn2-dev libunistring-dev libcrypt-dev libc-ares-dev libspf2-dev zlib1g-dev
TEST_PACKAGES := catch2 python3 python3-srs gsasl openssl strace zstd procps man-db groff-base \
  python3-gi gir1.2-gmime-3.0
PEER_PACKAGES := python3 iproute2 procps util-linux zstd swaks libnet-ssleay-perl python3-dkim openssl
FUZZ_PACKAGES := clang-14 libclang-rt-14-dev
LINT_PACKAGES := clang-16
COVERAGE_PACKAGES := gcovr

# need PACKAGES…: installs those that are missing, and says nothing when none is.
need = @missing=$$(dpkg-query -W -f='$${db:Status-Abbrev} $${Package}\n' $(1) 2>/dev/null \
         | awk '$$1=="ii"{print $$2}' | sort -u | comm -13 - <(printf '%s\n' $(1) | sort -u)); \
       if [ -n "$$missing" ]; then echo "installing: $$missing"; \
         $(SUDO) apt-get update -qq && \
         $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

.PHONY: all deps test-deps release test sanitize fuzz clang coverage interop bench soak demo install clean

all: deps
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DMAILHANDLER_TESTS=OFF >/dev/null
	@cmake --build $(BUILD) -j $(JOBS) --target mailhandler

deps:
	$(call need,$(PACKAGES))

test-deps: deps
	$(call need,$(TEST_PACKAGES))

release: deps
	@cmake -S . -B $(BUILD)/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DMAILHANDLER_TESTS=OFF >/dev/null
	@cmake --build $(BUILD)/release -j $(JOBS) --target mailhandler

test: test-deps
	@tests/support/phases.sh $(BUILD)

sanitize: test-deps
	@tests/support/phases.sh $(BUILD)/sanitize -DMAILHANDLER_SANITIZE=ON

# Both need root: they run other people's servers in namespaces of their own. BENCH and INTEROP
# are handed to the scripts.
bench: release
	$(call need,$(PEER_PACKAGES))
	@python3 tests/bench/run.py $(BENCH)

interop: all
	$(call need,$(PEER_PACKAGES))
	@failed=; for script in tests/interop/run_*.py; do \
	  MAILHANDLER=$(abspath $(BUILD))/mailhandler python3 $$script $(INTEROP) || failed="$$failed $$script"; done; \
	[ -z "$$failed" ] || { echo "FAILED:$$failed"; exit 1; }

# Hours of trouble: kills, power cuts, an hour of mixed load, IMAP sessions, abuse. tests/soak/README.md says what is
# shown and how to shorten it. The power cuts need root.
soak: all
	$(call need,python3 util-linux e2fsprogs gcc strace)
	@failed=; for script in $(or $(SOAK),kills power endurance sessions abuse); do \
	  MAILHANDLER=$(abspath $(BUILD))/mailhandler python3 tests/soak/$$script.py || failed="$$failed $$script"; done; \
	[ -z "$$failed" ] || { echo "FAILED:$$failed"; exit 1; }

# The worked example on loopback; DEMO=--keep leaves its two roots.
demo: all
	$(call need,python3 swaks libnet-ssleay-perl)
	@MAILHANDLER=$(abspath $(BUILD))/mailhandler python3 tests/demo/run.py $(DEMO)

# Every fuzzer a minute, two at a time; FUZZ_SECONDS=600 for longer, FUZZ="pop3_server names" for some.
fuzz: test-deps
	$(call need,$(FUZZ_PACKAGES))
	@cmake -S . -B $(BUILD)/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++-14 -DMAILHANDLER_FUZZ=ON \
	  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
	@cmake --build $(BUILD)/fuzz -j $(JOBS) --target fuzzers
	@tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ)

# How much of the sessions (SMTP, POP3, IMAP, both ends) their own tests run, without a socket; below 90 of 100
# lines it fails.
SESSIONS := wire smtp pop3 imap
coverage: test-deps
	$(call need,$(COVERAGE_PACKAGES))
	@cmake -S . -B $(BUILD)/coverage -G Ninja -DMAILHANDLER_COVERAGE=ON -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
	@cmake --build $(BUILD)/coverage -j $(JOBS) --target $(SESSIONS:%=test_%)
	@find $(BUILD)/coverage -name '*.gcda' -delete
	@set -e; for room in $(SESSIONS); do $(BUILD)/coverage/tests/test_$$room >/dev/null; done
	@cd $(BUILD)/coverage && gcovr --root $(CURDIR) --filter '$(CURDIR)/core/($(subst $(eval ) ,|,$(SESSIONS)))/' --exclude-throw-branches \
	  --fail-under-line 90 .

# The whole tree by the other compiler; a warning is an error there.
clang: test-deps
	$(call need,$(LINT_PACKAGES))
	@cmake -S . -B $(BUILD)/clang -G Ninja -DCMAKE_CXX_COMPILER=clang++-16 -DCMAKE_CXX_FLAGS=-Werror \
	  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache >/dev/null
	@cmake --build $(BUILD)/clang -j $(JOBS)

install: release
	@DESTDIR="$(DESTDIR)" cmake --install $(BUILD)/release --prefix $(or $(PREFIX),/usr/local)

clean:
	rm -rf $(BUILD)
