"""Tables: files of registrations, as spreadsheets save them."""
