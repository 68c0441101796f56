"""People and hosts around a journal: who may do what on the page, and which processes are alive."""
