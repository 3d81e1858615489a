"""What the settings of losses, optimizers and schedules may be, where the type of the default does not say it all.

They are checked when the settings are given or read from a file, not at the batch in which a formula fails.
"""

from __future__ import annotations

from glassnet._utils.constraints import (
    NON_NEGATIVE,
    POSITIVE,
    Constraint,
    is_number,
    number_from,
    whole_number_from,
)

_SHARE = number_from(0, 1)
_BELOW_1 = Constraint(lambda v: is_number(v) and 0 <= v < 1, "a number, at least 0 and below 1")
_DIVISOR = number_from(1e-9, 1e99)
#: Far more epochs than any training has, and exact as a number of steps.
_EPOCHS = number_from(0, 1e9)

#: Of `glassnet.network.losses.LOSSES`, by name.
LOSS_SETTINGS = {
    "delta": POSITIVE,
    "gamma": NON_NEGATIVE,
    "label_smoothing": _SHARE,
    "quantiles": Constraint(
        lambda v: hasattr(v, "__len__") and len(v) > 0 and all(is_number(q) and 0 < q < 1 for q in v),
        "a list of numbers above 0 and below 1",
    ),
}
#: Of `glassnet.network.optimizers.OPTIMIZERS`.
OPTIMIZER_SETTINGS = {
    "beta_1": _BELOW_1,
    "beta_2": _BELOW_1,
    "coupled_weight_decay": NON_NEGATIVE,
    "epsilon": NON_NEGATIVE,
    "momentum": _SHARE,
    "momentum_decay": NON_NEGATIVE,
    "rho": _SHARE,
    "trust_coefficient": NON_NEGATIVE,
}
#: Of `glassnet.network.schedules.SCHEDULES`.
SCHEDULE_SETTINGS = {
    "div_factor": _DIVISOR,
    "eta_min": NON_NEGATIVE,
    "final_div_factor": _DIVISOR,
    "gamma": NON_NEGATIVE,
    "pct_start": _SHARE,
    "power": NON_NEGATIVE,
    "step_size": whole_number_from(1, 10**9),
    "t_0": _EPOCHS,
    "t_mult": whole_number_from(1, 10**6),
    "warmup": _EPOCHS,
}
#: Of `glassnet.network.schedules.ReduceOnPlateau`.
PLATEAU_SETTINGS = {
    "factor": _SHARE,
    "min_factor": _SHARE,
    "patience": whole_number_from(0, 10**9),
    "threshold": _SHARE,
}
