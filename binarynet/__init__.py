"""Binary neural networks: quantizers, packed layers, packed training, and a file for each method."""
