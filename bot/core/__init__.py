"""What Parley decides, in plain values: no discord, no openai, no SQL, no environment."""
