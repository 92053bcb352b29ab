class NotReadable(ValueError):
    pass
