"""The numbers of a calendar year in Shanghai, from closed days, with the rules they follow."""
