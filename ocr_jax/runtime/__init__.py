"""What touches the machine: devices, processes, slots, signals, memory."""
