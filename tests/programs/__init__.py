"""`diffing` with one part changed, as programs that tests start."""
