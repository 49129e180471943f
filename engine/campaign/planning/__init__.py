"""What a campaign will do: its runs in order, how long they may take, and a simulation of them."""
