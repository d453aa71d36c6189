"""What the forest-cover project knows: its columns, its source, its table, its models."""
