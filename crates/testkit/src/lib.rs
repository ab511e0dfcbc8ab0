//! Fixtures and a fake world: clock, disk and randomness from a seed, and the crash simulator.
