"""The first seven of the eight steps, as pure functions on arrays: one module a step, to be read in this order.

`structure`, `initializers`, `activations`, `forward`, `losses`, `backward`, `optimizers` with `schedules`. Beside
`forward` stands `embeddings`, what it does first with columns of categories.
"""
