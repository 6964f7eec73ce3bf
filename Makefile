# A thin face over CMake. `make help` lists the targets.
BUILD ?= build
JOBS ?= $(shell nproc)
CMAKE_ARGS ?=
# Threads that soon wait asleep: as fast on an idle machine, several times faster on a busy one.
export GOMP_SPINCOUNT ?= 1000
DEMO = $(BUILD)/stint train --config examples/digits.yaml

.PHONY: help demo build test cuda bundle bench format

help:
	@echo "make demo    install what is missing, build, train a small ResNet on real digits"
	@echo "make test    install what is missing, build everything, pass every test"
	@echo "make build   build/stint"
	@echo "make bench   time of training steps: BENCH='--model resnet18 ...'"
	@echo "make format  clang-format over our sources"
	@echo "make cuda    build-cuda/stint, which also runs on CUDA devices (needs nvcc and cuDNN's headers)"
	@echo "make bundle  build-bundle/bundle.tar.gz: the CUDA build and its tests, to unpack on a GPU machine"

# Configures once; CMake itself notices later changes.
define configure
	@[ -f $(BUILD)/build.ninja ] || tools/check/configure.sh $(BUILD) $(CMAKE_ARGS)
endef

build:
	@tools/check/setup.sh build
	$(configure)
	@cmake --build $(BUILD) --parallel $(JOBS) --target stint_program

demo: build
	@$(DEMO)

# Tests run one at a time: each uses all cores, and two that wait for each other's threads only get slower.
test:
	@tools/check/setup.sh test
	@tools/check/configure.sh $(BUILD) -DSTINT_TESTS=ON $(CMAKE_ARGS)
	@cmake --build $(BUILD) --parallel $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure

# CUDA_ARCHITECTURES=90 builds for one architecture only.
cuda:
	@tools/check/setup.sh build
	@tools/check/configure.sh build-cuda -DSTINT_CUDA=ON \
	  $(if $(CUDA_ARCHITECTURES),-DCMAKE_CUDA_ARCHITECTURES=$(CUDA_ARCHITECTURES)) $(CMAKE_ARGS)
	@cmake --build build-cuda --parallel $(JOBS) --target stint_program

bundle:
	@tools/check/setup.sh test
	@tools/gpu/bundle.sh build-bundle $(CMAKE_ARGS)

BENCH ?= --dataset synthetic --image-size 32 --batch-size 128 --model resnet18 --model-kwargs stem=cifar
bench: build
	@$(BUILD)/stint bench $(BENCH)

format:
	@tools/check/setup.sh format
	@git ls-files -co --exclude-standard '*.h' '*.cpp' '*.cu' '*.cuh' | xargs clang-format -i
