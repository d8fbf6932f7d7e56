"""Jobs: serial blocks and uploads, which go on after their request and survive any crash."""
