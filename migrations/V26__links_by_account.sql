-- Each change of an account ends its links; without this it would read those of everybody.
create index matricula_links_account on matricula_links (account_id);
