"""The build hook: compile the fused engine's machine code into the wheel, or into the package of an editable install.

An installation from source compiles for this processor; ``GLASSNET_BUILD=all`` for every level of this kind of machine,
for wheels that others install; ``GLASSNET_BUILD=no`` for none. Where it can't be compiled, the installation succeeds,
and the engine is compiled at its first use.
"""

import os
import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: What compiling needs: the modules that the code is compiled from import them.
REQUIREMENTS = ["numba>=0.61", "scipy>=1.14", "platformdirs>=4.2"]
#: The Python versions and machines for which Numba has wheels.
PYTHON = ((3, 11), (3, 14))
MACHINES = ("x86_64", "amd64", "aarch64", "arm64")
FOLDER = "src/glassnet/engines/fused/objects"


class MachineCodeHook(BuildHookInterface):
    """Compiles the object files before the wheel is packed."""

    def dependencies(self) -> list[str]:
        """Return what the build environment needs."""
        supported = PYTHON[0] <= sys.version_info[:2] <= PYTHON[1] and platform.machine().lower() in MACHINES
        return REQUIREMENTS if self.target_name == "wheel" and supported and _asked() != "no" else []

    def initialize(self, version: str, build_data: dict) -> None:
        """Compile, and add the objects to the wheel."""
        if self.target_name != "wheel" or _asked() == "no":
            return
        root = Path(self.root)
        command = [sys.executable, "-m", "glassnet.engines.fused.build", "--folder", str(root / FOLDER)]
        command += ["--all-levels"] if _asked() == "all" else []
        environment = {**os.environ, "PYTHONPATH": str(root / "src")}
        self.app.display_info("compiling the machine code of the fused engine, about 20 s")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            if _asked() == "all":
                raise RuntimeError(done.stderr)
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            self.app.display_warning(f"the fused engine is not compiled: {last}; see `glassnet engine build`")
            return
        self.app.display_info(done.stdout.strip())
        build_data["artifacts"] += [f"{FOLDER}/*.o", f"{FOLDER}/*.json"]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{_platform_tag()}"


def _asked() -> str:
    return os.environ.get("GLASSNET_BUILD", "here")


def _platform_tag() -> str:
    """Return the wheel's platform.

    The objects need no version of glibc: they call functions of the C library that all of them have. So a wheel for
    others has the oldest tag that pip and llvmlite's wheels know.
    """
    tag = re.sub(r"\W", "_", sysconfig.get_platform())
    if _asked() != "all":
        return tag
    machine = platform.machine()
    if sys.platform == "linux":
        return f"manylinux_2_17_{machine}.manylinux2014_{machine}"
    return "macosx_11_0_arm64" if sys.platform == "darwin" and machine == "arm64" else tag
