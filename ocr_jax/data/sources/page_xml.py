"""stub"""


def add_flags(p):
    pass
