"""What pyproject.toml cannot say: the inner loops of `checkers/kernels` are compiled, where a compiler is at hand.

Each module there has a `.pxd` of the same name beside it with the C types of its variables. Where nothing can be
compiled the install goes on, and the same files run as they are, slower: `checkers.kernels.COMPILED` says which.
"""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = Path("checkers/kernels")
SHARED = "checkers.kernels.shared"
"""what Cython brings for memoryviews, compiled once instead of into each kernel"""

FLAGS = ["-O3", "-g0"]

extensions = [
    Extension(SHARED, [], extra_compile_args=FLAGS),
    *(
        Extension(
            f"checkers.kernels.{types.stem}",
            [types.with_suffix(".py").as_posix()],
            extra_compile_args=FLAGS,
        )
        for types in sorted(KERNELS.glob("*.pxd"))
    ),
]

modules = cythonize(
    extensions,
    build_dir="build/kernels",
    shared_utility_qualified_name=SHARED,
    compiler_directives={
        "language_level": 3,
        "annotation_typing": False,
        "boundscheck": False,
        "wraparound": False,
        "initializedcheck": False,
        "cdivision": True,
        "embedsignature": True,
    },
)
for module in modules:
    module.optional = True  # cythonize makes extensions of its own, which forget it

setup(ext_modules=modules)
