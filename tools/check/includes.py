#!/usr/bin/env python3
"""Enforces who may include whom (docs/architecture.md): `includes.py` checks the tree, `includes.py --self-test` itself."""

import re
import subprocess
import sys
from pathlib import PurePath

# folder -> folders whose headers it may include, besides its own
ALLOWED = {
    "runtime": set(),
    "kernels": {"runtime"},
    "autograd": {"runtime", "kernels"},
    "layers": {"runtime", "kernels", "autograd"},
    "dist": {"runtime", "kernels"},
    "models": {"runtime", "kernels", "autograd", "layers"},
    "tools": {"runtime", "kernels", "autograd", "layers", "dist", "models"},
    "tests": {"runtime", "kernels", "autograd", "layers", "dist", "models", "tools"},
    "examples": {"runtime", "kernels", "autograd", "layers", "dist", "models"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]stint/([^>"]+)[>"]')


def problems(path, text):
    """What is wrong with the includes of one file, as a list of messages."""
    found = []
    folder = PurePath(path).parts[0]
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = PurePath(match.group(1))
        top = target.parts[0]
        if top != folder and top not in ALLOWED.get(folder, set()):
            found.append(f"{path}:{number}: {folder}/ may not include {top}/ ({target})")
        private = target.name.endswith("_kernels.h")
        if private and folder != "tests" and target.parent != PurePath(path).parent:
            found.append(f"{path}:{number}: {target} is private to its operator's folder")
    return found


def self_test():
    upward = problems("kernels/relu/relu.cpp", "#include <vector>\n#include <stint/autograd/tape.h>\n")
    assert upward == ["kernels/relu/relu.cpp:2: kernels/ may not include autograd/ (autograd/tape.h)"], upward
    assert problems("dist/sgd.cpp", "#include <stint/layers/module.h>") != []
    assert problems("layers/linear.cpp", "#include <stint/kernels/linear/linear_kernels.h>") != []
    assert problems("layers/linear.cpp", "#include <stint/kernels/linear/linear.h>") == []
    assert problems("kernels/linear/linear.cpp", "#include <stint/kernels/linear/linear_kernels.h>") == []


def main():
    self_test()
    if sys.argv[1:] == ["--self-test"]:
        return 0
    files = subprocess.run(["git", "ls-files", "*.h", "*.cuh", "*.cpp", "*.cu"], capture_output=True, text=True, check=True)
    found = []
    for path in files.stdout.split():
        with open(path, encoding="utf-8") as file:
            found += problems(path, file.read())
    print("\n".join(found) or "includes: every arrow points the right way")
    return 1 if found else 0


sys.exit(main())
