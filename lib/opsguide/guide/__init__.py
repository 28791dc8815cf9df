"""Who may do what: editions, scopes, the service map, the decision. Rules without I/O."""
