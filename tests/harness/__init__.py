"""What the tests and the benches written in Python share: programs that they start, servers with a past, documents."""
