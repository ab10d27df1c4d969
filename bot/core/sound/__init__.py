"""Reading aloud and writing down what is said."""
