"""What can be seen of a running daemon from outside: its log, and its metrics. Above the server and the API, which only
keep plain figures; nobody below knows of this.
"""
