"""The commands behind make, the benchmarks, the web book."""
