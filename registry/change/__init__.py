"""What changes records that others keep in memory, told in the transaction of the change."""
