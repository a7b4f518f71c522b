# Kasane: builds every stages/X.c into bin/X.
#
#   all (default)   the programs                     check      test-deps, build, every test
#   demo            deps, all, the pipeline on       test       the tests; TESTS="X.bats" for one
#                   drawn images, in out/demo        checks     the C checks that tests run
#   install         kasane, to PREFIX                deps       packages to build and run
#   clean           removes bin and build            test-deps  packages to test besides
#
# In install.mk: install uninstall dist deb. For developers, in develop.mk: lint clang soak
# memcheck tsan aarch64 fuzz fuzzers bench bench-X.
# Variables: CC CPPFLAGS CFLAGS LDFLAGS LDLIBS; HEIF=1 (HEIF and AVIF pictures, by libheif),
# MPI=1 (training and pca by several processes of mpirun, on several machines), HDF5= (no
# import-keras, though libhdf5 is installed), HARDEN= (not hardened), SAN=1 (sanitizers), BUILD and
# BIN (folders), PREFIX and DESTDIR.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

ifeq ($(origin CC),default)
CC = gcc
endif
CFLAGS ?= -O3 -g
PREFIX = /usr/local
BUILD = build
BIN = bin
HARDEN = -fstack-protector-strong -fPIE $(FORTIFY)
HARDEN_LINK = -pie -Wl,-z,relro,-z,now
# Needs optimization; a level of the user's own goes before.
FORTIFY = $(if $(findstring -O0,$(CFLAGS))$(findstring _FORTIFY_,$(CPPFLAGS) $(CFLAGS)),,$\
	-D_FORTIFY_SOURCE=2)

# SAN=1: everything under gcc's address and undefined-behaviour sanitizers, in folders of its own.
# A finding aborts, and its text is kept in build/san/report.*. They are linked in, which leaves
# LD_PRELOAD to the tests. Without expensive optimizations nothing is contracted.
ifdef SAN
CFLAGS = -O1 -fexpensive-optimizations -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all -static-libasan -static-libubsan
HARDEN =
BUILD = build/san
BIN = build/san/bin
# gcc's bug 110027: 64-byte vectors lie askew in the frames kept apart to see their use after the
# return.
SAN_VECTORS = --param asan-use-after-return=0
REPORT = log_path=$(abspath $(BUILD))/report
export ASAN_OPTIONS = abort_on_error=1:detect_leaks=0:detect_stack_use_after_return=1:$\
	strict_string_checks=1:allocator_may_return_null=1:$(REPORT)
export UBSAN_OPTIONS = abort_on_error=1:print_stacktrace=1:$(REPORT)
# What tests Make, shell scripts and gnuplot, compares numbers alone, or has sanitizers of its own,
# says the same without.
TESTS = $(filter-out 12-% 32-% 34-% 48-% 5% 62-% 63-fuzz.bats 65-% 70-%,$\
	$(notdir $(wildcard tests/*.bats)))
endif

# MPI=1: with mpicc, whose compiler is ours. base/ranks.c alone knows of it; train-stage, finetune
# and pca alone start it.
MPICC := OMPI_CC="$(CC)" MPICH_CC="$(CC)" mpicc
ifdef MPI
override CC := $(MPICC)
endif

# In import-keras alone.
HDF5 := $(shell pkg-config --exists hdf5 2>/dev/null && echo 1)
HDF5_FLAGS := $(if $(HDF5),-DHDF5 $(shell pkg-config --cflags hdf5))
HDF5_LIBRARY := $(if $(HDF5),$(shell pkg-config --libs hdf5))

# ISO C gives no contraction of a*b+c: what rounds, rounds the same in every build.
override FLAGS = -std=c11 -D_GNU_SOURCE -Iinclude -fopenmp -ffp-contract=off -fno-math-errno \
	-Wall -Wextra -Wshadow -Wvla -Wdeclaration-after-statement \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat-security $(if $(HEIF),-DHEIF) $(HDF5_FLAGS) \
	$(if $(MPI),-DKASANE_MPI)
override LDLIBS += $(LIBRARIES)
LIBRARIES = -Wl,--as-needed -ljpeg -lwebp -lwebpdemux -lgif -ltiff $(if $(HEIF),-lheif) -lpng \
	$(HDF5_LIBRARY) -llcms2 -ldeflate -lzstd -lxxhash -ljansson -lpthread -ldl -lm

PACKAGES = gcc make pkg-config libc6-dev libgomp1 libpng-dev libjpeg62-turbo-dev \
	libwebp-dev libgif-dev libtiff-dev liblcms2-dev $(if $(HEIF),libheif-dev) libdeflate-dev \
	libzstd-dev libxxhash-dev libjansson-dev libopenblas0-pthread gnuplot-nox fonts-dejavu-core zstd \
	$(if $(MPI),$(MPI_PACKAGES))
MPI_PACKAGES = libopenmpi-dev openmpi-bin
TEST_PACKAGES = $(MPI_PACKAGES) bats procps xxhash libjpeg-turbo-progs webp libtiff-tools clang-14 \
	libclang-rt-14-dev slurmctld slurmd slurm-client munge sshfs openssh-sftp-server \
	chromium chromium-driver curl jq libhdf5-dev python3-h5py

# Of npm, where there is one: programs of others that read what we export.
NODE_PACKAGES = onnxruntime-node @duckdb/node-api axe-core

# Each kernels-X.c is compiled once for each of these; processor.c chooses at the start.
ISAS := base $(if $(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null)),avx2 avx512)
ISA_avx2 = -mavx2 -mfma
ISA_avx512 = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma

KERNELS := $(foreach isa,$(ISAS),$(patsubst common/kernels/kernels-%.c,$\
	$(BUILD)/kernels/$(isa)/%.o,$(wildcard common/kernels/kernels-*.c)))

PROGRAMS := $(patsubst stages/%.c,$(BIN)/%,$(wildcard stages/*.c))
ROOMS = base cli files pictures samples kernels net analysis exchange report
OBJECTS := $(KERNELS) $(patsubst common/%.c,$(BUILD)/%.o,\
	$(filter-out common/kernels/kernels-%,$(wildcard $(ROOMS:%=common/%/*.c))))

all: $(PROGRAMS)

# --- compiling and linking ---

# The user's flags stand before ours, without which the bytes would not be the same.
COMPILE = $(CC) $(CPPFLAGS) $(HARDEN) $(CFLAGS) $(FLAGS)
LINK = $(COMPILE) $(if $(HARDEN),$(HARDEN_LINK)) $(LDFLAGS)

# A file of the flags that changes only when they do; everything is rebuilt then.
ifneq ($(file <$(BUILD)/flags),$(LINK) $(LDLIBS))
$(BUILD)/flags: FORCE
endif
$(BUILD)/flags:
	@mkdir -p $(@D); printf '%s\n' '$(LINK) $(LDLIBS)' >$@

$(BUILD)/%.o: common/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# Arithmetic on sizes that its callers checked: canaries would only cost.
$(KERNELS): private HARDEN = -fPIE
.SECONDEXPANSION:
$(KERNELS): $(BUILD)/kernels/%.o: common/kernels/kernels-$$(notdir $$*).c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(ISA_$(*D)) $(SAN_VECTORS) -ffp-contract=fast -MMD -MP -c -o $@ $<

# One object knows the version.
VERSION := $(file <VERSION)
%/cli/start.o: private override FLAGS += -DKASANE_VERSION='"$(VERSION)"'
$(BUILD)/cli/start.o $(BUILD)/fuzz/common/cli/start.o: VERSION

$(BUILD)/stages/%.o: stages/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

# The scripts of plots/ are part of the program plot: gnuplot_X is the text of X.gp.
$(BUILD)/plots.c: $(wildcard plots/*.gp)
	@mkdir -p $(@D)
	{ echo '#include "analysis/gnuplot.h"'; for f in $^; do n=$$(basename $$f .gp); \
	echo "const char gnuplot_$${n//-/_}[] ="; sed 's/[\\"?]/\\&/g; s/.*/"&\\n"/' $$f; \
	echo ';'; done; } >$@
$(BUILD)/plots.o: $(BUILD)/plots.c $(BUILD)/flags
	$(COMPILE) -c -o $@ $<
$(BIN)/plot: $(BUILD)/plots.o

# The files of report/ are part of the program report: the page, its style, its scripts in order.
PAGE_SCRIPTS := $(sort $(wildcard report/*.js))
$(BUILD)/page.c: report/page.html report/style.css $(PAGE_SCRIPTS)
	@mkdir -p $(@D)
	{ echo '#include "report/page.h"'; text() { echo "const char page_$$1[] ="; shift; \
	cat "$$@" | sed 's/[\\"?]/\\&/g; s/.*/"&\\n"/'; echo ';'; }; text html report/page.html; \
	text style report/style.css; text script $(PAGE_SCRIPTS); } >$@
$(BUILD)/page.o: $(BUILD)/page.c $(BUILD)/flags
	$(COMPILE) -c -o $@ $<
$(BIN)/report: $(BUILD)/page.o

$(BUILD)/libkasane.a: $(OBJECTS)
	rm -f $@; ar rcs $@ $^

$(BIN)/%: $(BUILD)/stages/%.o $(BUILD)/libkasane.a
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/kernels/*/*.d)

# --- packages, the demo ---

# Installs what is missing; asks nothing and needs root only where something is.
test-deps: PACKAGES += $(TEST_PACKAGES)
deps test-deps lint-deps:
	@missing=; for p in $(PACKAGES); do \
		dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; \
	done; \
	test -z "$$missing" || { apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; }

test-deps: node-deps
node-deps:
	@missing=; for p in $(NODE_PACKAGES); do \
		test -d build/node_modules/$$p || missing="$$missing $$p"; \
	done; \
	test -z "$$missing" || ! command -v npm >/dev/null || npm install --ignore-scripts --no-audit \
		--no-fund --no-save --silent --prefix build $(NODE_PACKAGES) || echo "no node packages: skipped"

# The main job from nothing: drawn images, features, coordinates, pictures, in out/demo.
demo: deps
	$(MAKE) -j$$(nproc) all
	$(MAKE) -f Makefile.pipeline features
	$(MAKE) -f Makefile.pipeline all
	@echo "look at out/demo/report.html"

clean:
	rm -rf $(BUILD) $(BIN)

.PHONY: all deps test-deps lint-deps node-deps demo clean FORCE
FORCE:

# --- tests ---

# C checks: tests/check-X.c becomes build/tests/check-X; the bats files run them.
CHECKS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/check-*.c))
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<
# The measure, not what is measured.
$(BUILD)/tests/reference.o: override FLAGS += $(if $(SAN),-O3 -fno-sanitize=all)
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/tests/reference.o $(BUILD)/libkasane.a
	$(LINK) -o $@ $^ $(LDLIBS)

# What MPI=1 would make of the three, beside those without, for tests of both.
RANKS := $(patsubst %,$(BUILD)/mpi/%,train-stage finetune pca)
$(RANKS) $(BUILD)/mpi/ranks.o: private override CC := $(MPICC)
$(BUILD)/mpi/ranks.o: common/base/ranks.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -DKASANE_MPI -MMD -MP -c -o $@ $<
$(RANKS): $(BUILD)/mpi/%: $(BUILD)/stages/%.o $(BUILD)/mpi/ranks.o $(BUILD)/libkasane.a
	$(LINK) -o $@ $^ $(LDLIBS)

# Everything a test needs, then every test.
check: test-deps
	$(MAKE) -j$$(nproc) all checks
	$(MAKE) test
checks: $(CHECKS) $(if $(shell command -v mpicc),$(RANKS))
test: all checks
	@rm -f $(BUILD)/report.*
	BUILD=$(abspath $(BUILD)) BIN=$(abspath $(BIN)) tests/run $(TESTS)
	@! cat $(BUILD)/report.* 2>/dev/null   # no finding that a test took for the failure it wanted
.PHONY: check checks test

include install.mk develop.mk
