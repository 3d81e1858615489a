"""The fused engine: training as one compiled loop. docs/engine.md explains it; start reading at `epoch_loop`."""
