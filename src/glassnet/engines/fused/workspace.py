"""The workspace: the memory of one plan, and the loop run over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.fused.epoch_loop import run
from glassnet.engines.fused.layout import LAYER, NET, Plan, aligned
from glassnet.engines.fused.records import KernelArgs
from glassnet.engines.fused.sparsity import is_profitable
from glassnet.engines.fused.threads import FLAGS, run_threads
from glassnet.engines.interface import Rows, byte_values

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
        args = KernelArgs(
            self.plan.net, self.plan.layers, self.floats, self.ints, self.terms, self.bits, self.stats,
            x, starts, columns, np.ascontiguousarray(order, np.int64), classes, values, weights,
            np.ascontiguousarray(steps, dtype).reshape(-1), np.ascontiguousarray(keys, np.uint32).reshape(-1),
            outputs.reshape(-1), records.reshape(-1), self.flags,
        )  # fmt: skip
        self._validate(args, len(rows), int(units[0]), k)
        return args

    def run(self, args: KernelArgs, first_batch: int, batches: int, first_step: int) -> None:
        """Run batches first_batch … first_batch + batches - 1 on all threads."""
        net = self.net
        threads = self.plan.threads
        net["first_batch"], net["batches"], net["first_step"] = first_batch, batches, first_step
        run_threads(lambda thread: run(thread, threads, args), threads, self.flags)

    def _validate(self, args: KernelArgs, n_rows: int, features: int, k: int) -> None:
        """Check dtypes, sizes and indices once: compiled code does not check them."""
        plan = self.plan
        dtype = self.plan.dtype
        order = args.order
        count = len(args.order)
        facts = {
            "records are the layout's": args.net.dtype == NET and args.layers.dtype == LAYER,
            "floats": args.floats.dtype == dtype and args.floats.size >= plan.floats_size,
            "floats begin on a cache line": args.floats.ctypes.data % 64 == 0,
            "ints": args.ints.size >= plan.ints_size,
            "lists": not args.net["skip_zeros"][0]
            or (args.terms.size >= plan.terms_size and args.bits.size >= plan.bits_size),
            "stats": args.stats.size >= plan.stats_size,
            "outputs": not args.net["stores_outputs"][0] or args.outputs.size > 0 or count == 0,
            "x holds the network's numbers or bytes": args.x.dtype in (dtype, np.uint8),
            "x has all rows": bool(args.starts.size) or args.x.size == n_rows * features,
            "order names rows": count == 0 or (order.min() >= 0 and order.max() < n_rows),
            "weights": args.weights.size in (0, n_rows),
            "truth": args.net["only_forward"][0] or args.values.size + args.classes.size >= n_rows,
            "classes": args.classes.size == 0 or (args.classes.min() >= 0 and args.classes.max() < k),
            "everything lies in one piece": all(array.flags.c_contiguous for array in args),
        }
        if args.starts.size:
            facts["CSR"] = (
                args.starts.size == n_rows + 1 and args.starts[0] == 0 and bool((np.diff(args.starts) >= 0).all())
                and args.starts[-1] <= min(args.columns.size, args.x.size)
                and (args.columns.size == 0 or (args.columns.min() >= 0 and args.columns.max() < features))
            )  # fmt: skip
        wrong = [name for name, holds in facts.items() if not holds]
        if wrong:
            raise ValueError(f"invalid arguments of the fused engine: {', '.join(wrong)}")
