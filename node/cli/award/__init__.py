"""`biaoshi award`: what the law says of the counts."""
