-- An import without a mode adds.
update matricula_imports set settings = replace(settings, '"mode":null', '"mode":"add"');
