"""The workspace: the memory of one plan, and the loop run over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.fused.kernel_args import ARGUMENTS, KernelArgs, address_table, argument_dtypes
from glassnet.engines.fused.layout import FLAGS, Plan, aligned
from glassnet.engines.fused.loader import load_loop
from glassnet.engines.fused.processor import SPARSE_ROWS
from glassnet.engines.fused.threads import run_threads
from glassnet.engines.interface import Rows, byte_values

#: Skipping is profitable below this share of nonzero terms: a tile with a list is a little slower.
PROFITABLE_BELOW = 0.7
#: Number of sampled tiles, and maximum of their numbers: sampled rows of CSR are made dense.
SAMPLED_TILES = 512
MAX_SAMPLED_NUMBERS = 2**22

_NONE: dict[Any, Array] = {kind: np.empty(0, kind) for kind in (np.int64, np.int32)}


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
        self._bound_inputs: Any = None
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

    def bind_inputs(self, x: Any, scale: float) -> None:
        """Set the values of bytes for these inputs, and whether to skip zeros."""
        at = int(self.net["table_at"])
        self.floats[at : at + 256] = byte_values(scale, self.plan.dtype)
        if x is self._bound_inputs:
            return
        self._bound_inputs = x
        enough = x.shape[1] >= 4
        skip_zeros = enough and (
            is_profitable(x, not self.net["only_forward"]) if self.skip_zeros is None else self.skip_zeros
        )
        self.net["skip_zeros"] = skip_zeros
        if skip_zeros and len(self.terms) == 1:
            self.terms = np.zeros(self.plan.terms_size, np.int32)
            self.bits = np.zeros(self.plan.bits_size, np.uint64)

    def build_args(
        self, rows: Rows, order: Array, steps: Array, keys: Array, outputs: Array, records: Array
    ) -> KernelArgs:
        """Collect the arguments of the loop: views, no copies.

        Raises
        ------
        ValueError
            If an array does not have the dtype, size or contents that the loop relies on.
        """
        dtype = self.plan.dtype
        units = self.plan.layers["units"]
        k = int(self.plan.layers["units"][-1])
        if self.net["sparse"]:
            x = rows.x.data
            starts = rows.x.indptr.astype(np.int64, copy=False)
            columns = rows.x.indices.astype(np.int32, copy=False)
        else:
            x = rows.x.reshape(-1)
            starts = _NONE[np.int64]
            columns = _NONE[np.int32]
        values = np.empty(0, dtype)
        classes = _NONE[np.int64]
        self.net["target_columns"] = 0
        if not self.net["only_forward"]:
            if rows.y.ndim == 1 and k > 1 and rows.y.dtype.kind in "iu":
                classes = np.ascontiguousarray(rows.y, np.int64)
            else:
                values = np.ascontiguousarray(rows.y, dtype).reshape(-1)
                self.net["target_columns"] = len(values) // len(rows)
        weights = np.empty(0, dtype) if rows.sample_weight is None else np.ascontiguousarray(rows.sample_weight, dtype)
        self.net["weighted"] = rows.sample_weight is not None
        self.net["n_rows"] = len(order)
        holds_bytes = x.dtype == np.uint8
        self.net["holds_bytes"] = holds_bytes
        args = KernelArgs(
            net=self.plan.net,
            layers=self.plan.layers,
            floats=self.floats,
            ints=self.ints,
            terms=self.terms,
            bits=self.bits,
            stats=self.stats,
            x=np.empty(0, dtype) if holds_bytes else x,
            x_bytes=x if holds_bytes else np.empty(0, np.uint8),
            starts=starts,
            columns=columns,
            order=np.ascontiguousarray(order, np.int64),
            classes=classes,
            values=values,
            weights=weights,
            steps=np.ascontiguousarray(steps, dtype).reshape(-1),
            keys=np.ascontiguousarray(keys, np.uint32).reshape(-1),
            outputs=outputs.reshape(-1),
            records=records.reshape(-1),
            flags=self.flags,
        )
        self._validate(args, len(rows), int(units[0]), k)
        return args

    def run(self, args: KernelArgs, first_batch: int, batches: int, first_step: int) -> None:
        """Run batches first_batch … first_batch + batches - 1 on all threads."""
        net = self.net
        threads = self.plan.threads
        net["first_batch"], net["batches"], net["first_step"] = first_batch, batches, first_step
        loop = load_loop(self.plan.dtype)
        table = address_table(args)
        address = table.ctypes.data

        def work(thread: int) -> None:
            if loop(thread, threads, address) < 0:
                raise IndexError("compiled code: an index lies beyond its array")  # only under GLASSNET_CHECKED

        run_threads(work, threads, self.flags)

    def _validate(self, args: KernelArgs, n_rows: int, features: int, k: int) -> None:
        """Check dtypes, sizes and indices once: compiled code does not check them."""
        plan = self.plan
        dtype = self.plan.dtype
        order = args.order
        count = len(args.order)
        facts = {
            "floats": args.floats.size >= plan.floats_size,
            "floats begin on a cache line": args.floats.ctypes.data % 64 == 0,
            "ints": args.ints.size >= plan.ints_size,
            "lists": not args.net["skip_zeros"][0]
            or (args.terms.size >= plan.terms_size and args.bits.size >= plan.bits_size),
            "stats": args.stats.size >= plan.stats_size,
            "outputs": not args.net["stores_outputs"][0] or args.outputs.size > 0 or count == 0,
            "x has all rows": bool(args.starts.size) or args.x.size + args.x_bytes.size == n_rows * features,
            "order names rows": count == 0 or (order.min() >= 0 and order.max() < n_rows),
            "weights": args.weights.size in (0, n_rows),
            "truth": args.net["only_forward"][0] or args.values.size + args.classes.size >= n_rows,
            "classes": args.classes.size == 0 or (args.classes.min() >= 0 and args.classes.max() < k),
            "everything lies in one piece": all(array.flags.c_contiguous for array in args),
        }
        if args.starts.size:
            facts["CSR"] = (
                args.starts.size == n_rows + 1 and args.starts[0] == 0 and bool((np.diff(args.starts) >= 0).all())
                and args.starts[-1] <= min(args.columns.size, args.x.size + args.x_bytes.size)
                and (args.columns.size == 0 or (args.columns.min() >= 0 and args.columns.max() < features))
            )  # fmt: skip
        dtypes = zip(args, argument_dtypes(dtype), ARGUMENTS, strict=True)
        facts |= {f"{name} has dtype {kind}": array.dtype == kind for array, kind, name in dtypes}
        wrong = [name for name, holds in facts.items() if not holds]
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
