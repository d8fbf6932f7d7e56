"""`biaoshi doctor`: what a node depends on, looked at one by one."""
