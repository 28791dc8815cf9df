"""What runs in the kernel: begin, step, readings, screen, cells. No credentials, no decisions."""
