"""Machine code: found, verified, loaded and compiled on demand; the same bits wherever it comes from."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from glassnet.engines.fused import machine_code
from glassnet.engines.fused.build import build_objects, compile_object
from glassnet.engines.fused.machine_code import MachineCode, find_object, object_name, read_object
from glassnet.engines.fused.processor import LEVELS
from glassnet.errors import InputError

from .both_engines import python

#: Hash what training comes to under rules that could tell two compilations apart.
FIT = """
import hashlib, sys
import numpy as np
from glassnet import Settings, Structure, train
structure = Structure((40, 33, 4), ("gelu", "softmax"))
rng = np.random.default_rng(0)
x, y = rng.standard_normal((100, 40)).astype(np.float32), rng.integers(0, 4, 100)
found = hashlib.sha256()
for rule in ({}, {"optimizer": "lamb"}, {"optimizer": "lars"}, {"optimizer": "nadam", "dropout": 0.2},
             {"l1": 0.01, "l2": 0.01, "ema_decay": 0.9}, {"clip_norm": 0.1, "max_norm": 0.5}):
    trained = train(structure, x, y, Settings(engine="fused", epochs=3, **rule))
    assert trained.engine == "fused"
    found.update(trained.vector.tobytes())
    found.update(np.array([(epoch.loss, epoch.gradient_norm) for epoch in trained.history]).tobytes())
assert sys.modules.get("numba") is None
print(found.hexdigest())
"""
#: The same without Numba, in a process in which it can't be imported.
WITHOUT_NUMBA = "import sys\nsys.modules['numba'] = None\n" + FIT
X86 = platform.machine().lower() in ("x86_64", "amd64")
COMPILING = "compiling the training loop"


@pytest.fixture(scope="module")
def code() -> MachineCode:
    """Return the object for float32 that this process runs."""
    found = find_object("float32")
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder for compiled code; the package has none."""
    monkeypatch.setenv("GLASSNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(machine_code, "PACKAGED", tmp_path / "packaged")
    return machine_code.compiled_folder()


def put(code: MachineCode, folder: Path) -> Path:
    """Copy an object into a folder."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in (code.path, code.path.with_suffix(".json")):
        shutil.copy(path, folder / path.name)
        (folder / path.name).chmod(0o600)
    return folder / code.path.name


@pytest.mark.skipif(os.name != "posix", reason="links are made like this on POSIX")
@pytest.mark.parametrize("linked", [os.symlink, os.link])
def test_a_link_instead_of_the_lock_overwrites_nothing(
    code: MachineCode, folder: Path, tmp_path: Path, linked: Callable[[Path, Path], None]
) -> None:
    lock = put(code, folder).with_suffix(".lock")
    assert [found.code for found in build_objects(folder, ["float32"])] == [code.code]
    lock.unlink()
    (tmp_path / "victim").write_text("precious")
    linked(tmp_path / "victim", lock)
    with pytest.raises(InputError, match=r"\.lock: can't be written: it is .*; remove it"):
        build_objects(folder, ["float32"])
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other rights")
def test_code_in_a_folder_of_others_is_not_taken_on_demand_either(code: MachineCode, folder: Path) -> None:
    put(code, folder)
    folder.chmod(0o777)
    assert find_object("float32") is None
    with pytest.raises(InputError, match="other users can write to it, so that its code would not be run"):
        build_objects(folder, ["float32"])


def test_an_object_is_found_where_it_was_compiled_or_installed(code: MachineCode, folder: Path) -> None:
    assert find_object("float32") is None
    path = put(code, folder)
    found = find_object("float32")
    assert found is not None and found.path == path
    path = put(code, machine_code.PACKAGED)
    found = find_object("float32")
    assert found is not None and found.path == path


@pytest.mark.parametrize("suffix", [".o", ".json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "noise"])
def test_a_damaged_object_is_not_run(suffix: str, damage: str, code: MachineCode, folder: Path) -> None:
    path = put(code, folder).with_suffix(suffix)
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "noise": b"\x80noise" + whole[6:]}[damage])
    assert find_object("float32") is None


@pytest.mark.parametrize("facts", [{"sources": "of another version"}, {"sources": None}, [], "text", None])
def test_an_object_of_another_version_is_not_run(facts: object, code: MachineCode, folder: Path) -> None:
    path = put(code, folder)
    whole = json.loads(path.with_suffix(".json").read_bytes())
    path.with_suffix(".json").write_text(json.dumps({**whole, **facts} if isinstance(facts, dict) else facts))
    assert read_object(path) is None and find_object("float32") is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has other rights")
@pytest.mark.parametrize("place", ["folder", ".o", ".json"])
@pytest.mark.parametrize("risk", ["others can write", "a link"])
def test_what_others_could_have_put_there_is_not_run(place: str, risk: str, code: MachineCode, folder: Path) -> None:
    path = put(code, folder)
    risky = folder if place == "folder" else path.with_suffix(place)
    if risk == "others can write":
        risky.chmod(0o777)
    else:
        risky.rename(folder.parent / "elsewhere")
        risky.symlink_to(folder.parent / "elsewhere")
    assert read_object(path) is not None and find_object("float32") is None


def test_the_sources_are_all_modules_that_the_code_is_compiled_from() -> None:
    found = python("""
import sys
import glassnet.engines.fused.compiler
from glassnet.engines.fused.machine_code import SOURCES
print(*sorted(name for name in sys.modules if name.startswith("glassnet.engines.fused.")))
print(*SOURCES)
""").stdout.splitlines()
    imported = {name.replace("glassnet.", "").replace(".", "/") + ".py" for name in found[0].split()}
    not_compiled = {"engines/fused/machine_code.py"}
    assert imported - not_compiled == {name for name in found[1].split() if name.startswith("engines")}


def test_training_needs_no_numba_and_gives_the_same_bits_in_every_process() -> None:
    done = [python(WITHOUT_NUMBA) for _ in range(2)]
    assert done[0].stdout == done[1].stdout and COMPILING not in done[0].stderr


@pytest.mark.slow  # it compiles
def test_code_compiled_on_demand_gives_the_same_bits(tmp_path: Path) -> None:
    """For the very processor at hand, not its level; a line says that it is compiled, and how to avoid that."""
    done = python(FIT, 300, GLASSNET_PROCESSOR="native", GLASSNET_CACHE_DIR=str(tmp_path))
    assert COMPILING in done.stderr and "`glassnet engine build` does it in advance" in done.stderr
    again = python(FIT, GLASSNET_PROCESSOR="native", GLASSNET_CACHE_DIR=str(tmp_path))
    assert COMPILING not in again.stderr
    assert done.stdout == again.stdout == python(FIT).stdout


@pytest.mark.slow
def test_an_object_is_the_same_bytes_however_often_it_is_compiled(code: MachineCode) -> None:
    assert compile_object("float32").code == code.code


@pytest.mark.slow
def test_two_processes_at_once_with_an_empty_folder_compile_once(tmp_path: Path) -> None:
    environment = {**os.environ, "GLASSNET_PROCESSOR": "native", "GLASSNET_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", FIT], stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(2)
    ]
    found = {process.communicate(timeout=300)[0] for process in both}
    assert found == {python(FIT).stdout}


@pytest.mark.skipif(not X86, reason="levels of x86-64")
def test_the_code_for_avx2_has_no_instruction_of_avx512_and_runs() -> None:
    """Disassembled by LLVM: no 512-bit or mask register, none of the 16 registers that only AVX-512 has."""
    level = next(level for level in LEVELS if level.name == "x86-64-v3")
    (code,) = build_objects(machine_code.compiled_folder(), ["float32"], level)
    instructions = disassembled(code.path)
    assert len(re.findall(r"\bv?fmadd\w+", instructions)) > 100
    assert not re.findall(r"%?\b(zmm\d+|k[0-7]|[xy]mm(?:1[6-9]|2\d|3[01]))\b", instructions)
    done = python(FIT, 300, GLASSNET_PROCESSOR="x86-64-v3")
    assert len(done.stdout.strip()) == 64


def disassembled(path: Path) -> str:
    """Return the instructions of an object, or skip the test: it needs objdump."""
    tool = shutil.which("objdump") or shutil.which("llvm-objdump")
    if tool is None:
        pytest.skip("no objdump")
    return subprocess.run([tool, "-d", str(path)], capture_output=True, check=True, text=True).stdout


def test_without_an_object_and_without_numba_the_error_says_what_to_do(tmp_path: Path) -> None:
    found = python(WITHOUT_NUMBA, check=False, GLASSNET_PROCESSOR="native", GLASSNET_CACHE_DIR=str(tmp_path))
    assert "glassnet[build]" in found.stderr and "`glassnet engine build`" in found.stderr


def test_a_folder_that_can_not_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=r"file/inside.*GLASSNET_CACHE_DIR"):
        build_objects(tmp_path / "file" / "inside", ["float32"])


def test_a_compiler_that_fails_is_an_error_with_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glassnet.engines.fused.build.sys.executable", "/bin/false")
    with pytest.raises(InputError, match="could not be compiled: exit status 1"):
        compile_object("float32")


def test_the_folder_is_where_the_environment_says(tmp_path: Path) -> None:
    where = "from glassnet.engines.fused.machine_code import compiled_folder; print(compiled_folder())"
    assert Path(python(where, GLASSNET_CACHE_DIR=str(tmp_path)).stdout.strip()).parent == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep caches elsewhere")
def test_without_a_home_code_is_cached_in_the_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    where = "from glassnet._utils.cache_folder import user_cache_folder; print(user_cache_folder())"
    variables = {"GLASSNET_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    assert Path(python(where, **variables).stdout.strip()) == tmp_path / f"glassnet-{os.getuid()}"


def test_names_of_objects_differ_by_level_vectors_checks_and_dtype() -> None:
    name = "from glassnet.engines.fused.machine_code import object_name; print(object_name('float32'))"
    switches: list[dict[str, str]] = [
        {}, {"GLASSNET_VECTOR_BYTES": "16"}, {"GLASSNET_CHECKED": "1"}, {"GLASSNET_PROCESSOR": "native"}
    ]  # fmt: skip
    names = [python(name, **switch).stdout.strip() for switch in switches] + [object_name(np.float64)]
    assert len(set(names)) == len(names)


def test_an_unknown_processor_is_an_error_that_names_those_there_are() -> None:
    done = python("import glassnet.engines.fused.engine", check=False, GLASSNET_PROCESSOR="pentium")
    assert "GLASSNET_PROCESSOR is 'pentium'; here it can be" in done.stderr
