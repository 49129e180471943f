"""What main processes write, brought from the engine into the results."""
