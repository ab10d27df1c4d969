"""What the core needs from outside, as protocols. The store, the provider and the cogs implement them."""
