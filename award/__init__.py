"""What the law says of the numbers: policy as code, assessment, certified report."""
