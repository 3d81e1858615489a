"""The memory layout: the parameters in panels, the rows of a batch, the chunks that are updated at once.

**Panels.** The weights of a layer are stored as panels, two vector registers wide: panel p holds the columns
p·width … p·width + width - 1 of W, row after row, so that a tile reads consecutive memory, padded with zeros:
no tile ends in the middle. Biases follow in the same way. Everything that has one number for each parameter (moments,
the average, gradients) has the same layout, each vector in a separate slot::

    W1: panel 0 (units before × width) | panel 1 | …     b1: width, width, …     W2: …

**Chunks.** A panel's rows are updated about 64 at a time, small enough for the L1 cache. A chunk is computed by one
thread from beginning to end: the result does not depend on the number of threads.

All floating-point numbers are in one array, `floats`; the offsets in it are fields of the record `NET` and, for each
layer, of `LAYER`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from glassnet._utils.arrays import Array
from glassnet.engines.fused.codes import ACTIVATION, LOSS, NO_SCORE, RELU, RULE
from glassnet.engines.fused.processor import PANEL_VECTORS, SPARSE_ROWS, TILE_ROWS, lanes
from glassnet.engines.interface import Objective, UpdateRule

#: Rows of W in a chunk; the last chunk of a panel may have up to twice as many.
CHUNK_ROWS = 64
#: Rows that go through the layers together: wide weights are read once for all of them.
GROUP_ROWS = 64
#: Terms between a prefetch of a row of A and its use, where A is read across rows, which the processor can't predict.
PREFETCH_DISTANCE = 8
#: Number of rows that are interleaved for the loss, and size of its scratch array.
LOSS_ROWS = 16
SCRATCH = 4 * LOSS_ROWS
#: Indices of the sums over each chunk: g², |w|, w², u².
SQUARES_G, ABSOLUTE_W, SQUARES_W, SQUARES_U = range(4)
#: Indices in the array of flags that the threads share, in separate cache lines: arrivals, and whether to give up.
ARRIVALS, ABORT, FLAGS = 0, 8, 16
#: Number of records of a batch: its loss, penalties, gradient norm, sum of the rows' scores.
RECORD_SIZE = 4

#: Sizes, offsets and choices of the whole network. Offsets are in `floats` unless the comment says otherwise.
NET = np.dtype(
    [
        (name, np.int64)
        for name in (
            "layers", "width", "batch", "loss", "linked", "settings_at", "n_settings", "rule", "trust",
            "slot",  # from slot to slot: parameters, then the moments
            "n_slots", "ema_at", "gradients_at", "scratch_at", "scratch_size", "table_at",
            "capacity",  # of the tables of rows in `ints`: rows of a batch and some more
            "rows_at",  # in `ints`: where each thread keeps where the rows of this batch and the next begin in x
            "in_place",  # whether x is read where it lies; else it is gathered: CSR, dropout, few features
            "holds_bytes",  # whether x is `x_bytes`
            "sparse", "skip_zeros",
            "list_step", "row_lists_at", "row_list_step", "counts_at",  # in `terms`
            "words", "block_words", "bits_step",  # of 64 features, of 64 blocks; from even to odd batches in `bits`
            "outer",  # whether each row changes the parameters by itself, and plainly: dW is an outer product
            "by_columns", "whole", "updates", "has_l2", "only_forward", "logits",
            "score", "stores_outputs",  # the metric computed here; whether outputs are returned
            "n_rows", "target_columns", "weighted", "first_batch", "batches", "first_step", "flush_every",
            "scores_at", "sums_at",  # in `stats`
        )
    ]
    + [
        (name, np.float64)
        for name in (
            "l1", "grad_scale", "decay", "clip_value", "clip_norm", "max_norm", "ema_decay",
            "lars_coefficient", "lars_decay", "flush_below",
        )
    ]
)  # fmt: skip

#: The same for each layer, the input being layer 0.
LAYER = np.dtype(
    [
        (name, np.int64)
        for name in (
            "units", "panels", "step",  # from row to row of its activations
            "kind", "weights_at", "biases_at", "transposed_at", "z_at", "a_at",
            "h_at",  # what the next layer is given: a, or a after dropout
            "parity_stride",  # offset of z, a, h in odd batches: the next batch begins before this one ends
            "d_at",  # dz
            "table_at",  # in `ints`: k · step
            "chunks",  # of each panel
            "chunk_at", "bias_chunk_at",  # numbers of the first ones
            "threshold",  # of dropout: a unit stays where its 32 random bits are not below
        )
    ]
    + [("keep_scale", np.float64)]  # 1 / (1 - rate)
)  # fmt: skip


class Plan:
    """The layout of one network at one batch size, and how flat vectors are packed into it.

    Parameters
    ----------
    objective, rule : Objective, UpdateRule
        What is trained, and how.
    batch_size : int
        Rows a batch, at most.
    dtype : float32 or float64
        Of every number.
    threads : int
        How many share the work.
    sparse : bool
        Whether the input comes as CSR.
    only_forward, updates : bool
        Whether there is no way back; whether gradients change the parameters, or are kept.
    """

    def __init__(
        self,
        objective: Objective,
        rule: UpdateRule,
        batch_size: int,
        dtype: np.dtype[Any],
        threads: int,
        *,
        sparse: bool = False,
        only_forward: bool = False,
        updates: bool = True,
    ) -> None:
        structure = self.structure = objective.structure
        self.dtype = dtype
        self.threads = threads
        layers = self.layers = np.zeros(structure.n_layers + 1, LAYER)
        self.net = np.zeros(1, NET)
        width = PANEL_VECTORS * lanes(dtype)
        rates = np.zeros(structure.n_layers) if only_forward else np.array(objective.dropout)
        rows = -(-batch_size // max(TILE_ROWS, SPARSE_ROWS)) * max(TILE_ROWS, SPARSE_ROWS)
        layers["units"] = structure.layer_sizes
        layers["panels"] = -(-layers["units"] // width)
        layers["step"] = layers["panels"] * width
        layers["kind"][1:] = [ACTIVATION[activation.name] for activation in structure.activations]
        layers["threshold"][:-1] = np.round(rates * 2.0**32)
        layers["keep_scale"][:-1] = 1 / (1 - rates)
        in_place = rates[0] == 0 and structure.n_inputs >= TILE_ROWS and not sparse

        self._layout_parameters(layers, width)
        self._layout_rows(layers, rows, in_place, rates)
        trains = updates and not only_forward
        fields = {
            "layers": structure.n_layers, "width": width, "batch": batch_size, "slot": self.slot,
            "score": NO_SCORE, "in_place": in_place, "sparse": sparse,
            "by_columns": layers["panels"][1] % threads == 0 and not only_forward,
            "outer": batch_size == 1 and trains and is_plain(objective, rule),
            "whole": updates and _stores_gradients(rule), "updates": updates, "only_forward": only_forward,
            "n_slots": 1 + (len(rule.optimizer.moments) if trains else 0),
            "scores_at": rows, "sums_at": 2 * rows, "flush_below": np.finfo(dtype).tiny / np.finfo(dtype).eps,
        }  # fmt: skip
        self.stats_size = 2 * rows + 4 * self.n_chunks
        fields |= self._loss_fields(objective) | _rule_fields(rule, updates) | self._layout_lists(rows)
        fields |= self._layout_floats(fields, rule)
        for name, value in fields.items():
            self.net[name] = value

    def _loss_fields(self, objective: Objective) -> dict[str, Any]:
        """Return the fields of `NET` that the objective determines; flatten the loss's settings."""
        loss = objective.loss
        values = loss.settings.values()
        self.settings = [v for value in values for v in (value if isinstance(value, tuple) else (value,))]
        return {
            "loss": LOSS[loss.name], "linked": objective.structure.activations[-1].name == loss.link,
            "n_settings": len(self.settings), "grad_scale": loss.grad_scale,
            "l1": objective.l1, "has_l2": objective.l2 > 0 or objective.alpha > 0,
        }  # fmt: skip

    def _layout_floats(self, fields: dict[str, Any], rule: UpdateRule) -> dict[str, Any]:
        """Place everything in `floats`; return the offsets that are fields of `NET`."""
        layers, width = self.layers, fields["width"]
        updates, only_forward = fields["updates"], fields["only_forward"]
        stores_gradients = (_stores_gradients(rule) or not updates) and not only_forward
        # one or two chunks; or outputs, targets, gradient and activations of `LOSS_ROWS` rows
        scratch = max(4 * CHUNK_ROWS * width, 4 * LOSS_ROWS * int(layers["step"][-1]) + 3 * LOSS_ROWS + SCRATCH)
        offsets = {}
        end = 0
        for name, size in (
            ("slots", fields["n_slots"] * self.slot),
            ("ema_at", self.slot if rule.ema_decay is not None and updates else 0),
            ("gradients_at", self.slot if stores_gradients else 0),
            ("transposed", self.transposed_size if not only_forward else 0),
            ("activations", self.activations_size),
            ("scratch_at", self.threads * scratch),
            ("table_at", 256),
            ("settings_at", max(1, len(self.settings))),
        ):
            offsets[name] = end
            end += -(-size // 64) * 64
        self.floats_size = end + 64
        layers["transposed_at"] += offsets["transposed"]
        for name in ("z_at", "a_at", "h_at", "d_at"):
            layers[name] += offsets["activations"]
        return {"scratch_size": scratch} | {name: at for name, at in offsets.items() if name.endswith("_at")}

    def _layout_lists(self, rows: int) -> dict[str, Any]:
        """Place everything in `ints`, `terms` and `bits`; return the offsets and sizes that are fields of `NET`."""
        layers, n_inputs = self.layers, self.structure.n_inputs
        tiles = rows // SPARSE_ROWS
        words = -(-n_inputs // 64)
        blocks = -(-n_inputs // SPARSE_ROWS)
        block_words = -(-blocks // 64)
        whole_rows = -(-rows // 64) * 64
        list_step = 64 * words + PREFETCH_DISTANCE
        row_list_step = whole_rows + 2 * PREFETCH_DISTANCE
        counts_at = tiles * list_step + 64 * block_words * row_list_step
        capacity = max(whole_rows, rows) + TILE_ROWS + 2 * PREFETCH_DISTANCE
        layers["table_at"] = np.arange(len(layers)) * capacity
        self.table = (np.arange(capacity) * layers["step"][:, np.newaxis]).ravel()
        self.ints_size = (len(layers) + 2 * self.threads) * capacity
        self.terms_size = counts_at + tiles + 64 * block_words
        self.bits_size = 2 * rows * block_words + 64 * self.threads
        return {
            "capacity": capacity, "rows_at": len(layers) * capacity, "list_step": list_step,
            "row_lists_at": tiles * list_step, "row_list_step": row_list_step, "counts_at": counts_at,
            "words": words, "block_words": block_words, "bits_step": rows * block_words,
        }  # fmt: skip

    def _layout_parameters(self, layers: Array, width: int) -> None:
        """Lay out W1 b1 W2 b2 … in a slot; lay out the transposed weights and the chunks."""
        at = transposed = chunk = 0
        for before, layer in pairwise(layers):
            layer["weights_at"] = at
            layer["biases_at"] = at + before["units"] * layer["step"]
            at = int(layer["biases_at"] + layer["step"])
            layer["chunks"] = max(int(before["units"]) // CHUNK_ROWS, 1)
            layer["chunk_at"] = chunk
            chunk += int(layer["panels"] * layer["chunks"])
        for before, layer in pairwise(layers[1:]):
            layer["transposed_at"] = transposed
            transposed += int(layer["step"] * before["step"])
        for layer in layers[1:]:
            layer["bias_chunk_at"] = chunk
            chunk += int(layer["panels"])
        self.slot = -(-at // 16) * 16
        self.transposed_size = transposed
        self.n_chunks = chunk

    def _layout_rows(self, layers: Array, rows: int, in_place: bool, rates: Array) -> None:
        """Lay out z, a, h and dz of a batch."""
        end = 0
        for number, layer in enumerate(layers):
            size = rows * int(layer["step"])
            layer["d_at"], end = end, end + (size if number else 0)
            begin = end
            layer["z_at"], end = end, end + (size if number else 0)
            # ReLU in place: its derivative follows from a, and threads fetch one array from other caches instead of two
            rectified = 0 < number < len(rates) and layer["kind"] == RELU
            layer["a_at"], end = (layer["z_at"], end) if rectified else (end, end + (size if number else 0))
            own = not in_place if number == 0 else number < len(rates) and rates[number] > 0
            layer["h_at"], end = (end, end + size) if own else (layer["a_at"], end)
            if number <= 1:
                layer["parity_stride"] = end - begin
                end += end - begin
        self.activations_size = end

    def pack(self, vector: Array, slot: Array) -> None:
        """Copy one number for each parameter from a flat vector into its panels; the padding is left as it is."""
        for source, target in self.paired_views(vector, slot):
            target[...] = source

    def unpack(self, slot: Array, vector: Array) -> None:
        """Copy it back."""
        for target, source in self.paired_views(vector, slot):
            target[...] = source

    def paired_views(self, vector: Array, slot: Array) -> list[tuple[Array, Array]]:
        """Pair views of a flat vector with views of the same numbers in a slot: of whole panels, and of the rest."""
        width = int(self.net["width"][0])
        pairs = []
        for name, view in self.structure.views(vector).items():
            layer = self.layers[int(name[1:])]
            at, height = (layer["weights_at"], len(view)) if name[0] == "W" else (layer["biases_at"], 1)
            columns = view.reshape(height, -1)
            panels = slot[at : at + height * layer["step"]].reshape(-1, height, width)
            whole, rest = divmod(columns.shape[1], width)
            if whole:
                parts = columns[:, : whole * width].reshape(height, whole, width)
                pairs.append((parts, panels[:whole].transpose(1, 0, 2)))
            if rest:
                pairs.append((columns[:, whole * width :], panels[whole][:, :rest]))
        return pairs

    def transpose_weights(self, floats: Array) -> None:
        """Fill the transposed weights, which carry dz back: for each panel of units before, a row for each unit."""
        width = int(self.net["width"][0])
        for before, layer in pairwise(self.layers[1:]):
            height, step = int(before["units"]), int(layer["step"])
            at, transposed_at = layer["weights_at"], layer["transposed_at"]
            panels = floats[at : at + height * step].reshape(-1, height, width)
            transposed = floats[transposed_at : transposed_at + step * before["step"]].reshape(-1, step, width)
            W = np.concatenate(list(panels), axis=1)
            for number, panel in enumerate(transposed):
                part = W[number * width : (number + 1) * width]
                panel[:, : len(part)] = part.T


def _stores_gradients(rule: UpdateRule) -> bool:
    """Say whether an update needs the whole gradient first: its length, or that of each array."""
    optimizer = rule.optimizer
    return rule.clip_norm is not None or optimizer.trust or optimizer.direction.__name__ == "lars"


def _rule_fields(rule: UpdateRule, updates: bool) -> dict[str, Any]:
    """Return the fields of `NET` that the update rule determines."""
    optimizer = rule.optimizer
    return {
        "rule": RULE[optimizer.direction.__name__], "trust": optimizer.trust,
        "decay": optimizer.weight_decay if rule.weight_decay is None else rule.weight_decay,
        "clip_value": (rule.clip_value or 0) if updates else 0, "clip_norm": rule.clip_norm or 0,
        "max_norm": rule.max_norm or 0, "ema_decay": rule.ema_decay or 0,
        "lars_coefficient": optimizer.settings.get("trust_coefficient", 0.0),
        "lars_decay": optimizer.settings.get("coupled_weight_decay", 0.0),
    }  # fmt: skip


def is_plain(objective: Objective, rule: UpdateRule) -> bool:
    """Say whether a step is w ← w - η dw and nothing else: a parameter whose gradient is 0 stays as it is."""
    decay = rule.optimizer.weight_decay if rule.weight_decay is None else rule.weight_decay
    penalties = (decay, objective.l1, objective.l2, objective.alpha)
    also = (*penalties, rule.clip_norm, rule.clip_value, rule.max_norm, rule.ema_decay)
    return rule.optimizer.direction.__name__ == "gradient_descent" and not any(also)


def aligned(size: int, dtype: Any) -> Array:
    """Return zeros that begin on a cache line."""
    item = np.dtype(dtype).itemsize
    scratch = np.zeros(size + 64 // item, dtype)
    first = -scratch.ctypes.data % 64 // item
    return scratch[first : first + size]
