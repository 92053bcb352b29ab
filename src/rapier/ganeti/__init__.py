"""What Ganeti is, as data: opcodes, query fields, kinds of objects, job states. No I/O."""
