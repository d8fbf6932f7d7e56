"""Assessments: a policy applied to facts and counts under all readings, what-ifs, forecasts."""
