"""Who may come in: the users file, remembered passwords, slowing of guesses, certificates.

`doorkeeper.Doorkeeper` is the front for requests, `certificates` and `users_edit` are the fronts for the commands.
"""
