from rapier.representation import json
from rapier.representation.unreadable import NotReadable


class Representation:
    name = "json"
    media_type = "application/json"
    problem_media_type = "application/problem+json"

    def encode(self, value, shape):
        return json.encode(value) + b"\n"

    def encode_problem(self, value):
        return json.encode(value) + b"\n"

    def decode(self, body, shape):
        try:
            return json.decode(body)
        except json.NotJSON as p:
            raise NotReadable(str(p))


class R:
    def __init__(self):
        self.default = Representation()

    def __iter__(self):
        return iter([self.default])

    def by_name(self, n):
        return self.default if n == "json" else None

    def by_media_type(self, m):
        return self.default if m.split(";")[0].strip() == "application/json" else None

    def negotiate(self, a):
        return self.default

    def media_types(self):
        return ["application/json"]


REGISTRY = R()
