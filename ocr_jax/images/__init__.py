"""Image files: opened, cleaned of their paper, shown."""
