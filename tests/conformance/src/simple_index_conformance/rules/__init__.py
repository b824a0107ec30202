"""The rules, one file for each subject; a test is a rule and its docstring says which."""
