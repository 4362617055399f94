"""What users read: summaries and tables."""
