"""What the cogs share on the Discord side: delivery, views, files and checks."""
