"""One module a group of the table; each has `entries()`."""
