"""What a node is run and watched with."""
