#!/usr/bin/env python3
"""Fails if a kernel was never launched: `every_kernel.py PROGRAM LAUNCHED PAGE SOURCE...`.

PROGRAM is the test program, LAUNCHED the list of kernels that it wrote (STINT_SIMT_LAUNCHED), PAGE the documentation,
SOURCE the files with kernels. Every `__global__` function of the sources must be in the program and on the page (as
**name**, without `_kernel`), and every instance of it launched."""

import re
import subprocess
import sys

DECLARED = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s+)?(\w+)\s*\(")


def instances(program):
    """Demangled names of the kernels compiled into a program."""
    listing = subprocess.run(["nm", "-C", "--defined-only", program], check=True, capture_output=True, text=True).stdout
    names = {line.split(" ", 2)[2] for line in listing.splitlines() if re.match(r"\S+ [tTwW] ", line)}
    return {name for name in names if re.search(r"::\w+_kernel[<(]", name) and "{lambda" not in name}


def base_name(instance):
    return re.search(r"::(\w+_kernel)[<(]", instance).group(1)


def problems(declared, compiled, launched, page):
    never = sorted(compiled - launched)
    missing = sorted(declared - {base_name(name) for name in compiled})
    wrong = sorted(name for name in declared if not name.endswith("_kernel"))
    unsaid = sorted(name for name in declared if f"**{name.removesuffix('_kernel')}**" not in page)
    return ([f"never launched: {name}" for name in never] + [f"never compiled: {name}" for name in missing] +
            [f"not named *_kernel: {name}" for name in wrong] + [f"not in docs/kernels.md: {name}" for name in unsaid])


def main():
    program, list_file, page, sources = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
    declared = {name for source in sources for name in DECLARED.findall(open(source).read())}
    launched = set(open(list_file).read().splitlines())
    compiled = instances(program)
    found = problems(declared, compiled, launched, open(page).read())
    for line in found:
        print(line)
    print(f"{len(declared)} kernels, {len(compiled)} instances, {len(launched)} launched")
    return 1 if found or not declared else 0


if __name__ == "__main__":
    sys.exit(main())
