"""One module for each thing that is measured; each sets up the sides of its benchmarks."""
