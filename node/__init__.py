"""The running program: command line, settings, wiring, API surfaces, national-node uplink."""
