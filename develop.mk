# What only developers need; the Makefile includes this.
#
#   lint        the form of the tree: .editorconfig, .clang-format, cppcheck, shellcheck
#   clang       everything built by clang, without a warning
#   soak        the pipeline killed at 200 random moments, twice: half an hour
#   cluster-check  the pipeline on two Slurm nodes on this machine, with 20 events at random
#               moments: jobs cancelled, a node's daemon or make killed: four minutes
#   memcheck    the checks of kernels and nets under valgrind
#   tsan        nets, pca, neighbours, threaded reading, training, writing, under ThreadSanitizer
#   aarch64     the checks of kernels and nets for another processor, by its emulator
#   fuzz        every parser under libFuzzer, FUZZ_SECONDS=600 each; fuzzers builds them; HEIF=1:
#               that of HEIF and AVIF too, whose first inputs heif-enc makes (libheif-examples)
#   bench       training and encoding against PyTorch and SGEMM
#   bench-X     X = shapes, encode, pca, map, report, scaling, images, reference, quality, memory,
#               cluster: see below
#   lint-deps   packages that lint and clang need besides those of the tests

LINT_PACKAGES = editorconfig clang-format-14 cppcheck shellcheck libomp-14-dev
lint-deps: PACKAGES = $(LINT_PACKAGES) $(TEST_PACKAGES)
lint:
	@BUILD=$(BUILD) tests/lint
CLANG = clang-14
clang:
	$(MAKE) CC='$(CLANG)' CFLAGS='$(CFLAGS) -Werror' BUILD=build/clang BIN=build/clang/bin \
		all checks
soak: all
	KILLS=200 tests/run 62-killed.bats
cluster-check: all checks
	KILLS=20 tests/run 65-cluster.bats
.PHONY: lint clang soak cluster-check

# --- other ways to run the checks ---

# valgrind knows no AVX-512.
memcheck: $(BUILD)/tests/check-kernels $(BUILD)/tests/check-net
	for isa in avx2 base; do \
		OMP_NUM_THREADS=2 valgrind -q --error-exitcode=9 $(BUILD)/tests/check-kernels $$isa; \
		OMP_NUM_THREADS=2 valgrind -q --error-exitcode=9 $(BUILD)/tests/check-net $$isa; \
	done

# By clang and its libomp, whose synchronisation ThreadSanitizer knows. 66 is the status of a run
# with a race in it.
TSAN = build/tsan
tsan: export TSAN_OPTIONS = ignore_noninstrumented_modules=1
tsan:
	$(MAKE) CC='$(CLANG)' CFLAGS='-O1 -g -fsanitize=thread' HARDEN= BUILD=$(TSAN) \
		BIN=$(TSAN)/bin all $(TSAN)/tests/check-net
	OMP_NUM_THREADS=4 $(TSAN)/tests/check-net avx2 10
	rm -rf $(TSAN)/run; mkdir $(TSAN)/run
	cd $(TSAN)/run; ../bin/draw-samples --count 8 -o samples; \
	../bin/draw-samples --count 8 --seed 2 -o samples; \
	../bin/import-images samples --size 16 --threads 4 --index images.tsv -o images.npy.zst; \
	../bin/augment images.npy.zst --margin 3 --threads 4 -o train.npy.zst; \
	../bin/train-stage train.npy.zst images.npy.zst --threads 4 --isa avx2 --noise 0.1 \
		--epochs 2 --batch 16 --filters 12 -o model.safetensors.zst; \
	../bin/encode-stage model.safetensors.zst images.npy.zst --threads 4 --isa avx2 \
		-o codes.npy.zst; \
	../bin/pca codes.npy.zst --threads 4 -o coordinates.npy.zst; \
	../bin/neighbours codes.npy.zst --index images.tsv --threads 4 >accuracy.tsv

# Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user.
ARITHMETIC = $(patsubst common/%.c,%,$(filter-out common/kernels/isa.c common/kernels/kernels-%,\
	$(wildcard common/kernels/*.c))) net/spec net/share net/layer net/layer-plan \
	net/layer-weights net/norm net/net base/profile base/rng base/ranks base/report
aarch64: ARM = build/aarch64
aarch64:
	$(MAKE) CC=aarch64-linux-gnu-gcc BUILD=$(ARM) LIBRARIES=-lm \
		OBJECTS='$(ARITHMETIC:%=$(ARM)/%.o) $$(KERNELS)' \
		$(ARM)/tests/check-kernels $(ARM)/tests/check-net
	qemu-aarch64 -L /usr/aarch64-linux-gnu $(ARM)/tests/check-kernels base
	qemu-aarch64 -L /usr/aarch64-linux-gnu $(ARM)/tests/check-net base 20
.PHONY: memcheck tsan aarch64

# --- fuzzing ---

# The parsers, fuzz/X.c on all of common that reads; arithmetic is not instrumented.
FUZZ_SECONDS = 600
FUZZ_CC = clang-14
FUZZ_SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_COMPILE = $(FUZZ_CC) $(CPPFLAGS) -O1 -g $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link -Ifuzz \
	$(filter-out -fopenmp,$(FLAGS)) -Wno-unknown-pragmas
FUZZ_TARGETS := $(patsubst fuzz/%.c,%,$(filter-out fuzz/fuzz.c $(if $(HEIF),,fuzz/heif.c), \
	$(wildcard fuzz/*.c)))
FUZZ_PARTS = base/report $(patsubst common/%.c,%,$(wildcard common/cli/*.c common/files/*.c \
	common/pictures/*.c)) net/checkpoint net/model analysis/basis analysis/inspect
FUZZ_OBJECTS := $(FUZZ_PARTS:%=$(BUILD)/fuzz/common/%.o)
fuzzers: $(FUZZ_TARGETS:%=$(BUILD)/fuzz/%) $(BUILD)/tests/check-pictures
$(BUILD)/fuzz/common/%.o: common/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(FUZZ_COMPILE) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%.o: fuzz/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(FUZZ_COMPILE) -MMD -MP -c -o $@ $<
$(BUILD)/fuzz/%: $(BUILD)/fuzz/%.o $(BUILD)/fuzz/fuzz.o $(FUZZ_OBJECTS) $(BUILD)/libkasane.a
	$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer -Wl,--wrap=exit,--wrap=fopen,--wrap=fclose \
		$(LDFLAGS) -o $@ $^ -l:libgomp.so.1 $(LDLIBS)
-include $(wildcard $(BUILD)/fuzz/*.d $(BUILD)/fuzz/common/*/*.d)
fuzz: all fuzzers
	fuzz/run -max_total_time=$(FUZZ_SECONDS) $(FUZZ_TARGETS:self=)
.PHONY: fuzz fuzzers

# --- timings, each a table; against others where python3 has them ---

$(BUILD)/bench $(BUILD)/shapes $(BUILD)/products: $(BUILD)/%: bench/%.c $(BUILD)/libkasane.a
	$(LINK) -o $@ $^ $(LDLIBS)
$(BUILD)/libpng $(BUILD)/libjpeg $(BUILD)/peak: $(BUILD)/%: bench/%.c $(BUILD)/flags
	$(LINK) -o $@ $< -lpng -ljpeg
bench: $(BUILD)/bench
	$(BUILD)/bench
# What a multiplication costs in layers of other shapes.
bench-shapes: $(BUILD)/shapes
	$(BUILD)/shapes
# Files in, files out, against PyTorch, scikit-learn and libpng.
bench-encode bench-pca bench-scaling bench-map bench-report: bench-%: all
	bench/$*
# A search against the bare SGEMM of its product: 1.3 GB of rows, below $$TMPDIR.
bench-neighbours: all $(BUILD)/products $(BUILD)/peak
	BUILD=$(abspath $(BUILD)) bench/neighbours
# DATA=folder of PNG files.
bench-images: all $(BUILD)/libpng $(BUILD)/libjpeg $(BUILD)/tests/check-pictures
	bench/images "$(DATA)"
	bench/jpegs
# DATA=folder of PNG files, [EPOCHS=3], [N=images]: takes minutes.
bench-reference: all
	bench/reference "$(DATA)" $(or $(EPOCHS),3) $(N)
# DATA=folder of images in class folders, [ACCURACY=0.70], [EPOCHS="2 5 10 20"]: takes minutes.
bench-quality: all
	bench/quality "$(DATA)" $(or $(ACCURACY),0.70) $(EPOCHS)
# Peak memory of each program, and training from disk against training from memory.
bench-memory: all $(BUILD)/peak
	bench/memory

# Ranks of MPI against threads; what a step and a whole run take on more machines.
bench-cluster: all $(RANKS)
	BUILD=$(abspath $(BUILD)) bench/cluster
.PHONY: bench bench-shapes bench-memory bench-encode bench-pca bench-map bench-report \
	bench-cluster bench-scaling bench-images bench-reference bench-quality bench-neighbours
