"""Plan and license: the gate, this device, and the real license server as a process."""
