"""Places that hold a store, and the wrappers around them."""
