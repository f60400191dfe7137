"""One module a change of the schema; none may be changed once it was released."""
