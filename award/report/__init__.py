"""Certified reports: the signed JSON, the PDF made of it, the package, and checking one."""
