"""A check of an installed wheel, run in an environment of its own: train with each object that this processor can run.

Needs nothing but glassnet and what it depends on; Numba must not be there.
"""

import importlib.util
import os
import subprocess
import sys

import numpy as np


def train() -> None:
    """Train on both engines and compare."""
    from glassnet import Settings, Structure, train
    from glassnet.engines.fused.machine_code import PACKAGED, find_object

    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 30))
    y = rng.integers(0, 4, 200)
    structure = Structure((30, 20, 4), ("gelu", "softmax"))
    for dtype, tolerance in (("float32", 1e-4), ("float64", 1e-10)):
        found = find_object(dtype)
        assert found is not None and found.path.parent == PACKAGED, f"no object for {dtype} in {PACKAGED}"
        vectors = []
        for engine in ("auto", "reference"):
            trained = train(structure, x.astype(dtype), y, Settings(engine=engine, dtype=dtype, epochs=3))
            assert trained.engine == ("fused" if engine == "auto" else engine)
            vectors.append(trained.vector)
        assert np.abs(vectors[0] - vectors[1]).max() < tolerance
        print(found.path.name, found.facts["compiler"])


def main() -> None:
    """Run the check in a process for each level."""
    if "--train" in sys.argv:
        train()
        return
    assert importlib.util.find_spec("numba") is None, "this environment has Numba"
    from glassnet.engines.fused.processor import LEVEL, LEVELS

    here = [level for level in LEVELS if level.machines == LEVEL.machines]
    assert LEVEL in here, f"there are no objects for {LEVEL.name}"
    for level in here[here.index(LEVEL) :]:  # the widest that this processor has, and those below
        environment = {**os.environ, "GLASSNET_PROCESSOR": level.name}
        subprocess.run([sys.executable, __file__, "--train"], env=environment, check=True)


if __name__ == "__main__":
    main()
