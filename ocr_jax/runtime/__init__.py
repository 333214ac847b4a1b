"""Access to the machine: devices, processes, slots, signals, memory."""
