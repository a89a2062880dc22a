//! The engine: spec, plan, diff, topology, tasks, checkpoints
