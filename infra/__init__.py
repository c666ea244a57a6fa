"""Where the house stands: topology, images and the estate on one machine."""
