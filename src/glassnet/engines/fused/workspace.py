"""The workspace: the memory of one plan, and the loop run over it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.fused.kernel_args import ARGUMENTS, KernelArgs, addresses, argument_dtypes
from glassnet.engines.fused.layout import FLAGS, Plan, aligned
from glassnet.engines.fused.loader import Loop, load_loop
from glassnet.engines.fused.processor import SPARSE_ROWS
from glassnet.engines.fused.threads import run_threads
from glassnet.engines.interface import Rows, byte_values

#: Skipping is profitable below this share of nonzero terms: a tile with a list is a little slower.
PROFITABLE_BELOW = 0.7
#: Number of sampled tiles, and maximum of their numbers: sampled rows of CSR are made dense.
SAMPLED_TILES = 512
MAX_SAMPLED_NUMBERS = 2**22

_NONE: dict[Any, Array] = {kind: np.empty(0, kind) for kind in (np.int64, np.int32, np.uint8)}


class Workspace:
    """The arrays that a plan lays out.

    Parameters
    ----------
    plan : Plan
        The layout.
    skip_zeros : bool or None
        Whether to skip zeros of the input; None measures whether it is profitable. The result is the same.
    """

    def __init__(self, plan: Plan, skip_zeros: bool | None) -> None:
        self.plan = plan
        self.skip_zeros = skip_zeros
        dtype = plan.dtype
        self.net = plan.net[0]
        self.floats = aligned(plan.floats_size, dtype)
        self.ints = np.zeros(plan.ints_size, np.int64)
        self.ints[: len(plan.table)] = plan.table
        self.terms, self.bits = np.zeros(1, np.int32), np.zeros(1, np.uint64)
        self.stats = np.zeros(plan.stats_size)
        self.flags = aligned(FLAGS, np.int64)
        self._rows: Rows | None = None
        self._x: Any = None
        self._bound: tuple[Array, ...] = ()
        self._table = np.zeros(2 * len(ARGUMENTS), np.int64)
        self._vectors: list[Array] = []
        self._pairs: list[tuple[Array, Array]] = []
        self._held: list[bytes] = []
        self._loop: Loop | None = None
        at = int(self.net["settings_at"])
        self.floats[at : at + len(plan.settings)] = plan.settings

    def slot(self, number: int) -> Array:
        """Return the slot of the parameters (0) or of a moment."""
        size = int(self.net["slot"])
        return self.floats[number * size : (number + 1) * size]

    def slot_at(self, name: str) -> Array:
        """Return the slot of the ``ema`` or the ``gradients``."""
        at = int(self.net[f"{name}_at"])
        return self.floats[at : at + int(self.net["slot"])]

    def bind(self, rows: Rows) -> None:
        """Prepare for these rows: views of their arrays, the values of bytes, whether to skip zeros.

        Raises
        ------
        ValueError
            If an array does not have the dtype, size or contents that the loop relies on.
        """
        if rows is self._rows:
            return
        at = int(self.net["table_at"])
        self.floats[at : at + 256] = byte_values(rows.scale, self.plan.dtype)
        if rows.x is not self._x:
            self._choose_skipping(rows.x)
        net = self.plan.net
        memory = (net, self.plan.layers, self.floats, self.ints, self.terms, self.bits, self.stats, self.flags)
        self._bound = (*memory, *self._input_views(rows), *self._target_views(rows))
        self._validate(self._bound, len(rows))
        self._table[: 2 * len(self._bound)] = addresses(self._bound)
        self._x = rows.x
        self._rows = rows

    def _choose_skipping(self, x: Any) -> None:
        measures = self.skip_zeros is None and x.shape[1] >= SPARSE_ROWS
        skip_zeros = is_profitable(x, not self.net["only_forward"]) if measures else bool(self.skip_zeros)
        self.net["skip_zeros"] = skip_zeros and x.shape[1] >= SPARSE_ROWS
        if self.net["skip_zeros"] and len(self.terms) == 1:
            self.terms = np.zeros(self.plan.terms_size, np.int32)
            self.bits = np.zeros(self.plan.bits_size, np.uint64)

    def _input_views(self, rows: Rows) -> tuple[Array, Array, Array, Array]:
        """Return x, x_bytes, starts and columns of `KernelArgs`."""
        starts = _NONE[np.int64]
        columns = _NONE[np.int32]
        if self.net["sparse"]:
            x = rows.x.data
            starts = rows.x.indptr.astype(np.int64, copy=False)
            columns = rows.x.indices.astype(np.int32, copy=False)
        else:
            x = rows.x.reshape(-1)
        holds_bytes = x.dtype == np.uint8
        self.net["holds_bytes"] = holds_bytes
        numbers = np.empty(0, self.plan.dtype) if holds_bytes else x
        return numbers, x if holds_bytes else _NONE[np.uint8], starts, columns

    def _target_views(self, rows: Rows) -> tuple[Array, Array, Array]:
        """Return classes, values and weights of `KernelArgs`."""
        dtype = self.plan.dtype
        values = np.empty(0, dtype)
        classes = _NONE[np.int64]
        self.net["target_columns"] = 0
        if not self.net["only_forward"]:
            if rows.y.ndim == 1 and self.plan.structure.n_outputs > 1 and rows.y.dtype.kind in "iu":
                classes = np.ascontiguousarray(rows.y, np.int64)
            else:
                values = np.ascontiguousarray(rows.y, dtype).reshape(-1)
                self.net["target_columns"] = len(values) // len(rows)
        weights = np.empty(0, dtype) if rows.sample_weight is None else np.ascontiguousarray(rows.sample_weight, dtype)
        self.net["weighted"] = rows.sample_weight is not None
        return classes, values, weights

    def build_args(self, order: Array, steps: Array, keys: Array, outputs: Array, records: Array) -> KernelArgs:
        """Collect the arguments of the loop over the rows that `bind` was called with; views where possible.

        Raises
        ------
        ValueError
            If ``order`` names rows that there are not.
        """
        assert self._rows is not None
        order = np.ascontiguousarray(order, np.int64)
        if len(order) and (order.min() < 0 or order.max() >= len(self._rows)):
            raise ValueError("invalid arguments of the fused engine: order names rows that there are not")
        self.net["n_rows"] = len(order)
        steps = np.ascontiguousarray(steps, self.plan.dtype).reshape(-1)
        keys = np.ascontiguousarray(keys, np.uint32).reshape(-1)
        changing = (order, steps, keys, outputs.reshape(-1), records.reshape(-1))
        self._table[2 * len(self._bound) :] = addresses(changing)
        return KernelArgs(*(*self._bound, *changing))

    def run(self, args: KernelArgs, first_batch: int, batches: int, first_step: int) -> None:
        """Run batches first_batch … first_batch + batches - 1 on all threads. The arguments are the last ones built."""
        net = self.net
        threads = self.plan.threads
        net["first_batch"] = first_batch
        net["batches"] = batches
        net["first_step"] = first_step
        self._held = []  # until `store`: the run may end early
        if self._loop is None:
            self._loop = load_loop(self.plan.dtype)
        loop = self._loop
        address = self._table.ctypes.data

        def work(thread: int) -> None:
            if loop(thread, threads, address) < 0:
                raise IndexError("compiled code: an index lies beyond its array")  # only under GLASSNET_CHECKED

        run_threads(work, threads, args.flags)

    def load(self, vectors: list[tuple[Array, Array]]) -> None:
        """Copy flat vectors, parameters and moments, into their slots, unless the slots hold the same bits."""
        self._pair(vectors)
        if self._held != [vector.tobytes() for vector, _ in vectors]:
            for part, panel in self._pairs:
                panel[...] = part
            self.plan.transpose_weights(self.floats)

    def store(self, vectors: list[tuple[Array, Array]]) -> None:
        """Copy them back."""
        self._pair(vectors)
        for part, panel in self._pairs:
            part[...] = panel
        self._held = [vector.tobytes() for vector, _ in vectors]

    def _pair(self, vectors: list[tuple[Array, Array]]) -> None:
        """Find which views of the vectors and slots belong together, if the vectors are not the last ones."""
        given = [vector for vector, _ in vectors]
        if [id(vector) for vector in given] != [id(vector) for vector in self._vectors]:
            self._vectors = given
            self._pairs = [pair for vector, slot in vectors for pair in self.plan.paired_views(vector, slot)]
            self._held = []

    def _validate(self, bound: tuple[Array, ...], n_rows: int) -> None:
        """Check dtypes, sizes and indices once: compiled code does not check them."""
        plan = self.plan
        names = ARGUMENTS[: len(bound)]
        args = SimpleNamespace(**dict(zip(names, bound, strict=True)))
        features, k = (int(plan.layers["units"][index]) for index in (0, -1))
        facts = {
            "floats": args.floats.size >= plan.floats_size,
            "floats begin on a cache line": args.floats.ctypes.data % 64 == 0,
            "ints": args.ints.size >= plan.ints_size,
            "lists": not self.net["skip_zeros"]
            or (args.terms.size >= plan.terms_size and args.bits.size >= plan.bits_size),
            "stats": args.stats.size >= plan.stats_size,
            "x has all rows": bool(args.starts.size) or args.x.size + args.x_bytes.size == n_rows * features,
            "weights": args.weights.size in (0, n_rows),
            "truth": self.net["only_forward"] or args.values.size + args.classes.size >= n_rows,
            "classes": args.classes.size == 0 or (args.classes.min() >= 0 and args.classes.max() < k),
            "everything lies in one piece": all(array.flags.c_contiguous for array in bound),
        }
        if args.starts.size:
            facts["CSR"] = (
                args.starts.size == n_rows + 1 and args.starts[0] == 0 and bool((np.diff(args.starts) >= 0).all())
                and args.starts[-1] <= min(args.columns.size, args.x.size + args.x_bytes.size)
                and (args.columns.size == 0 or (args.columns.min() >= 0 and args.columns.max() < features))
            )  # fmt: skip
        wrong = [name for name, holds in facts.items() if not holds]
        dtypes = zip(names, bound, argument_dtypes(plan.dtype))  # noqa: B905  # those of the changing ones are set
        wrong += [f"{name} has dtype {array.dtype}" for name, array, dtype in dtypes if array.dtype != dtype]
        if wrong:
            raise ValueError(f"invalid arguments of the fused engine: {', '.join(wrong)}")


def is_profitable(x: Any, back: bool = True) -> bool:
    """Check whether skipping the zeros of x (rows, features), an array or CSR, is profitable for most tiles.

    A few hundred tiles of distant rows, as in shuffled batches, are sampled, forward and backward; fewer without a
    backward pass, which takes little time.
    """
    rows, features = x.shape
    if features < 8 * SPARSE_ROWS or rows < 8 * SPARSE_ROWS:
        return False
    tiles = min(
        SAMPLED_TILES if back else SAMPLED_TILES // 16,
        rows // SPARSE_ROWS,
        max(1, MAX_SAMPLED_NUMBERS // (SPARSE_ROWS * features)),
    )
    chosen = (np.arange(tiles * SPARSE_ROWS) * 7919) % rows
    some = x[chosen]
    nonzero: Array = np.asarray(some.toarray() if hasattr(some, "toarray") else some) != 0
    nonzero = nonzero.reshape(tiles, SPARSE_ROWS, features)
    forward = np.mean(np.any(nonzero, axis=1))
    if not back:
        return bool(forward < PROFITABLE_BELOW)
    whole_blocks = nonzero[..., : features // SPARSE_ROWS * SPARSE_ROWS].reshape(tiles, SPARSE_ROWS, -1, SPARSE_ROWS)
    backward = np.mean(np.any(whole_blocks, axis=-1))
    return bool(forward < PROFITABLE_BELOW and backward < PROFITABLE_BELOW)
