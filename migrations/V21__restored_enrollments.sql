-- A restored enrollment keeps its id, so the log may have several beginnings and ends of it.
{{log_replaced_rows}}
