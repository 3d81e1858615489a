"""The first seven of the eight steps, as pure functions on arrays, one module a step.

In reading order: `structure`, `initializers`, `activations`, `embeddings`, `forward`, `losses`, `backward`,
`optimizers`, `schedules`; then `gradient_check`, which proves the backward pass, and `serialization`, which checks
structure and parameters from files. One more module has the ranges of the settings of losses, optimizers and
schedules. Each function is followed by its derivative, and each module ends with a table of names.
"""
