# Builds every stages/X.c into bin/X. Goals: all (default), deps, demo, check, test, soak, fuzz, bench, bench-memory, memcheck, tsan, aarch64, install, clean.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:

CC = gcc
CFLAGS = -O3 -g
PREFIX = /usr/local
BUILD = build
BIN = bin

# SAN=1: everything under gcc's address and undefined-behaviour sanitizers, in folders of its own. A finding aborts, and its text is kept in
# build/san/report.*. They are linked in, which leaves LD_PRELOAD to the tests. Without expensive optimizations nothing is contracted.
ifdef SAN
CFLAGS = -O1 -fexpensive-optimizations -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -static-libasan -static-libubsan
BUILD = build/san
BIN = build/san/bin
# gcc's bug 110027: 64-byte vectors lie askew in the frames kept apart to see their use after the return.
SAN_VECTORS = --param asan-use-after-return=0
export ASAN_OPTIONS = abort_on_error=1:detect_leaks=0:detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1:log_path=$(abspath $(BUILD))/report
export UBSAN_OPTIONS = abort_on_error=1:print_stacktrace=1:log_path=$(abspath $(BUILD))/report
endif

# ISO C gives no contraction of a*b+c: what rounds, rounds the same in every build.
override FLAGS = -std=c11 -D_GNU_SOURCE -Iinclude -fopenmp -ffp-contract=off -fno-math-errno \
	-Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes
LDLIBS = -lpng -ldeflate -lzstd -lxxhash -ljansson -lpthread -ldl -lm

PACKAGES = gcc make pkg-config libc6-dev libgomp1 libpng-dev libdeflate-dev libzstd-dev libxxhash-dev libjansson-dev libopenblas0-pthread \
	gnuplot-nox fonts-dejavu-core zstd
TEST_PACKAGES = bats procps xxhash clang-14 libclang-rt-14-dev

# kernels-simd.c is compiled once for each of these; kernels.c chooses at start.
ISAS := base $(if $(findstring x86_64,$(shell $(CC) -dumpmachine 2>/dev/null)),avx2 avx512)
ISA_avx2 = -mavx2 -mfma
ISA_avx512 = -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma

PROGRAMS := $(patsubst stages/%.c,$(BIN)/%,$(wildcard stages/*.c))
ROOMS = base cli files pictures samples kernels net analysis
OBJECTS := $(patsubst common/%.c,$(BUILD)/%.o,$(filter-out %/kernels-simd.c,$(wildcard $(ROOMS:%=common/%/*.c)))) \
	$(ISAS:%=$(BUILD)/kernels/kernels-%.o)

all: $(PROGRAMS)

# A file of the flags that changes only when they do; everything is rebuilt then.
COMPILE = $(CC) $(CFLAGS) $(FLAGS)
ifneq ($(file <$(BUILD)/flags),$(COMPILE))
$(BUILD)/flags: FORCE
endif
$(BUILD)/flags:
	@mkdir -p $(@D); printf '%s\n' '$(COMPILE)' >$@

$(BUILD)/%.o: common/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(ISAS:%=$(BUILD)/kernels/kernels-%.o): $(BUILD)/kernels/kernels-%.o: common/kernels/kernels-simd.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(ISA_$*) $(SAN_VECTORS) -ffp-contract=fast -MMD -MP -c -o $@ $<

$(BUILD)/stages/%.o: stages/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/libkasane.a: $(OBJECTS)
	rm -f $@; ar rcs $@ $^

$(BIN)/%: $(BUILD)/stages/%.o $(BUILD)/libkasane.a
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $^ $(LDLIBS)

-include $(wildcard $(BUILD)/*/*.d)

# Installs what is missing; asks nothing and needs root only where something is.
test-deps: PACKAGES += $(TEST_PACKAGES)
deps test-deps:
	@missing=; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	test -z "$$missing" || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing; }

# The main job from nothing: drawn images, features, coordinates, pictures, in out/demo.
demo: deps
	$(MAKE) -j$$(nproc) all
	$(MAKE) -f Makefile.pipeline features
	$(MAKE) -f Makefile.pipeline all
	@echo "look at out/demo: reconstruction.png, scatter-2d.png, scatter-3d.png, features.npy.zst"

# Programs to PREFIX/bin; the pipeline, as kasane-pipeline, with its settings and plots to PREFIX/share/kasane.
SHARE = $(PREFIX)/share/kasane
install: all
	install -D -t $(DESTDIR)$(PREFIX)/bin $(PROGRAMS)
	install -D -m 644 -t $(DESTDIR)$(SHARE) Makefile.pipeline
	cp -r configs plots pipeline $(DESTDIR)$(SHARE)/
	printf '#!/bin/sh\nexec make -f %s/Makefile.pipeline BIN=%s/bin "$$@"\n' '$(SHARE)' '$(PREFIX)' >$(DESTDIR)$(PREFIX)/bin/kasane-pipeline
	chmod 755 $(DESTDIR)$(PREFIX)/bin/kasane-pipeline

clean:
	rm -rf $(BUILD) $(BIN)

.PHONY: all deps test-deps demo install clean FORCE
FORCE:

# C checks: tests/check-X.c becomes build/tests/check-X; the bats files run them.
CHECKS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/check-*.c))
$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(COMPILE) -MMD -MP -c -o $@ $<
$(BUILD)/tests/reference.o: override FLAGS += $(if $(SAN),-fno-sanitize=all)  # the measure, not what is measured
$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/tests/reference.o $(BUILD)/libkasane.a
	$(COMPILE) -o $@ $^ $(LDLIBS)

# Everything a test needs, then every test.
check: test-deps
	$(MAKE) -j$$(nproc) all checks
	$(MAKE) test
checks: $(CHECKS)
# TESTS="20-formats.bats ...": only these files.
test: all checks
	@rm -f $(BUILD)/report.*
	BUILD=$(abspath $(BUILD)) BIN=$(abspath $(BIN)) tests/run $(TESTS)
	@! cat $(BUILD)/report.* 2>/dev/null   # no finding that a test took for the failure it wanted
# The kernel and net checks under valgrind, which knows no AVX-512.
memcheck: $(BUILD)/tests/check-kernels $(BUILD)/tests/check-net
	for isa in avx2 base; do \
		OMP_NUM_THREADS=2 valgrind -q --error-exitcode=9 $(BUILD)/tests/check-kernels $$isa; \
		OMP_NUM_THREADS=2 valgrind -q --error-exitcode=9 $(BUILD)/tests/check-net $$isa; \
	done
# The net checks and the threaded reading, training and writing under ThreadSanitizer: by clang and its libomp, whose synchronisation it knows
# (clang-14, libomp-14-dev). 66 is the status of a run with a race in it.
TSAN = build/tsan
tsan: export TSAN_OPTIONS = ignore_noninstrumented_modules=1
tsan:
	$(MAKE) CC=clang-14 CFLAGS='-O1 -g -fsanitize=thread' BUILD=$(TSAN) BIN=$(TSAN)/bin all $(TSAN)/tests/check-net
	OMP_NUM_THREADS=4 $(TSAN)/tests/check-net avx2 10
	rm -rf $(TSAN)/run; mkdir $(TSAN)/run
	cd $(TSAN)/run; ../bin/draw-samples --count 8 -o samples; ../bin/draw-samples --count 8 --seed 2 -o samples; ../bin/import-images samples --size 16 --threads 4 -o images.npy.zst; \
	../bin/augment images.npy.zst --margin 3 --threads 4 -o train.npy.zst; \
	../bin/train-stage train.npy.zst images.npy.zst --threads 4 --epochs 2 --batch 16 --filters 12 -o model.safetensors.zst; \
	../bin/encode-stage model.safetensors.zst train.npy.zst --threads 4 -o codes.npy.zst
.PHONY: memcheck tsan
# The kernel and net checks for another processor, by its emulator. Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user.
ARITHMETIC = kernels/kernels kernels/planes net/spec net/layer net/norm net/net base/profile base/rng base/report
aarch64: ARM = build/aarch64
aarch64:
	$(MAKE) CC=aarch64-linux-gnu-gcc BUILD=$(ARM) OBJECTS='$(ARITHMETIC:%=$(ARM)/%.o) $(ARM)/kernels/kernels-base.o' LDLIBS=-lm $(ARM)/tests/check-kernels $(ARM)/tests/check-net
	qemu-aarch64 -L /usr/aarch64-linux-gnu $(ARM)/tests/check-kernels base
	qemu-aarch64 -L /usr/aarch64-linux-gnu $(ARM)/tests/check-net base 20
.PHONY: aarch64
# The pipeline killed at 200 random moments, twice; half an hour.
soak: all
	KILLS=200 tests/run 62-killed.bats
.PHONY: check checks test soak

# The parsers under libFuzzer, fuzz/X.c on all of common that reads; arithmetic is not instrumented. make fuzz FUZZ_SECONDS=60
FUZZ_SECONDS = 600
FUZZ_CC = clang-14
FUZZ_SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_COMPILE = $(FUZZ_CC) -O1 -g $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link -Ifuzz $(filter-out -fopenmp,$(FLAGS)) -Wno-unknown-pragmas
FUZZ_TARGETS := $(patsubst fuzz/%.c,%,$(filter-out fuzz/fuzz.c,$(wildcard fuzz/*.c)))
FUZZ_PARTS = base/report $(patsubst common/%.c,%,$(wildcard common/cli/*.c common/files/*.c)) pictures/unpack pictures/image \
	net/checkpoint net/model analysis/basis analysis/inspect
FUZZ_OBJECTS := $(FUZZ_PARTS:%=$(BUILD)/fuzz/common/%.o)
fuzzers: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%)
$(BUILD)/fuzz/common/%.o: common/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(FUZZ_COMPILE) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%.o: fuzz/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(FUZZ_COMPILE) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(BUILD)/fuzz/fuzz.o $(FUZZ_OBJECTS) $(BUILD)/libkasane.a
	$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer -Wl,--wrap=exit,--wrap=fopen,--wrap=fclose -o $@ $^ -l:libgomp.so.1 $(LDLIBS)
-include $(wildcard $(BUILD)/fuzz/*.d $(BUILD)/fuzz/common/*/*.d)
fuzz: all fuzzers
	fuzz/run -max_total_time=$(FUZZ_SECONDS)
.PHONY: fuzz fuzzers

# Training and encoding against PyTorch, where python3-torch is installed, and against SGEMM.
$(BUILD)/bench: bench/bench.c $(BUILD)/libkasane.a
	$(COMPILE) -o $@ $^ $(LDLIBS)
bench: $(BUILD)/bench
	$(BUILD)/bench
# What a multiplication costs in layers of other shapes.
$(BUILD)/shapes: bench/shapes.c $(BUILD)/libkasane.a
	$(COMPILE) -o $@ $^ $(LDLIBS)
bench-shapes: $(BUILD)/shapes
	$(BUILD)/shapes

# The rest of what takes time, each a table: files in, files out, against PyTorch, scikit-learn and libpng, where python3 has them.
# A run of bench-reference, with DATA=folder of PNG files, [EPOCHS=3], [N=images], takes minutes.
bench-encode bench-pca bench-scaling: bench-%: all
	bench/$*
$(BUILD)/libpng: bench/libpng.c $(BUILD)/flags
	$(COMPILE) -o $@ $< -lpng
bench-images: all $(BUILD)/libpng
	bench/images "$(DATA)"
bench-reference: all
	bench/reference "$(DATA)" $(or $(EPOCHS),3) $(N)
# Peak memory of each program, and training from disk against training from memory.
$(BUILD)/peak: bench/peak.c $(BUILD)/flags
	$(COMPILE) -o $@ $<
bench-memory: all $(BUILD)/peak
	bench/memory
.PHONY: bench bench-shapes bench-memory bench-encode bench-pca bench-scaling bench-images bench-reference
