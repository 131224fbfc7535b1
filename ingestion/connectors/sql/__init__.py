"""Documents out of a database: each row of a table or of a query is one."""
