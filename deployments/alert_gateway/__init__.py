"""Where alerts arrive: protect, write down, answer; then start the runbook and tell people."""
