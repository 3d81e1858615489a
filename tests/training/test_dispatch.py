"""Which engine runs: the requested one if it supports the settings, or one selected by the sizes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glassnet import InputError, Settings, Structure, train
from glassnet.engines.fused.codes import supports
from glassnet.network.activations import ACTIVATIONS, Activation
from glassnet.network.losses import LOSSES
from glassnet.network.optimizers import OPTIMIZERS
from glassnet.training.dispatch import select_engine
from tests.engines.fused.both_engines import python

STRUCTURE = Structure((4, 5, 3), ("tanh", "softmax"))
X, Y = np.random.default_rng(0).standard_normal((40, 4)), np.arange(40) % 3
FUSED = Settings(engine="fused", epochs=2)


def chosen(settings: Settings, structure: Structure = STRUCTURE, rows: int = 40) -> str:
    return select_engine(settings, settings.objective(structure), settings.update_rule(), rows).name


def test_fused_is_selected_for_any_amount_of_work() -> None:
    assert train(STRUCTURE, X, Y, FUSED).engine == "fused"
    assert train(STRUCTURE, X[:1], Y[:1], replace(FUSED, epochs=1)).engine == "fused"


def test_reference_is_selected_for_any_amount_of_work() -> None:
    assert chosen(Settings(engine="reference", epochs=1000), rows=10**7) == "reference"


def test_auto_is_the_fused_engine_for_any_amount_of_work() -> None:
    assert train(STRUCTURE, X, Y, Settings(epochs=2)).engine == "fused"
    assert chosen(Settings(epochs=1), rows=1) == chosen(Settings(), rows=10**7) == "fused"


@pytest.mark.parametrize("compiler", [True, False])
def test_auto_without_machine_code_depends_on_the_sizes_only(compiler: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.fused.loader.has_machine_code", lambda dtype: False)
    monkeypatch.setattr("glassnet.engines.fused.machine_code.can_compile", lambda: compiler)
    wide = Structure((784, 128, 10), ("relu", "softmax"))
    assert chosen(Settings(epochs=1), wide, 100) == "reference"
    if not compiler:
        assert chosen(Settings(), wide, 300_000) == "reference"
        return
    assert chosen(Settings(), wide, 300_000) == "fused"
    assert chosen(Settings(threads=1), wide, 300_000) == "fused"


@pytest.mark.parametrize("what", ["activation", "output activation", "loss", "optimizer"])
def test_a_custom_function_runs_on_the_reference_engine(what: str) -> None:
    tanh, softmax = ACTIVATIONS["tanh"], ACTIVATIONS["softmax"]
    own = Activation("mine", lambda z, out=None: np.tanh(z, out=out), tanh.derivative)
    structure, settings = STRUCTURE, FUSED
    if what == "activation":
        structure = Structure((4, 5, 3), (own, softmax))
    elif what == "output activation":
        structure, settings = Structure((4, 5, 3), (tanh, own)), replace(FUSED, loss="half_mean_squared_error")
    elif what == "loss":
        cross = LOSSES["categorical_crossentropy"]
        settings = replace(
            FUSED, loss=replace(cross, name="mine", per_sample=lambda o, y, **s: cross.per_sample(o, y, **s))
        )
    else:
        own_rule = replace(OPTIMIZERS["adam"], name="mine", direction=lambda w, g, state, slices, **s: g)
        settings = replace(FUSED, optimizer=own_rule)
    assert train(structure, X, Y, settings).engine == "reference"


@pytest.mark.parametrize("what", ["function", "derivative", "per_sample", "loss derivative", "direction"])
def test_a_custom_function_with_a_registered_name_runs_on_the_reference_engine(what: str) -> None:
    structure, loss, optimizer = STRUCTURE, LOSSES["huber"], OPTIMIZERS["adam"]
    if what in ("function", "derivative"):
        other = replace(ACTIVATIONS["tanh"], **{what: lambda *arrays, out=None: np.tanh(arrays[0], out=out)})
        structure = Structure((4, 5, 3), (other, "identity"))
    elif what in ("per_sample", "loss derivative"):
        loss = replace(loss, **{what.split()[-1]: lambda o, y, **s: o - y})
    else:
        optimizer = replace(optimizer, direction=lambda w, g, state, slices, **s: g)
    settings = Settings(loss=loss, optimizer=optimizer, engine="fused")
    assert not supports(settings.objective(structure), settings.update_rule())
    assert chosen(settings, structure) == "reference"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_fused_engine_supports_every_registered_name(optimizer: str, loss: str) -> None:
    for activation in ACTIVATIONS:
        structure = Structure((4, 5, 3), (activation, LOSSES[loss].link or activation))
        settings = Settings(loss=loss, optimizer=optimizer)
        assert supports(settings.objective(structure), settings.update_rule())


def test_custom_settings_of_an_optimizer_of_the_library_run_on_the_fused_engine() -> None:
    settings = replace(FUSED, optimizer="adam", optimizer_settings={"beta_1": 0.5}, loss="focal")
    assert chosen(replace(settings, loss_settings={"gamma": 1.0})) == "fused"


def test_full_batches_by_lbfgs_run_on_the_reference_engine() -> None:
    assert train(STRUCTURE, X, Y, replace(FUSED, optimizer="lbfgs")).engine == "reference"


def test_an_unknown_engine_is_an_error_that_lists_the_engines() -> None:
    with pytest.raises(InputError, match=r"engine.*fusd.*fused"):
        Settings(engine="fusd")


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "all"])
def test_threads_must_be_a_positive_integer(threads) -> None:
    with pytest.raises(InputError, match="threads"):
        Settings(threads=threads)


SMALL_TRAINING = """
import sys
import glassnet, numpy as np
assert "numba" not in sys.modules and "llvmlite" not in sys.modules
x = np.random.default_rng(0).standard_normal((50, 4))
for _ in range(2):
    found = glassnet.train(glassnet.Structure((4, 5, 3), ("tanh", "softmax")), x, np.arange(50) % 3)
print(found.engine)
assert "numba" not in sys.modules
"""


def test_small_work_runs_on_the_fused_engine_without_numba() -> None:
    assert python(SMALL_TRAINING).stdout == "fused\n"


def test_small_work_never_waits_for_a_compiler_and_a_line_says_how_to_be_faster(tmp_path: Path) -> None:
    done = python(SMALL_TRAINING, GLASSNET_PROCESSOR="native", GLASSNET_CACHE_DIR=str(tmp_path))
    assert done.stdout == "reference\n" and not list(tmp_path.rglob("*.o"))
    assert done.stderr.count("several times slower") == 1 and "see `glassnet engine`" in done.stderr
