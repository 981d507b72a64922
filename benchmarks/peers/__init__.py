"""Other libraries, brought to do single operations as well as they can; those not installed stay away."""
