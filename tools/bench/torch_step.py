#!/usr/bin/env python3
"""PyTorch's side of a comparison: training steps (forward, backward, SGD with momentum) of a torchvision model.

A worker that is asked through standard input, so that it and stint can take turns without starting PyTorch again.
It first prints a line of JSON that describes it; then it answers every line `STEPS` with a line of JSON that has the
seconds of each step and the peak memory; the end of its input ends it."""

import argparse
import json
import re
import resource
import sys
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--model-kwargs", default="", help="as stint's: stem=cifar,...")
    parser.add_argument("--layout", default="channels-last", choices=["channels-last", "channels-first"])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--num-classes", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="f32", choices=["f32", "tf32", "bf16"])
    parser.add_argument("--compile", default="", help="mode of torch.compile: reduce-overhead, max-autotune, ...")
    parser.add_argument("--threads", type=int, default=0)
    return parser.parse_args()


def make_model(options):
    from torch_models import make_model as make_twin
    kwargs = dict(word.split("=", 1) for word in options.model_kwargs.split(",") if word)
    model = make_twin(options.model, kwargs, options.image_size, options.num_classes)
    return model.to(options.device, memory_format=memory_format(options)).train()


def memory_format(options):
    import torch
    return torch.channels_last if options.layout == "channels-last" else torch.contiguous_format


def libraries():
    """The allocator and the BLAS that are really in use."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "/lib" in line}
    return sorted(path for path in paths if re.search(r"jemalloc|blas\.so|openblas|libmkl_core", path))


class Steps:
    def __init__(self, options):
        import torch
        self.torch, self.options = torch, options
        self.model = make_model(options)
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        shape = (options.batch_size, 3, options.image_size, options.image_size)
        self.images = torch.randn(shape, device=options.device).contiguous(memory_format=memory_format(options))
        self.labels = torch.randint(options.num_classes, (options.batch_size,), device=options.device)
        self.forward = torch.compile(self.loss, mode=options.compile) if options.compile else self.loss

    def loss(self):
        torch = self.torch
        with torch.autocast(self.options.device.split(":")[0], torch.bfloat16, self.options.precision == "bf16"):
            return torch.nn.functional.cross_entropy(self.model(self.images), self.labels)

    def step(self):
        self.optimiser.zero_grad(set_to_none=True)
        self.forward().backward()
        self.optimiser.step()

    def wait(self):
        if self.options.device.startswith("cuda"):
            self.torch.cuda.synchronize()

    def timed(self, count):
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            self.step()
            self.wait()
            seconds.append(time.perf_counter() - start)
        return seconds

    def peak_bytes(self):
        if self.options.device.startswith("cuda"):
            return self.torch.cuda.max_memory_allocated()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    options = arguments()
    try:
        import torch
        import torchvision
    except ImportError as missing:
        sys.exit(f"torch_step: {missing}")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    steps = Steps(options)
    steps.timed(3)
    print(json.dumps({"torch": torch.__version__, "torchvision": torchvision.__version__, **vars(options),
                      "threads": torch.get_num_threads(), "libraries": libraries()}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": steps.timed(int(line)), "peak_bytes": steps.peak_bytes()}), flush=True)


if __name__ == "__main__":
    main()
