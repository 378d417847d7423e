"""What tests share: servers, rules about skips."""
